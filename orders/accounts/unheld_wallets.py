"""Agent wallets that the exchange accepts for an account and that this app does not hold.

What the last readable list of an account's address named is kept with all of its agent wallets, so
that it stands whatever becomes of the one that read it. A later list alone ends it.
"""

import re

from orders.models import Account, AgentWallet
from orders.models.accounts import AgentWalletQuerySet
from orders.pacifica.bound import Bound

UNHELD = (
    "ALARM: the exchange also accepts agent wallets that this app does not hold: {}. Unless you "
    "know whose they are, revoke them on Pacifica's API key page."
)
ODD = "an entry that cannot be read:"
ENDS = "It is over once a test of an active agent wallet of the account finds none."
_BETWEEN = re.compile(rf", (?={ODD} |[1-9A-HJ-NP-Za-km-z]{{32,44}}(?:, |$))")  # of `unheld`


def listed(account: Account, bound: Bound) -> tuple[str, ...]:
    """List what a list shows that we do not hold, and its entries that cannot be read."""
    ours = AgentWallet.objects.filter(account__address=account.address)
    strange = sorted(set(bound.keys) - set(ours.values_list("public_key", flat=True)))
    return (*strange, *(f"{ODD} {entry}" for entry in bound.odd))


def keep(account: Account, unheld: str) -> None:
    """Keep what a list of this account named; call it in a transaction."""
    same = AgentWallet.objects.filter(account__address=account.address)
    AgentWallet.objects.filter(pk__in=list(same.locked())).update(unheld=unheld)


def entries_of(unheld: str) -> tuple[str, ...]:
    """Return one by one what a wallet's ``unheld`` names."""
    return tuple(_BETWEEN.split(unheld)) if unheld else ()


def alarmed() -> AgentWalletQuerySet:
    """Find agent wallets whose account's last readable list names one that we do not hold."""
    return AgentWallet.objects.showing_others()

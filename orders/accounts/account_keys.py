"""The keys of an account: agent wallets that sign for it, and its API config key.

People manage them on pages and by the terminal, so their rights are checked here; each act is
recorded.
"""

from typing import TYPE_CHECKING, Any

from django.db import transaction

from orders.access import four_eyes
from orders.access.denials import refuse
from orders.accounts import waiting_acts
from orders.audit import log
from orders.keys import sealing
from orders.models import Account, AgentWallet, Event, SealedApiConfigKey
from orders.models.desks import sees_everything

if TYPE_CHECKING:
    from orders.models.desks import Person

NOT_YOURS = "You may not manage the keys of such an account."


def add_agent_wallet(
    *, account: Account, public_key: str, secret: str, user: "Person", actor: log.Actor
) -> tuple[AgentWallet, bool]:
    """Seal and keep an agent wallet's secret; return the wallet, and whether it is new.

    Raises `BadAgentKey`, `NotAllowed`, and `Waits` where a second person has to approve it. The
    ``secret`` is never stored in clear, recorded or repeated.
    """
    _demand_agents(user, actor, account, f"add an agent wallet to account {account.pk}")
    _hold_wallet(account, public_key, secret, user, actor)
    assert user.pk is not None  # nobody anonymous may manage agent wallets
    return _take_in(account, public_key, secret, user.pk, actor)


def _hold_wallet(
    account: Account, public_key: str, secret: str, user: "Person", actor: log.Actor
) -> None:
    """Keep its key sealed, and raise `Waits`, where it waits for a second person."""
    if not four_eyes.is_needed_for(account):
        return
    public_key = sealing.check_public_key(public_key, what="agent wallet's public key")
    raw = sealing.read_secret(secret, public_key=public_key, account=account.address)
    _refuse_shared(public_key, account)
    if account.agent_wallets.filter(public_key=public_key, is_active=True).exists():
        return  # nothing is added
    sealed = sealing.seal(AgentWallet(account=account, public_key=public_key), raw)
    waiting_acts.hold_agent_wallet(account, public_key, sealed, user, actor)


@transaction.atomic
def _take_in(
    account: Account, public_key: str, secret: str, user_id: int, actor: log.Actor
) -> tuple[AgentWallet, bool]:
    public_key = sealing.check_public_key(public_key, what="agent wallet's public key")
    raw = sealing.read_secret(secret, public_key=public_key, account=account.address)
    _refuse_shared(public_key, account)
    wallet = account.agent_wallets.filter(public_key=public_key).first()
    if wallet is not None and wallet.is_active:
        return wallet, False
    if wallet is None:
        wallet = AgentWallet.objects.create(
            account=account, public_key=public_key, created_by_id=user_id
        )
        sealing.seal(wallet, raw).save()
    else:
        AgentWallet.objects.filter(pk=wallet.pk).update(is_active=True, tested_at=None)
        sealing.seal(wallet, raw).save()
    log.append(_wallet_fact(Event.AGENT_WALLET_ADDED, wallet, actor))
    return wallet, True


def disable_agent_wallet(*, wallet: AgentWallet, user: "Person", actor: log.Actor) -> bool:
    """Stop signing with this agent wallet before the next send; return whether it was active."""
    _demand_agents(user, actor, wallet.account, f"disable agent wallet {wallet.pk}")
    return _switch(wallet, actor, Event.AGENT_WALLET_DISABLED, is_active=False)


def enable_agent_wallet(*, wallet: AgentWallet, user: "Person", actor: log.Actor) -> bool:
    """Sign with this agent wallet again; return whether it was disabled.

    Raises `NotAllowed`, and `Waits` where a second person has to approve it.
    """
    _demand_agents(user, actor, wallet.account, f"enable agent wallet {wallet.pk}")
    if not wallet.is_active:
        waiting_acts.hold_agent_wallet(wallet.account, wallet.public_key, None, user, actor)
    return _switch(wallet, actor, Event.AGENT_WALLET_ENABLED, is_active=True)


@transaction.atomic
def _switch(wallet: AgentWallet, actor: log.Actor, event: Event, *, is_active: bool) -> bool:
    same = AgentWallet.objects.filter(pk=wallet.pk, is_active=not is_active)
    untested = {"tested_at": None} if is_active else {}  # the sweep has it tested then
    if not same.update(is_active=is_active, **untested):
        return False
    log.append(_wallet_fact(event, wallet, actor))
    return True


def set_api_config_key(
    *, account: Account, api_config_key: str, user: "Person", actor: log.Actor
) -> None:
    """Keep an account's API config key, sealed, in place of any other; administrators only.

    The key is never stored in clear, recorded or repeated; the log names it by its beginning.
    Raises `BadAgentKey`, `NotAllowed`, and `Waits` where a second person has to approve it.
    """
    _demand(sees_everything(user), actor, f"set the API config key of account {account.pk}")
    sealed = sealing.seal_api_config_key(account, api_config_key)
    waiting_acts.hold_api_config_key(account, sealed, user, actor)
    with transaction.atomic():
        sealed.save()
        log.append(_api_config_key_fact(account, actor, {"set": sealed.hint}))


def remove_api_config_key(*, account: Account, user: "Person", actor: log.Actor) -> bool:
    """Forget an account's API config key; return whether there was one. Administrators only."""
    _demand(sees_everything(user), actor, f"remove the API config key of account {account.pk}")
    with transaction.atomic():
        if not SealedApiConfigKey.objects.filter(account=account).delete()[0]:
            return False
        log.append(_api_config_key_fact(account, actor, {"removed": True}))
    return True


def _demand_agents(user: "Person", actor: log.Actor, account: Account, what: str) -> None:
    """Raise `NotAllowed`, and record that, unless the person may manage this account's wallets."""
    _demand(Account.objects.managed_by(user).filter(pk=account.pk).exists(), actor, what)


def _demand(is_allowed: bool, actor: log.Actor, what: str) -> None:
    if not is_allowed:
        refuse(actor=actor, what=what, said=NOT_YOURS)


def _wallet_fact(event: Event, wallet: AgentWallet, actor: log.Actor) -> log.Fact:
    return log.Fact(event, actor, account=wallet.account, data={"public_key": wallet.public_key})


def _api_config_key_fact(account: Account, actor: log.Actor, data: dict[str, Any]) -> log.Fact:
    return log.Fact(Event.API_CONFIG_KEY_CHANGED, actor, account=account, data=data)


def _refuse_shared(public_key: str, account: Account) -> None:
    """Refuse an agent wallet of another account.

    The exchange does not bind a signature to an account, so two accounts never share a key.
    """
    same_key = AgentWallet.objects.filter(public_key=public_key)
    if same_key.exclude(account__address=account.address).exists():
        raise sealing.BadAgentKey(
            "This agent wallet already signs for another account. Give each account its own."
        )

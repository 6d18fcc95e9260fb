"""What one agent wallet signed: the requests in the log that carry its signature, newest first.

Who signed stands in a record's data, which no index holds. So one look goes through a stretch of
its account's records, no longer however large the log is, and says where the next one begins.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models.lookups import Exact

from orders.audit import search
from orders.audit.search import Span, Unindexed, positions_between
from orders.audit.sentences import data_of
from orders.models import AgentWallet, AuditRecord, Event
from orders.models.desks import OfDesksQuerySet

if TYPE_CHECKING:
    from orders.models.desks import Person


@dataclass(frozen=True)
class Limits:
    """How far one look goes."""

    stretch: int = 20_000  # records of the account that one look goes through
    found: int = 100  # requests
    span: search.Limits = search.LIMITS  # for the positions between which the key was in use


LIMITS = Limits()


@dataclass(frozen=True)
class Found:
    """Requests, newest first. ``before``: the position to look on from; None at the end."""

    requests: list[AuditRecord]
    before: int | None


def find(
    *,
    wallet: AgentWallet,
    user: "Person",
    before: int | None = None,
    limits: Limits = LIMITS,
) -> Found:
    """Find the newest requests this agent wallet signed, of those before a position."""
    of_account = AuditRecord.objects.visible_to(user).filter(account=wallet.account_id)
    of_account = of_account.order_by("-position")
    for lookup, position in _bounds(of_account, wallet, limits.span).items():
        of_account = of_account.filter(**{f"position__{lookup}": position})
    if before is not None:
        of_account = of_account.filter(position__lt=before)
    positions = of_account.values_list("position", flat=True)
    last = positions[limits.stretch - 1 : limits.stretch].first()
    if last is not None:
        of_account = of_account.filter(position__gte=last)
    is_request = Exact(Unindexed("event"), Event.REQUEST)
    named = of_account.filter(is_request, data__contains=wallet.public_key)[: limits.found + 1]
    candidates = list(named)
    signed = [each for each in candidates[: limits.found] if is_signed_by(each, wallet.public_key)]
    is_cut = len(candidates) > limits.found
    return Found(signed, candidates[limits.found - 1].position if is_cut else last)


def is_signed_by(record: AuditRecord, public_key: str) -> bool:
    """Whether a request carries the signature of exactly this key."""
    return data_of(record).get("signer") == public_key


def _bounds(
    of_account: OfDesksQuerySet[AuditRecord], wallet: AgentWallet, limits: search.Limits
) -> Span:
    """Bound the positions: it signed nothing before it was added, nor once disabled for good."""
    span = {"from": wallet.created_at.isoformat()}
    disabled = None if wallet.is_active else _disabled(of_account, wallet)
    if disabled is not None:
        span["to"] = disabled.at.isoformat()
    return positions_between(span, limits=limits)


def _disabled(of_account: OfDesksQuerySet[AuditRecord], wallet: AgentWallet) -> AuditRecord | None:
    wanted = of_account.filter(event=Event.AGENT_WALLET_DISABLED, data__contains=wallet.public_key)
    return wanted.first()

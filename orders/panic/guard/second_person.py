"""What makes a guard slower or weaker waits for a second person, where the desk asks for one."""

from typing import TYPE_CHECKING, Any

from orders.access import four_eyes
from orders.access.four_eyes import NoLonger
from orders.access.permissions import has_permission
from orders.audit import log
from orders.lifecycle.targets import CannotAsk
from orders.models import Account, Guard, Latch, Proposal, ProposalKind, Right
from orders.panic.guard import changes, latches

if TYPE_CHECKING:
    from orders.models.desks import Person


def connect() -> None:
    """Say how such proposals are checked and done."""
    act = four_eyes.Act(may=_may, state=_state, do=_do, is_for_heads=True)
    four_eyes.register(ProposalKind.GUARD, act)


def _may(person: "Person", proposal: Proposal) -> bool:
    return has_permission(person, Right.SET_GUARDS, desk=proposal.desk)


def _state(proposal: Proposal) -> Any:
    """Return the guard's setting, or whether the latch holds; whether it is armed changes often."""
    content = four_eyes.content_of(proposal)
    if "latch" in content:
        held = Latch.objects.holding().filter(pk=content["latch"])
        return {"held": list(held.values_list("account__name", flat=True))}
    guards = Guard.objects.select_for_update(no_key=True).filter(pk=content["guard"])
    guard = guards.values(*changes.Setting.__dataclass_fields__).first()
    if guard is None:
        return None
    accounts = Account.objects.filter(
        pk__in=[guard["account_id"], content["setting"]["account_id"]]
    )
    return guard | {"accounts": list(accounts.order_by("pk").values_list("name", flat=True))}


def _do(proposal: Proposal, actor: log.Actor) -> str:
    """Do what was approved. Raises `NoLonger`."""
    content = four_eyes.content_of(proposal)
    try:
        if "latch" in content:
            return latches.write_release(content["latch"], actor, content["reason"])
        guard = Guard.objects.select_related("desk", "account").get(pk=content["guard"])
        setting = changes.Setting(**content["setting"])
        return changes.write(guard, setting, user_id=proposal.asked_by_id, actor=actor)
    except CannotAsk as error:
        raise NoLonger(str(error)) from None

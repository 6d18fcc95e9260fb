"""What of keys, roles and desks waits for a second person: how each is asked for, checked and done.

`orders.accounts.provisioning` has what is done at once.
"""

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model

from orders.access import four_eyes, sessions
from orders.access.four_eyes import Act, NoLonger, Waits
from orders.audit import log
from orders.keys import key_settings
from orders.models import (
    Account,
    AgentWallet,
    Desk,
    Event,
    Identity,
    Membership,
    Proposal,
    ProposalKind,
    Role,
    SealedApiConfigKey,
    SealedKey,
)
from orders.models.desks import RIGHTS, sees_everything

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from orders.models.desks import Person

GONE = "What it is about is not there any more."


def is_raised(role: str, before: str | None) -> bool:
    """Whether a role may do more than look, and more than the one held before."""
    held = RIGHTS[Role(before)] if before else set()
    return role != Role.VIEWER and not RIGHTS[Role(role)] <= held


# --- Keys ----------------------------------------------------------------------------------------


def hold_agent_wallet(
    account: Account, public_key: str, sealed: SealedKey | None, user: "Person", actor: log.Actor
) -> None:
    """Raise `Waits` where this agent wallet may sign only once a second person has approved it.

    ``sealed``: its key, sealed; None where a disabled one is enabled again.
    """
    if not four_eyes.is_needed_for(account):
        return
    proposal = four_eyes.ask(
        kind=ProposalKind.AGENT_WALLET,
        desk=account.desk,
        about=f"agent wallet {public_key} of account {account.pk}",
        content={"account": account.pk, "public_key": public_key, "is_new": sealed is not None},
        words=f"Agent wallet {public_key} signs for {account} of {account.desk}",
        user=user,
        actor=actor,
        sealed=(sealed.sealed_with, bytes(sealed.sealed)) if sealed else None,
    )
    raise Waits(proposal)


def hold_api_config_key(
    account: Account, sealed: SealedApiConfigKey, user: "Person", actor: log.Actor
) -> None:
    """Raise `Waits` where this API config key is used only once a second person approved it."""
    if not four_eyes.is_needed_for(account):
        return
    proposal = four_eyes.ask(
        kind=ProposalKind.API_CONFIG_KEY,
        desk=account.desk,
        about=f"API config key of account {account.pk}",
        content={"account": account.pk, "hint": sealed.hint},
        words=f"{account} of {account.desk} uses the API config key that begins with {sealed.hint}",
        user=user,
        actor=actor,
        sealed=(sealed.sealed_with, bytes(sealed.sealed)),
    )
    raise Waits(proposal)


def _account(proposal: Proposal) -> Account | None:
    accounts = Account.objects.select_for_update(no_key=True, of=("self",))
    return accounts.filter(pk=four_eyes.content_of(proposal)["account"]).first()


def _account_state(account: Account) -> list[Any]:
    """The account and the key that seals now: a key sealed to an older one is to be added again."""
    sealed_with = key_settings.sealing_key()[0]
    return [account.desk_id, account.name, account.address, account.is_active, sealed_with]


def _may_wallet(user: "Person", proposal: Proposal) -> bool:
    account = four_eyes.content_of(proposal)["account"]
    return Account.objects.managed_by(user).filter(pk=account).exists()


def _wallet_state(proposal: Proposal) -> Any:
    account, key = _account(proposal), four_eyes.content_of(proposal)["public_key"]
    if account is None:
        return None
    wallets = AgentWallet.objects.select_for_update(no_key=True, of=("self",))
    held = wallets.filter(public_key=key).order_by("pk")
    rows = [[each.pk, each.account_id, each.is_active] for each in held]
    return [_account_state(account), rows]


def _do_wallet(proposal: Proposal, actor: log.Actor) -> str:
    account, content = _account(proposal), four_eyes.content_of(proposal)
    if account is None:
        raise NoLonger(GONE)
    wallet, _ = AgentWallet.objects.get_or_create(
        account=account,
        public_key=content["public_key"],
        defaults={"created_by_id": proposal.asked_by_id},
    )
    AgentWallet.objects.filter(pk=wallet.pk).update(is_active=True, tested_at=None)
    event = Event.AGENT_WALLET_ADDED if content["is_new"] else Event.AGENT_WALLET_ENABLED
    if content["is_new"]:
        key_id, secret = _secret(proposal)
        SealedKey(agent_wallet=wallet, sealed_with=key_id, sealed=secret).save()
    log.append(log.Fact(event, actor, account=account, data={"public_key": wallet.public_key}))
    return f"Agent wallet {wallet.public_key} signs for {account}."


def _secret(proposal: Proposal) -> tuple[str, bytes]:
    sealed = getattr(proposal, "sealed_secret", None)
    if sealed is None:
        raise NoLonger("Its sealed key is gone: add it again.")
    return sealed.sealed_with, bytes(sealed.sealed)


def _api_key_state(proposal: Proposal) -> Any:
    account = _account(proposal)
    if account is None:
        return None
    held = SealedApiConfigKey.objects.filter(account=account).first()
    return [_account_state(account), bytes(held.sealed).hex() if held else None]


def _do_api_key(proposal: Proposal, actor: log.Actor) -> str:
    account, hint = _account(proposal), four_eyes.content_of(proposal)["hint"]
    if account is None:
        raise NoLonger(GONE)
    key_id, secret = _secret(proposal)
    SealedApiConfigKey(account=account, hint=hint, sealed_with=key_id, sealed=secret).save()
    fact = log.Fact(Event.API_CONFIG_KEY_CHANGED, actor, account=account, data={"set": hint})
    log.append(fact)
    return f"{account} has a new API config key."


# --- People and desks ----------------------------------------------------------------------------


def ask_role(
    person: "User",
    desk: Desk,
    role: str,
    *,
    user: "Person",
    actor: log.Actor,
    is_by_group: bool = False,
) -> Proposal:
    """Ask a second person to give this person a role on a desk.

    ``is_by_group``: the person's own groups ask for it; void as soon as these change.
    """
    name = person.get_username()
    by_group = {"is_by_group": True} if is_by_group else {}
    return four_eyes.ask(
        kind=ProposalKind.ROLE,
        desk=desk,
        about=f"person {person.pk} on desk {desk.pk}",
        content={"user": person.pk, "name": name, "desk": desk.pk, "role": str(role), **by_group},
        words=f"{name} becomes {Role(role).label.lower()} of {desk}",
        user=user,
        actor=actor,
    )


def ask_state(person: "User", what: str, *, user: "Person", actor: log.Actor) -> Proposal:
    """Ask a second person to make this one an administrator (*administrator*), or *active* again.

    They change the person alone: roles are asked for one by one.
    """
    name = person.get_username()
    words = f"{name} becomes an administrator" if what == "administrator" else f"{name} may sign in"
    return four_eyes.ask(
        kind=ProposalKind.ADMINISTRATOR,
        desk=None,
        about=f"person {person.pk} {what}",
        content={"user": person.pk, "name": name, "what": what},
        words=words + ("" if what == "administrator" else " again, with the roles held before"),
        user=user,
        actor=actor,
    )


def ask_off(desk: Desk, *, user: "Person", actor: log.Actor) -> Proposal:
    """Ask a second person to have nothing wait any more on this desk."""
    return four_eyes.ask(
        kind=ProposalKind.FOUR_EYES_OFF,
        desk=desk,
        about=f"desk {desk.pk}",
        content={"desk": desk.pk},
        words=f"{desk} asks for no second person any more",
        user=user,
        actor=actor,
    )


def _person(proposal: Proposal) -> "User | None":
    people = get_user_model().objects.select_for_update(no_key=True)
    return people.filter(pk=four_eyes.content_of(proposal)["user"]).first()


def _desk(proposal: Proposal) -> Desk | None:
    desks = Desk.objects.select_for_update(no_key=True)
    return desks.filter(pk=four_eyes.content_of(proposal)["desk"]).first()


def _may_people(user: "Person", proposal: Proposal) -> bool:
    return sees_everything(user)


def _may_role(user: "Person", proposal: Proposal) -> bool:
    """Whether this person gives roles; a role by groups is asked for in its person's own name."""
    content = four_eyes.content_of(proposal)
    is_own = bool(content.get("is_by_group")) and content["user"] == user.pk and user.is_active
    return is_own or sees_everything(user)


def _person_state(proposal: Proposal) -> Any:
    person = _person(proposal)
    if person is None:
        return None
    roles = Membership.objects.filter(user=person).order_by("desk_id")
    held = [list(row) for row in roles.values_list("desk_id", "role")]
    return [person.get_username(), person.is_active, person.is_superuser, held]


def _role_state(proposal: Proposal) -> Any:
    person, desk = _person(proposal), _desk(proposal)
    if person is None or desk is None:
        return None
    held = Membership.objects.filter(user=person, desk=desk).values_list("role", flat=True).first()
    state = [person.get_username(), person.is_active, person.is_superuser, desk.is_active, held]
    if four_eyes.content_of(proposal).get("is_by_group"):
        told = Identity.objects.filter(user=person).order_by("issuer")
        state.append([sorted(groups) for groups in told.values_list("groups", flat=True)])
    return state


def _do_role(proposal: Proposal, actor: log.Actor) -> str:
    person, desk, role = _person(proposal), _desk(proposal), four_eyes.content_of(proposal)["role"]
    if person is None or desk is None:
        raise NoLonger(GONE)
    Membership.objects.update_or_create(user=person, desk=desk, defaults={"role": role})
    data = {"user": person.get_username(), "role": role}
    log.append(log.Fact(Event.MEMBERSHIP_CHANGED, actor, desk=desk, data=data))
    return f"{person.get_username()} is {Role(role).label.lower()} of {desk}."


def _do_state(proposal: Proposal, actor: log.Actor) -> str:
    person, what = _person(proposal), four_eyes.content_of(proposal)["what"]
    if person is None:
        raise NoLonger(GONE)
    name = "is_superuser" if what == "administrator" else "is_active"
    get_user_model().objects.filter(pk=person.pk).update(**{name: True})
    sessions.end_all(user=person)
    data = {"user": person.get_username(), "changed": {name: ["False", "True"]}}
    log.append(log.Fact(Event.USER_CHANGED, actor, data=data))
    return (
        f"{person.get_username()} is {'an administrator' if name == 'is_superuser' else 'active'}."
    )


def _off_state(proposal: Proposal) -> Any:
    desk = _desk(proposal)
    return [desk.name, desk.needs_second_person, desk.is_active] if desk else None


def _do_off(proposal: Proposal, actor: log.Actor) -> str:
    desk = _desk(proposal)
    if desk is None:
        raise NoLonger(GONE)
    Desk.objects.filter(pk=desk.pk).update(needs_second_person=False)
    data = {"changed": {"needs_second_person": ["True", "False"]}}
    log.append(log.Fact(Event.DESK_CHANGED, actor, desk=desk, data=data))
    return f"{desk} asks for no second person any more."


ACTS = {
    ProposalKind.AGENT_WALLET: Act(may=_may_wallet, state=_wallet_state, do=_do_wallet),
    ProposalKind.API_CONFIG_KEY: Act(may=_may_people, state=_api_key_state, do=_do_api_key),
    ProposalKind.ROLE: Act(may=_may_role, state=_role_state, do=_do_role),
    ProposalKind.ADMINISTRATOR: Act(may=_may_people, state=_person_state, do=_do_state),
    ProposalKind.FOUR_EYES_OFF: Act(may=_may_people, state=_off_state, do=_do_off),
}


def connect() -> None:
    """Register these acts with those that may wait for a second person."""
    for kind, act in ACTS.items():
        four_eyes.register(kind, act)

"""Turn a person's second factor off: by an administrator, and by two where it must be two."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model

from orders.access import four_eyes, passkeys, second_factor
from orders.access.denials import refuse
from orders.access.four_eyes import Act, NoLonger
from orders.audit import log
from orders.models import Proposal, ProposalKind
from orders.models.desks import sees_everything

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from orders.models.desks import Person

NOT_YOURS = "Only administrators turn another person's second factor off."
WHO = "Say who asks for it: a second person has to approve this."


def turn_off(*, person: "User", user: "Person | None", actor: log.Actor) -> bool:
    """Forget all second factors of a person and end every session; return whether there was one.

    ``user``: the administrator; None for a command whose caller is not named. Raises `NotAllowed`,
    `four_eyes.Waits`, or `NoLonger` where a second person is needed and nobody is named.
    """
    if user is not None and not sees_everything(user):
        refuse(actor=actor, what=f"turn off the second factor of {person}", said=NOT_YOURS)
    if second_factor.is_enrolled(person) and four_eyes.is_needed_of(person):
        if user is None:
            raise NoLonger(WHO)
        raise four_eyes.Waits(_asked(person, user, actor))
    return second_factor.reset(user=person, actor=actor)


def remove_passkey(
    *, person: "User", passkey_id: int, user: "Person | None", actor: log.Actor
) -> str | None:
    """Remove another person's passkey; return its name, or None where there is none such.

    To remove one of several lowers a risk, and waits for nobody. To remove the last second factor
    is to turn it off. ``user`` and what is raised: as with `turn_off`.
    """
    if user is not None and not sees_everything(user):
        refuse(actor=actor, what=f"remove a passkey of {person}", said=NOT_YOURS)
    needs_second = four_eyes.is_needed_of(person)
    try:
        return passkeys.remove(
            user=person, passkey_id=passkey_id, actor=actor, may_be_last=not needs_second
        )
    except passkeys.LastFactor:
        turn_off(person=person, user=user, actor=actor)
        return None


def _asked(person: "User", user: "Person", actor: log.Actor) -> Proposal:
    return four_eyes.ask(
        kind=ProposalKind.SECOND_FACTOR_OFF,
        desk=None,
        about=f"person {person.pk}",
        content={"user": person.pk, "name": person.get_username()},
        words=f"The second factor of {person.get_username()} is turned off",
        user=user,
        actor=actor,
    )


def _person(proposal: Proposal) -> "User | None":
    pk = four_eyes.content_of(proposal)["user"]
    return get_user_model().objects.select_for_update(no_key=True).filter(pk=pk).first()


def _state(proposal: Proposal) -> Any:
    person = _person(proposal)
    return [person.get_username(), *second_factor.devices(person)] if person else None


def _do(proposal: Proposal, actor: log.Actor) -> str:
    person = _person(proposal)
    if person is None or not second_factor.reset(user=person, actor=actor):
        raise NoLonger("This person has no second factor any more.")
    return f"The second factor of {person.get_username()} is off, every session ended."


ACT = Act(may=lambda user, proposal: sees_everything(user), state=_state, do=_do)


def connect() -> None:
    """Register the act with those that may wait for a second person."""
    four_eyes.register(ProposalKind.SECOND_FACTOR_OFF, ACT)

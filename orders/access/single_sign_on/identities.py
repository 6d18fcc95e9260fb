"""Who a provider's person is here: by issuer and subject alone, never by a name or an address."""

from datetime import datetime
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.utils import timezone

from orders.access import names, sessions
from orders.access.single_sign_on.claims import Claims, Refused
from orders.audit import log
from orders.models import Event, Identity

if TYPE_CHECKING:
    from django.contrib.auth.models import User

NO_NAME = (
    "The sign-in service told no name that could be yours here: letters, digits and @ . + - _ "
    "only, at most 150. Tell an administrator: SSO_NAME_CLAIM says which of its claims are read."
)
TAKEN = (
    "Somebody is named {name} here already. If that is you, sign in with your password and connect "
    "the two on your settings; or have an administrator do it: manage.py link_sign_on {name} "
    "{subject}"
)
DEACTIVATED = "You are deactivated here. An administrator of this site can change that."


def of(user: "User", issuer: str) -> Identity | None:
    """Return who this person is at the provider, if they are connected."""
    return Identity.objects.filter(user_id=user.pk, issuer=issuer).first()


def person_of(claims: Claims, *, actor_from: str) -> "User":
    """Return the person that the provider's is here; make a new one, without any right.

    ``actor_from``: the address that the record of a new person names. Raises `Refused`.
    """
    known = _known(claims)
    if known is None:
        try:
            return _made(claims, actor_from)
        except (IntegrityError, names.ReadsAlike) as taken:
            known = _known(claims)  # the same person, in another browser at this moment
            if known is None:
                name = taken.other if isinstance(taken, names.ReadsAlike) else claims.name
                raise Refused(_taken(name, claims)) from None
    if not known.user.is_active:
        raise Refused(DEACTIVATED)
    user: User = known.user
    return user


def told(claims: Claims, *, now: datetime | None = None) -> None:
    """Keep what the provider told of this person's groups, and when."""
    known = Identity.objects.filter(issuer=claims.issuer, subject=claims.subject)
    known.update(groups=list(claims.groups), last_at=now or timezone.now())


def link(
    *, user: "User", issuer: str, subject: str, actor: log.Actor, now: datetime | None = None
) -> None:
    """Tie a provider's person to this one. Raises `Refused` where either is tied already."""
    now = now or timezone.now()
    try:
        with transaction.atomic():
            Identity.objects.create(user=user, issuer=issuer, subject=subject, linked_at=now)
            log.append(_fact(user, actor, ["none", subject], issuer))
    except IntegrityError:
        raise Refused(
            "One of the two is connected already: that is undone first, by an administrator, with "
            "manage.py link_sign_on --remove."
        ) from None


@transaction.atomic
def unlink(*, user: "User", issuer: str, actor: log.Actor) -> bool:
    """Untie a person from the provider, and end every session; return whether they were tied."""
    known = of(user, issuer)
    if known is None:
        return False
    known.delete()
    sessions.end_all(user=user)
    log.append(_fact(user, actor, [known.subject, "none"], issuer))
    return True


def _known(claims: Claims) -> Identity | None:
    tied = Identity.objects.filter(issuer=claims.issuer, subject=claims.subject)
    return tied.select_related("user").first()


def _made(claims: Claims, address: str) -> "User":
    """Make the person; the sign-in service is not asked what they may do here.

    Raises `Refused`, and `names.ReadsAlike`.
    """
    users = get_user_model()
    if not claims.name:
        raise Refused(NO_NAME)
    user = users(username=claims.name, is_staff=True)
    user.set_unusable_password()
    with transaction.atomic():
        user.save()
        Identity.objects.create(
            user=user, issuer=claims.issuer, subject=claims.subject, linked_at=timezone.now()
        )
        actor = log.Actor(user.pk, user.get_username(), address=address)
        about = {"issuer": claims.issuer, "subject": claims.subject}
        data = {"added": user.get_username(), "is_administrator": False, "sign_on": about}
        log.append(log.Fact(Event.USER_CHANGED, actor, data=data))
    return user


def _taken(name: str, claims: Claims) -> str:
    return TAKEN.format(name=name, subject=claims.subject)


def _fact(user: "User", actor: log.Actor, changed: list[str], issuer: str) -> log.Fact:
    data = {"user": user.get_username(), "changed": {"single sign-on": changed}, "issuer": issuer}
    return log.Fact(Event.USER_CHANGED, actor, data=data)

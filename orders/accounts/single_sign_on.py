"""Let in whom the provider signed in: find the person, give the roles, begin a session."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from orders.access import emergency, second_factor, sessions, sign_in, throttling
from orders.access.sign_in_log import client_address, signing_in
from orders.access.single_sign_on import identities, provider, walk
from orders.access.single_sign_on.claims import Claims, Refused
from orders.access.single_sign_on.walk import Purpose, Walked
from orders.accounts import group_roles
from orders.audit import log
from orders.models import Identity

if TYPE_CHECKING:
    from django.contrib.auth.models import User

STEP = "single sign-on"
GIVE_FACTOR = "You have a second factor here: it alone confirms that it is you."
NO_GROUPS = (
    "{name} told no groups of yours ({claim}): no role comes from them. If you should have one, "
    "tell an administrator; SSO_GROUPS_CLAIM says where groups are read."
)
SOMEBODY_ELSE = "The sign-in service says that you are somebody else. Sign in there as yourself."


def identity_of(person: "User") -> Identity | None:
    """Return who this person is at the provider; None where they are not connected to one."""
    there = settings.SINGLE_SIGN_ON
    return identities.of(person, there.issuer) if there is not None else None


def provider_of(person: "User") -> str:
    """Return what people call the provider that signs this person in; nothing where none does."""
    return provider.name() if identity_of(person) is not None else ""


def without_groups() -> str:
    """Say to whom no groups were told that no role comes from them, and what to do."""
    there = provider.chosen()
    return NO_GROUPS.format(name=there.name, claim=there.groups_claim)


def has_password(person: "User") -> bool:
    """Whether this person has a password that is looked at."""
    return person.has_usable_password() and emergency.are_passwords_on(person)


def check_may_link(request: HttpRequest) -> None:
    """Raise where this session may not connect its person: by a password alone nobody does.

    Else whoever has a password would add a way in of their own. Raises `sessions.NotFresh` too.
    """
    if not sign_in.may_enrol(request):
        raise PermissionDenied("The second factor is missing.")
    sessions.demand_fresh(request)


def come_back(request: HttpRequest) -> Walked:
    """Take a browser that is back from the provider, for what it went there.

    What the provider said is taken once. Failures count against this address, but for those of a
    provider that is down. Raises `Refused`, `sign_in.Throttled`, and what `check_may_link` raises.
    """
    if walk.WALK not in request.session:
        raise Refused(walk.LOST)
    ended: list[Walked] = []

    def check() -> "User":
        ended.append(walk.end(request))
        return _done(request, ended[0])

    faults = (provider.Unreachable,)
    sign_in.attempt(request, STEP, check, refusals=Refused, faults=faults)
    return ended[0]


def _done(request: HttpRequest, walked: Walked) -> "User":
    if walked.purpose is Purpose.ENTER:
        return _enter(request, walked.claims)
    person, claims = sessions.person_of(request), walked.claims
    if walked.purpose is Purpose.LINK:
        walk.check_anew(walked)
        check_may_link(request)
        actor = log.Actor(person.pk, person.get_username(), address=client_address(request))
        identities.link(user=person, issuer=claims.issuer, subject=claims.subject, actor=actor)
        return person
    if second_factor.is_enrolled(person):
        raise Refused(GIVE_FACTOR)
    known = identities.of(person, claims.issuer)
    if known is None or known.subject != claims.subject:
        raise Refused(SOMEBODY_ELSE)
    _prove(request, person, walked)
    return person


def _prove(request: HttpRequest, person: "User", walked: Walked) -> None:
    """Take it as a fresh proof; of a provider that tells no times, for a first factor alone.

    Who has a password gives that. Raises `Refused`.
    """
    if walked.claims.auth_time is None and not has_password(person):
        sessions.prove_untimed(request)
    else:
        walk.check_anew(walked)
        sessions.prove(request)


def _enter(request: HttpRequest, claims: Claims) -> "User":
    """Sign the person in. The session stands on the roles that the groups give now."""
    address = client_address(request)
    person = identities.person_of(claims, actor_from=address)
    actor = log.Actor(person.pk, person.get_username(), address=address)
    there = provider.chosen()
    identities.told(claims)
    group_roles.apply(person=person, groups=claims.groups, provider=there, actor=actor)
    signing_in(request, {"by": STEP, "subject": claims.subject})
    login(request, person)
    sessions.prove(request, at=walk.proven_at(claims))
    if claims.has_second_factor:
        sign_in.verified_elsewhere(request, provider.name())
    elif not second_factor.is_asked_of(person):
        throttling.know(user=person, address=address)
    return person

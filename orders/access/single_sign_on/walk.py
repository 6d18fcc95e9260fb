"""The walk of one browser to the provider and back: begun by POST, ended by POST, once.

The provider sends the browser back by GET, and that page changes nothing: it sends itself on by
POST.
"""

from dataclasses import dataclass
from enum import StrEnum

from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from orders.access.single_sign_on import provider
from orders.access.single_sign_on.claims import Claims, Refused
from orders.models.clocks import MAY_DIFFER

WALK = "desk_sign_on"  # in the session: purpose, state, next page, when it began, whose session
GOOD_FOR_S = 600  # people look for their telephone
LOST = "This sign-in was not begun here, is over, or took longer than ten minutes. Begin again."
NOT_ANEW = (
    "{} did not say that you signed in there just now (auth_time). Set up a second factor here: it "
    "confirms that it is you."
)


class Purpose(StrEnum):
    """What the person goes to the provider for."""

    ENTER = "enter"  # sign in
    PROVE = "prove"  # show again who they are, for an act that asks for it
    LINK = "link"  # tie the provider's person to the one who is signed in here


@dataclass(frozen=True)
class Walked:
    """A browser that is back. ``next``: the page where its person was going.

    ``is_anew``: the provider said that the person signed in there after the walk had begun.
    """

    purpose: Purpose
    claims: Claims
    next: str
    is_anew: bool


def begin(request: HttpRequest, purpose: Purpose, *, back_to: str, next_page: str) -> str:
    """Return the provider's address where the browser goes. Raises `Refused`."""
    is_to_prove = purpose is not Purpose.ENTER
    address, state = provider.sent(request, back_to=back_to, is_to_prove=is_to_prove)
    user_id = request.user.pk or 0
    request.session[WALK] = [purpose.value, state, next_page, _now(), user_id]
    return address


def end(request: HttpRequest) -> Walked:
    """Take what the browser brought back. Raises `Refused`."""
    kept = request.session.pop(WALK, None)
    if kept is None:
        raise Refused(LOST)
    purpose, state, next_page, began_at, user_id = kept
    is_its_own = constant_time_compare(str(request.POST.get("state", "")), state)
    is_young = 0 <= _now() - began_at <= GOOD_FOR_S
    if not (is_its_own and is_young and user_id == (request.user.pk or 0)):
        raise Refused(LOST)
    claims = provider.answered(request)
    return Walked(Purpose(purpose), claims, next_page, _is_anew(claims, began_at))


def proven_at(claims: Claims) -> int:
    """Return when the person last proved to the provider who they are, never later than now.

    A provider that remembers a person for a day signs in whoever sits at the open browser.
    """
    return min(claims.auth_time or 0, _now())


def check_anew(walked: Walked) -> None:
    """Raise `Refused` where the provider did not say that the person signed in there just now."""
    if not walked.is_anew:
        raise Refused(not_anew())


def not_anew() -> str:
    """Say that the provider did not say so, and what confirms in its place who one is."""
    return NOT_ANEW.format(provider.name())


def _is_anew(claims: Claims, began_at: int) -> bool:
    slack = int(MAY_DIFFER.total_seconds())
    return claims.auth_time is not None and claims.auth_time >= began_at - slack


def _now() -> int:
    return int(timezone.now().timestamp())

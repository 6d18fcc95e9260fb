"""How long a sign-in holds: idle and absolute limits, what ends it everywhere, how fresh it is."""

import hashlib
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from orders.access import browsers
from orders.models import SessionEpoch
from orders.models.prepared import Prepared

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.base import SessionBase
    from django.db.models import QuerySet


FRESH_FOR_S = 300
SEEN_EVERY_S = 60  # an idle clock needs no write at every request
BEGAN, SEEN, FRESH = "desk_began_at", "desk_seen_at", "desk_fresh_at"
UNTIMED = "desk_untimed_at"  # when a provider named the person anew that tells no times
STANDING, VERIFIED = "desk_standing", "desk_verified_at"
# What its person is shown of it: the address it began from, the last one, the browser in words.
FROM, SEEN_FROM, BROWSER = "desk_from", "desk_seen_from", "desk_browser"


class NotFresh(Exception):
    """The act asks for a proof of who one is, given within the last five minutes."""


def person_of(request: HttpRequest) -> "User":
    """Return the person who is signed in. Raises `PermissionDenied` where nobody is."""
    if not request.user.is_authenticated:
        raise PermissionDenied
    return request.user


def begin(request: HttpRequest, user: "User", *, address: str) -> None:
    """Start the clocks of a session that just signed in by password from this address."""
    now = _now()
    request.session.update({BEGAN: now, SEEN: now, FRESH: now, STANDING: epoch_of(user.pk)})
    browser = browsers.in_words(request.headers.get("User-Agent", ""))
    request.session.update({FROM: address, SEEN_FROM: address, BROWSER: browser})


def verify(request: HttpRequest) -> None:
    """Note that the second factor was given: a new session key, and a fresh proof."""
    request.session.cycle_key()
    request.session[VERIFIED] = _now()
    prove(request)


def verified_elsewhere(request: HttpRequest) -> None:
    """Note that the provider asked for a second factor: how fresh the proof is stays as it is."""
    request.session[VERIFIED] = _now()


def prove(request: HttpRequest, *, at: int | None = None) -> None:
    """Note that the person has just shown again who they are; or when they did, since 1970."""
    request.session[FRESH] = _now() if at is None else at


def prove_untimed(request: HttpRequest) -> None:
    """Note that the provider was asked to sign the person in anew, and names no time.

    That is no fresh proof: it counts for a first second factor alone.
    """
    request.session[UNTIMED] = _now()


def keep_after_password(request: HttpRequest) -> None:
    """Let this session outlive a change that ends the person's others."""
    request.session.cycle_key()
    request.session[STANDING] = epoch_of(person_of(request).pk)


def is_verified(request: HttpRequest) -> bool:
    """Whether this session gave its second factor."""
    return VERIFIED in request.session


def is_over(request: HttpRequest) -> bool:
    """Whether the session of a signed-in person has ended: by time, or by what changed since."""
    session = request.session
    if _now() > holds_until(session):
        return True
    return session.get(STANDING) != epoch_of(person_of(request).pk)


def holds_until(session: "SessionBase | dict[str, Any]") -> int:
    """Return the last second, since 1970, at which a session holds if nobody uses it again."""
    began, seen = session.get(BEGAN), session.get(SEEN)
    if began is None or seen is None:
        return 0
    oldest: int = began + settings.SESSION_MAX_HOURS * 3600
    idlest: int = seen + settings.SESSION_IDLE_MINUTES * 60
    return min(oldest, idlest)


def touch(request: HttpRequest, *, address: str) -> None:
    """Note that the person did something; a page that looks by itself does not count.

    An address that the session was not seen from last is noted whatever came from it: a cookie
    that was carried off shows by it.
    """
    now, session = _now(), request.session
    if _is_by_hand(request) and abs(now - session.get(SEEN, 0)) >= SEEN_EVERY_S:
        session[SEEN] = now
    if session.get(SEEN_FROM) and session[SEEN_FROM] != address:
        session[SEEN_FROM] = address


def demand_fresh(request: HttpRequest) -> None:
    """Raise `NotFresh` where the last proof is older than five minutes."""
    if not is_fresh(request):
        raise NotFresh


def is_fresh(request: HttpRequest) -> bool:
    """Whether the person proved within the last five minutes who they are."""
    return _is_young(request.session.get(FRESH, 0))


def is_proven_untimed(request: HttpRequest) -> bool:
    """Whether a provider that tells no times named the person within the last five minutes."""
    return _is_young(request.session.get(UNTIMED, 0))


EPOCH_COLUMNS = (
    *("pk", "memberships__desk", "memberships__role", "is_superuser"),
    *("second_factor__confirmed_at", "session_epoch__epoch", "passkeys__pk"),
)


def _epoch_rows() -> "QuerySet[User, Any]":
    people = get_user_model().objects.order_by("memberships__desk", "passkeys__pk")
    return people.values_list(*EPOCH_COLUMNS)


_rows_of_one = Prepared(lambda user_id: _epoch_rows().filter(pk=user_id), user_id=(1, 2))


def epoch_of(user_id: int) -> str:
    """What a session stands on: roles, second factors, and how often all sessions were ended.

    Taken from the rows themselves, so that no door can change a role and leave sessions alive.
    Django's own session hash does the same for the password.
    """
    return _hashed(_rows_of_one(user_id=user_id))


def epochs_of(user_ids: Collection[int]) -> dict[int, str]:
    """Return the same for many people, by user id; one query."""
    rows: dict[int, list[tuple[Any, ...]]] = {user_id: [] for user_id in user_ids}
    for row in _epoch_rows().filter(pk__in=user_ids):
        rows[row[0]].append(row)
    return {user_id: _hashed(found) for user_id, found in rows.items()}


def _hashed(rows: list[tuple[Any, ...]]) -> str:
    values = [tuple(row[1:]) for row in rows]
    return hashlib.sha256(repr(values).encode()).hexdigest()


def end_all(*, user: "User") -> None:
    """End every session of this person."""
    SessionEpoch.objects.get_or_create(user=user)
    SessionEpoch.objects.filter(user=user).update(epoch=F("epoch") + 1)


def _is_by_hand(request: HttpRequest) -> bool:
    headers = request.headers
    looks = "HX-Request" in headers or headers.get("Sec-Fetch-Mode", "navigate") != "navigate"
    return request.method == "POST" or not looks


def _is_young(at: int) -> bool:
    return 0 <= _now() - at <= FRESH_FOR_S


def _now() -> int:
    return int(timezone.now().timestamp())

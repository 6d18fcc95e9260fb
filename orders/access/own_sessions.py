"""A person's own open sessions: from where, in which browser, since when; and how each is ended.

What is told of a session stands in the session itself and goes with it. A session is named by the
keyed hash that the log has of it: its key is shown nowhere. Nobody reaches another's.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from orders.access import open_sessions, sessions
from orders.access.browsers import UNKNOWN
from orders.access.denials import refuse
from orders.access.sign_in_log import actor_of, session_hash
from orders.audit import log
from orders.models import Event

if TYPE_CHECKING:
    from django.contrib.auth.models import User

NOT_YOURS = "You have no such session: it is over already, or was never yours. Nothing was ended."
THIS_ONE = "This is the session that you are using: sign out to end it."


class IsThisOne(Exception):
    """The session to be ended is the one that asks for it; the text says what to do instead."""


@dataclass(frozen=True)
class OpenSession:
    """One session that holds. ``name``: its keyed hash; ``is_this``: it asks for the page.

    ``address``: from where it signed in, ``last_address``: from where it was seen last; both are
    empty for a session that began before they were kept. ``is_verified``: it gave a second factor.
    """

    key: str = field(repr=False)
    name: str
    is_this: bool
    began_at: datetime
    seen_at: datetime
    address: str
    last_address: str
    browser: str
    is_verified: bool

    @property
    def has_moved(self) -> bool:
        """Whether it was seen from another address than the one that it signed in from."""
        return self.address != self.last_address

    @property
    def words(self) -> str:
        """Say which one it is, for the log: *Firefox on Linux, from 198.51.100.7*."""
        return f"{self.browser}, from {self.address or 'an unknown address'}"


def of(*, user: "User", this_key: str | None, now: datetime | None = None) -> list[OpenSession]:
    """Return the person's open sessions, this one first, then those seen last; two queries."""
    found = [
        _told(key, data, is_this=key == this_key)
        for key, data in open_sessions.of_person(user, now or timezone.now())
    ]
    return sorted(found, key=lambda one: (not one.is_this, -one.seen_at.timestamp(), one.name))


def end(*, request: HttpRequest, name: str) -> OpenSession:
    """End one of the person's other sessions. Raises `NotAllowed`, `IsThisOne`."""
    user, actor = sessions.person_of(request), actor_of(request)
    held = of(user=user, this_key=request.session.session_key)
    wanted = next((one for one in held if one.name == name), None)
    if wanted is None:
        refuse(actor=actor, what="end a session that is not open or not theirs", said=NOT_YOURS)
    if wanted.is_this:
        raise IsThisOne(THIS_ONE)
    data = {"ended": wanted.words, "session": wanted.name}
    with transaction.atomic():
        Session.objects.filter(session_key=wanted.key).delete()
        log.append(log.Fact(Event.LOGOUT, actor, data=data))
    return wanted


def end_others(*, request: HttpRequest) -> int:
    """End every session of the person but this one; return how many were open.

    One that is taking a new key at this moment ends too, for what it stands on has changed.
    """
    user, actor = sessions.person_of(request), actor_of(request)
    others = [one for one in of(user=user, this_key=request.session.session_key) if not one.is_this]
    data = {"is_all_others": True, "sessions": [one.name for one in others]}
    with transaction.atomic():
        sessions.end_all(user=user)
        Session.objects.filter(session_key__in=[one.key for one in others]).delete()
        log.append(log.Fact(Event.LOGOUT, actor, data=data))
    sessions.keep_after_password(request)
    return len(others)


def forget_over(now: datetime) -> int:
    """Delete the sessions that are too old to be used, with what they tell; return how many."""
    deleted, _ = Session.objects.filter(expire_date__lt=now).delete()
    return deleted


def _told(key: str, data: dict[str, Any], *, is_this: bool) -> OpenSession:
    began_at, seen_at = _moments(data)
    address = str(data.get(sessions.FROM, ""))
    return OpenSession(
        key=key,
        name=session_hash(key),
        is_this=is_this,
        began_at=began_at,
        seen_at=seen_at,
        address=address,
        last_address=str(data.get(sessions.SEEN_FROM, address)),
        browser=str(data.get(sessions.BROWSER, UNKNOWN)),
        is_verified=sessions.VERIFIED in data,
    )


def _moments(data: dict[str, Any]) -> Iterator[datetime]:
    """Yield when it began, and when its person was seen in it."""
    for name in (sessions.BEGAN, sessions.SEEN):
        yield datetime.fromtimestamp(data[name], UTC)

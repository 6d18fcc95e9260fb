"""Who may follow, and what they see; asked for many sessions at once."""

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from orders.access import open_sessions, second_factor
from orders.access.open_sessions import SignedIn
from orders.admin.push.changes import Change
from orders.admin.push.hub import Viewer
from orders.admin.push.notices import Sight
from orders.models import Desk, Event, Right
from orders.models.desks import sees_everything

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAX_KNOWN = 10_000
#: After these a session may hold no more, or its person see other desks.
TURNS = {
    Event.LOGOUT.value,
    Event.USER_CHANGED.value,
    Event.MEMBERSHIP_CHANGED.value,
    Event.DESK_CHANGED.value,
}


class Door:
    """Lets in by session key. What a person's rights come to is looked up once while they stand."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], tuple[Sight, bool]] = {}
        self._desks: frozenset[int] | None = None

    def admitted(self, keys: Collection[str], now: datetime) -> dict[str, Viewer]:
        """Return who may follow by these session keys; a key that may not is left out."""
        self._forget()
        found = open_sessions.signed_in(keys, now)
        viewers: dict[str, Viewer] = {}
        for key, session in found.items():
            sight, owes = self._rights(session)
            if session.is_verified or not owes:
                viewers[key] = Viewer(key, session.user.pk, sight, session.until)
        return viewers

    def _forget(self) -> None:
        """Forget all once another set of desks is active, which no session's epoch tells."""
        desks = frozenset(Desk.objects.filter(is_active=True).values_list("pk", flat=True))
        if desks != self._desks or len(self._known) > MAX_KNOWN:
            self._desks, self._known = desks, {}

    def _rights(self, session: SignedIn) -> tuple[Sight, bool]:
        """Return what the person sees, and whether every page asks for their second factor."""
        person = session.user.pk, session.epoch
        if person not in self._known:
            owes = second_factor.is_asked_of(session.user)
            self._known[person] = sight_of(session.user), owes
        return self._known[person]


def sight_of(user: "User") -> Sight:
    """Return the desks whose records this person sees, and where they may cancel: as pages do."""
    acting = frozenset(Desk.objects.allowing(user, Right.CANCEL).values_list("pk", flat=True))
    if sees_everything(user):
        return Sight(None, acting)
    return Sight(frozenset(Desk.objects.visible_to(user).values_list("pk", flat=True)), acting)


def turned(changes: list[Change]) -> bool:
    """Whether one of these changes may have ended a session or moved a desk out of sight."""
    return any(change.event in TURNS for change in changes)

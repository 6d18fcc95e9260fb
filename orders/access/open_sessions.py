"""Sessions that hold, looked up by their keys or by their person, without touching them."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.sessions.models import Session
from django.utils.crypto import constant_time_compare

from orders.access import sessions

if TYPE_CHECKING:
    from django.contrib.auth.models import User


@dataclass(frozen=True)
class SignedIn:
    """A session that holds. ``until``: its last second, since 1970, if nobody uses it again.

    ``epoch``: what it stands on (`sessions.epoch_of`); ``is_verified``: it gave a second factor.
    """

    user: "User"
    epoch: str
    until: int
    is_verified: bool


def signed_in(keys: Collection[str], now: datetime) -> dict[str, SignedIn]:
    """Return who is signed in by each key, for the keys whose session holds; three queries.

    The same rules as `django.contrib.auth.get_user` and `sessions.is_over`; nothing is written.
    """
    rows = Session.objects.filter(session_key__in=keys, expire_date__gt=now)
    found = {row.session_key: row.get_decoded() for row in rows}
    ids = {pk for data in found.values() if (pk := _user_id(data)) is not None}
    people = get_user_model().objects.in_bulk(ids)
    epochs = sessions.epochs_of(people)
    return {
        key: SignedIn(user, epochs[user.pk], sessions.holds_until(data), sessions.VERIFIED in data)
        for key, data in found.items()
        if (user := people.get(_user_id(data) or 0)) is not None
        and _holds(data, user, epochs[user.pk], now)
    }


def of_person(user: "User", now: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield key and content of each session of this person that holds; two queries.

    No column names the person: every session that is not too old is opened, a few hundred a day.
    """
    epoch = sessions.epoch_of(user.pk)
    for row in Session.objects.filter(expire_date__gt=now):
        data = row.get_decoded()
        if _user_id(data) == user.pk and _holds(data, user, epoch, now):
            yield row.session_key, data


def _holds(data: dict[str, Any], user: "User", epoch: str, now: datetime) -> bool:
    """Whether a session stands on what its person is now, and is neither idle nor old."""
    is_in_time = int(now.timestamp()) <= sessions.holds_until(data)
    return is_in_time and _stands(data, user, epoch)


def _user_id(data: dict[str, Any]) -> int | None:
    kept = str(data.get(SESSION_KEY, ""))
    return int(kept) if kept.isascii() and kept.isdigit() else None


def _stands(data: dict[str, Any], user: "User", epoch: str) -> bool:
    """Whether the person, their password and their rights are those that signed in."""
    if data.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return False
    is_same = constant_time_compare(
        str(data.get(HASH_SESSION_KEY, "")), user.get_session_auth_hash()
    )
    return is_same and user.is_active and data.get(sessions.STANDING) == epoch

"""What a person chooses for themselves: a time zone, and named views of the list of orders.

It changes pages and nothing else, so that the audit log does not hold it. Nobody reaches another's.
"""

from functools import cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

from django.conf import settings

from orders.models import Preference, SavedView
from orders.models.preferences import MAX_NAME, MAX_QUERY

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAX_VIEWS = 50  # of one person


class NotKept(Exception):
    """A choice that cannot be kept; its text says why."""


@cache
def time_zones() -> tuple[str, ...]:
    """Return the names that can be chosen: UTC, then places by name."""
    places = {name for name in available_timezones() if "/" in name}
    odd = ("Etc/", "SystemV/", "US/", "posix/", "right/")
    return ("UTC", *sorted(name for name in places if not name.startswith(odd)))


def zone_of(user: "User") -> ZoneInfo:
    """Return the time zone of somebody signed in; UTC where the system knows theirs no more."""
    name = getattr(user, "time_zone", None) or settings.TIME_ZONE
    return ZoneInfo(name if name in time_zones() else "UTC")


def choose_time_zone(*, user: "User", name: str) -> None:
    """Keep the person's time zone. Raises `NotKept`."""
    if name not in time_zones():
        raise NotKept("Choose a time zone of the list.")
    Preference.objects.update_or_create(user_id=user.pk, defaults={"time_zone": name})


def save_view(*, user: "User", name: str, query: str) -> SavedView:
    """Keep a view under a name; one of that name is replaced. Raises `NotKept`."""
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise NotKept(f"Give the view a name of up to {MAX_NAME} characters.")
    if len(query) > MAX_QUERY or not query.isprintable():
        raise NotKept("This filter is too long to keep.")
    others = SavedView.objects.of(user).exclude(name=name)
    if others.count() >= MAX_VIEWS:
        raise NotKept(f"You have {MAX_VIEWS} views already: delete one first.")
    view, _ = SavedView.objects.update_or_create(
        user_id=user.pk, name=name, defaults={"query": query}
    )
    return view


def delete_view(*, user: "User", view_id: int) -> bool:
    """Delete one of the person's own views; False where there is none such."""
    deleted, _ = SavedView.objects.of(user).filter(pk=view_id).delete()
    return bool(deleted)

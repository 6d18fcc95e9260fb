"""Passwords where single sign-on is the only way in: off, but for one administrator's, alarmed."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone

from orders.models import Alert, AlertKind

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ALARMED_FOR = timedelta(days=1)
WORDS = (
    "{name} signed in from {address} by the emergency password, beside the sign-in service. If "
    "nobody knows why, end the sessions and change the password."
)


def are_passwords_on(user: "User") -> bool:
    """Whether this person's password is looked at at all.

    The setting names one person as Django tells people apart: a namesake in other letters is not
    meant.
    """
    provider = settings.SINGLE_SIGN_ON
    if provider is None or not provider.is_only:
        return True
    name: str = provider.emergency_administrator
    return user.get_username() == name


def is_emergency(user: "User") -> bool:
    """Whether this person's password is the one that still works where passwords are off."""
    provider = settings.SINGLE_SIGN_ON
    is_only = provider is not None and provider.is_only
    return is_only and are_passwords_on(user)


def alarm(user: "User", *, address: str, now: datetime | None = None) -> None:
    """Tell people at once that it was used; the alarm stands for a day."""
    now = now or timezone.now()
    Alert.objects.raise_once(
        kind=AlertKind.EMERGENCY.value,
        about=f"person {user.pk} at {now:%Y-%m-%d %H:%M:%S}",
        desk_name="",
        said=WORDS.format(name=user.get_username(), address=address),
        now=now,
    )

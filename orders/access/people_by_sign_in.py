"""Conditions on people, many at once: who lacks the second factor, and who stays away.

They say of a list what `second_factor` and `sessions` ask of one person.
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q

from orders.models import Membership, Role

AWAY_FOR = timedelta(days=90)


def has_factor() -> Exists:
    """Return the condition of those who have a second factor, be it an app or a passkey."""
    is_any = Q(second_factor__isnull=False) | Q(passkeys__isnull=False)
    return Exists(get_user_model().objects.filter(is_any, pk=OuterRef("pk")))


def must_have_factor() -> Q:
    """Return the condition of those who are asked to set one up before they do anything.

    Whoever is deactivated cannot sign in; whoever only looks needs none.
    """
    if not settings.SECOND_FACTOR_REQUIRED:
        return Q(pk__in=[])
    acts = Exists(Membership.objects.filter(user=OuterRef("pk")).exclude(role=Role.VIEWER))
    return Q(is_active=True) & (Q(is_superuser=True) | Q(acts))


def lacks_factor() -> Q:
    """Return the condition of those who must have a second factor and have none."""
    return must_have_factor() & ~Q(has_factor())


def stays_away(now: datetime) -> Q:
    """Return the condition of those who could sign in, and did not for 90 days or never did."""
    is_long_ago = Q(last_login__isnull=True) | Q(last_login__lt=now - AWAY_FOR)
    return Q(is_active=True) & is_long_ago

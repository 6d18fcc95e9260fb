"""Filters of the list of people, with how many fit each: who lacks what, and who stays away."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from orders.access import people_by_sign_in
from orders.admin.shared.filters import Choice, Choices

Conditions = dict[str, tuple[str, Q]]  # label and condition, by the value in the address


class CountedChoice(Choice):
    """A choice whose labels say how many people fit; one query counts for all its values."""

    def conditions(self) -> Conditions:
        """Every value of this filter."""
        raise NotImplementedError

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> Choices:
        asked = self.conditions()
        counts = User.objects.aggregate(
            **{value: Count("pk", filter=condition) for value, (_, condition) in asked.items()}
        )
        return [(value, f"{label} ({counts[value]:,})") for value, (label, _) in asked.items()]

    def narrowed(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(self.conditions()[value][1])


class SecondFactorFilter(CountedChoice):
    """By the second factor. That one is missing is a fault; that there is none may be right."""

    title, parameter_name = "second factor", "factor"

    def conditions(self) -> Conditions:
        has = people_by_sign_in.has_factor()
        return {
            "missing": ("Must have one, has none", people_by_sign_in.lacks_factor()),
            "none": ("Has none", ~Q(has)),
            "set_up": ("Has one", Q(has)),
        }


class LastSignInFilter(CountedChoice):
    """By who stayed away; whoever is deactivated cannot come and is not meant."""

    title, parameter_name = "last sign-in", "seen"

    def conditions(self) -> Conditions:
        now = timezone.now()
        never = Q(is_active=True, last_login__isnull=True)
        days = people_by_sign_in.AWAY_FOR.days
        return {
            "away": (f"Not for {days} days, or never", people_by_sign_in.stays_away(now)),
            "never": ("Never", never),
        }

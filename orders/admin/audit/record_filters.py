"""The filter bar of the audit log; `orders.audit.search` finds what it asks, for exports too."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin import SimpleListFilter
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from orders.admin.shared import filters
from orders.admin.shared.filters import Choice, Choices, Text
from orders.models import CancelStatus, Event

Moment = Callable[[datetime], str]  # from now, in UTC, as the address line names it

DAY = timedelta(days=1)
RANGES: tuple[tuple[str, Moment, Moment | None], ...] = (  # label, from, to
    ("Last hour", lambda now: f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M:%S}", None),
    ("Today", lambda now: f"{now:%Y-%m-%dT00:00:00}", None),
    (
        "Yesterday",
        lambda now: f"{now - DAY:%Y-%m-%dT00:00:00}",
        lambda now: f"{now:%Y-%m-%dT00:00:00}",
    ),
    ("7 days", lambda now: f"{now - 6 * DAY:%Y-%m-%dT00:00:00}", None),
)


class Asked(SimpleListFilter):
    """A filter that only shows what was asked; the list as a whole looks for it."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset


class OperatorFilter(Asked, filters.OperatorFilter):
    """By the name of who acted."""


class DeskFilter(Asked, filters.DeskFilter):
    """By the desk the record names."""


class AccountFilter(Asked, filters.AccountFilter):
    """By account."""


class SymbolFilter(Asked, filters.SymbolFilter):
    """By a symbol that a record speaks of."""


class EventFilter(Asked, Choice):
    """By what a record is the record of."""

    title, parameter_name = "event", "event"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> Choices:
        return Event.choices


class OutcomeFilter(Asked, Choice):
    """By outcome."""

    title, parameter_name = "outcome", "outcome"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> Choices:
        return CancelStatus.choices


class JobFilter(Asked, Text):
    """By the job whose act it was."""

    title, parameter_name = "job", "job"
    is_rare = True


class AddressFilter(Asked, Text):
    """By the network address somebody acted from."""

    title, parameter_name = "address", "address"
    is_rare = True


class FromFilter(Asked, Text):
    """Records since a moment."""

    title, parameter_name, control = "from (UTC)", "from", "moment"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> Choices:
        self.address = request.GET
        return super().lookups(request, model_admin)

    @property
    def ranges(self) -> Iterator[tuple[str, str]]:
        """Quick choices: label, and link with all other filters kept."""
        for label, begin, end in RANGES:
            query = self.address.copy()
            for name in ("from", "to", "p"):
                query.pop(name, None)
            query["from"] = begin(timezone.now())
            if end:
                query["to"] = end(timezone.now())
            yield label, f"?{query.urlencode()}"


class ToFilter(Asked, Text):
    """Records before a moment."""

    title, parameter_name, control = "to (UTC)", "to", "moment"


BAR = (
    OperatorFilter,
    DeskFilter,
    AccountFilter,
    SymbolFilter,
    EventFilter,
    OutcomeFilter,
    JobFilter,
    AddressFilter,
    FromFilter,
    ToFilter,
)

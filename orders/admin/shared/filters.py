"""List filters that offer, and accept, only what the person may see."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils import timezone

from orders.admin.shared.screens import scoped
from orders.models import (
    Account,
    Cancel,
    Desk,
    JobStatus,
    Membership,
    Order,
    OrderState,
)
from orders.models.cancels import LIVE
from orders.models.for_person import ForPerson
from orders.models.lookups import is_row_id
from orders.models.orders import IS_STOP

Choices = list[tuple[str, str]]  # the value in the address line, and its label

NOT_DONE = [status for status in JobStatus.values if status != JobStatus.DONE]
PAGING = timedelta(minutes=15)  # how long somebody pages through one list
YES_NO = [("yes", "Yes"), ("no", "No")]


class Choice(admin.SimpleListFilter):
    """One choice among visible values; anything else in the address line finds nothing.

    ``path``: the column compared. ``control``: how the filter bar draws it. ``is_rare``: it stands
    behind *More*.
    """

    title: str
    parameter_name: str
    control = "select"
    is_rare = False
    path = ""
    held: ClassVar[dict[str, str]] = {}  # what the links to other pages keep beside the filters

    def has_output(self) -> bool:
        return True

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value in (None, ""):
            return queryset
        if value not in {str(key) for key, _ in self.lookup_choices}:
            return queryset.none()
        return self.narrowed(queryset, value)

    def narrowed(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """The rows that fit the chosen value."""
        return queryset.filter(**{self.path: value})


class Text(Choice):
    """Free text that must match exactly, with suggestions."""

    control = "text"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> Choices:
        return []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = (self.value() or "").strip()
        if "\0" in value:
            return queryset.none()
        return self.narrowed(queryset, value) if value else queryset


_desks = ForPerson(lambda seen: seen(Desk.objects.all()).values_list("pk", "name"))
_accounts = ForPerson(
    lambda seen: seen(Account.objects.all()).values_list("pk", "name", "desk__name")
)
_symbols = ForPerson(
    lambda seen: (
        Order.objects.open()
        .on(seen(Account.objects.all()))
        .order_by("symbol")
        .values_list("symbol", flat=True)
        .distinct()
    )
)


class DeskFilter(Choice):
    """By desk."""

    title, parameter_name, path = "desk", "desk", "account__desk"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> Choices:
        return [(str(pk), name) for pk, name in _desks(request.user)]


class OwnDeskFilter(DeskFilter):
    """By the desk the row names itself."""

    path = "desk"


class AccountFilter(Choice):
    """By account."""

    title, parameter_name, path = "account", "account", "account"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> Choices:
        return [(str(pk), f"{desk} · {name}") for pk, name, desk in _accounts(request.user)]


class SymbolFilter(Text):
    """By symbol, case kept; the symbols of open orders are suggested."""

    title, parameter_name, path = "symbol", "symbol", "symbol"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> Choices:
        return [(each, each) for each in _symbols(request.user) if each.isprintable()]


class StateFilter(Choice):
    """Open orders unless something else is asked for; a search looks everywhere."""

    title, parameter_name, control = "state", "state", "tabs"
    EVERY = "every"
    SINCE = "since"  # when the first page was shown, in ms since 1970
    beside = (SINCE,)

    def __init__(
        self,
        request: HttpRequest,
        params: dict[str, list[str]],
        model: type[Order],
        model_admin: "admin.ModelAdmin[Any]",
    ) -> None:
        self.since = _recent(params.pop(self.SINCE, [""])[-1], timezone.now())
        super().__init__(request, params, model, model_admin)

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> Choices:
        self.address = request.GET
        return [*OrderState.choices, (self.EVERY, "All")]

    @property
    def is_chosen(self) -> bool:
        """Whether the address line names a state, so that the other filters keep it."""
        return bool(super().value())

    def value(self) -> str:
        return self.asked(self.address)

    @classmethod
    def asked(cls, address: QueryDict) -> str:
        """The state of the orders that an address lists."""
        is_search = bool(address.get("q", "").strip())
        return address.get(cls.parameter_name) or (
            cls.EVERY if is_search else OrderState.OPEN.value
        )

    @classmethod
    def is_endless(cls, address: QueryDict) -> bool:
        """Whether it lists orders that are over, of which there are more every day."""
        return cls.asked(address) in (OrderState.CLOSED, cls.EVERY)

    def narrowed(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """Rows in this state. What was open on the first page stays: else later ones skip rows."""
        if value == self.EVERY:
            return queryset
        if value != OrderState.OPEN or not self.since:
            return queryset.filter(state=value)
        vanished = Order.objects.filter(state=OrderState.VANISHED, last_seen_at__gte=self.since)
        parts = vanished, Order.objects.filter(closed_at__gte=self.since)  # each has its index
        kept = Order.objects.open().order_by().values("pk")
        return queryset.filter(pk__in=kept.union(*(each.order_by().values("pk") for each in parts)))

    @property
    def held(self) -> dict[str, str]:  # type: ignore[override]  # of this page's moment
        """Since when one pages through the open orders."""
        since = self.since or timezone.now()
        return {self.SINCE: str(int(since.timestamp() * 1000))}

    def listed(self) -> Iterator[dict[str, Any]]:
        """The states as tabs: label, link with all other filters kept, whether one is there."""
        for value, label in self.lookup_choices:
            query = self.address.copy()
            query[self.parameter_name] = value
            for name in ("p", self.SINCE):
                query.pop(name, None)
            is_here = self.value() == value
            yield {"selected": is_here, "query_string": f"?{query.urlencode()}", "display": label}


def _recent(text: str, now: datetime) -> datetime | None:
    """The moment that an address names; None where it is none, or longer ago than one pages."""
    if not (text.isascii() and text.isdigit() and len(text) < 15):
        return None
    moment = datetime.fromtimestamp(int(text) / 1000, UTC)
    return moment if now - PAGING < moment <= now else None


class SideFilter(Choice):
    """By side."""

    title, parameter_name, path = "side", "side", "side"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> Choices:
        return [("bid", "Bid"), ("ask", "Ask")]


class TypeFilter(Choice):
    """By what kind of order it is."""

    title, parameter_name = "type", "type"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> Choices:
        return [("limit", "Limit"), ("stop", "Stop or take profit"), ("other", "Other")]

    def narrowed(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        limit = Q(order_type="limit") & ~IS_STOP
        return queryset.filter(
            {"limit": limit, "stop": IS_STOP, "other": ~Q(order_type="limit") & ~IS_STOP}[value]
        )


class ReduceOnlyFilter(Choice):
    """By reduce-only."""

    title, parameter_name = "reduce only", "reduce_only"
    is_rare = True

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> Choices:
        return YES_NO

    def narrowed(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return queryset.filter(reduce_only=value == "yes")


class LiveCancelFilter(Choice):
    """Whether a cancel of the order is under way."""

    title, parameter_name = "being cancelled", "live"
    is_rare = True

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> Choices:
        return YES_NO

    def narrowed(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        live = Exists(Cancel.objects.filter(known_order=OuterRef("pk"), status__in=LIVE))
        return queryset.filter(live if value == "yes" else ~live)


class JobStatusFilter(Choice):
    """By the life of a job."""

    title, parameter_name, path = "status", "status", "status"

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> Choices:
        return JobStatus.choices

    def narrowed(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value == JobStatus.DONE:  # said so, no index by the status is walked: most are done
            return queryset.exclude(status__in=NOT_DONE)
        return super().narrowed(queryset, value)


class JobFilter(Text):
    """By the number of a job."""

    title, parameter_name, path = "job", "job", "job"

    def narrowed(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        return super().narrowed(queryset, value) if is_row_id(value) else queryset.none()


class OperatorFilter(Text):
    """By the name of who acted."""

    title, parameter_name, path = "operator", "operator", "operator_name"

    def narrowed(self, queryset: QuerySet[Any], value: str) -> QuerySet[Any]:
        """By the person who bears the name now; by the name where nobody does."""
        people = get_user_model().objects.filter(username=value)
        person = people.values_list("pk", flat=True).first()
        if person is None:
            return super().narrowed(queryset, value)
        return queryset.filter(operator=person)

    def lookups(self, request: HttpRequest, model_admin: "admin.ModelAdmin[Any]") -> Choices:
        members = scoped(Membership.objects.all(), request.user).order_by("user__username")
        names = members.values_list("user__username", flat=True).distinct()
        return [(name, name) for name in names]

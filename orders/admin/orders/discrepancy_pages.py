"""Discrepancies by what explains them: a line a group, until somebody has looked at it."""

from datetime import timedelta
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Case, Count, IntegerField, Min, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from orders.access.permissions import NotAllowed, has_permission
from orders.access.sign_in_log import actor_of
from orders.admin.shared import filters
from orders.admin.shared.job_links import job_url
from orders.admin.shared.rows import Rows
from orders.admin.shared.screens import ReadOnlyPage, rights_of
from orders.admin.shared.unfold import CustomUrl, action, display
from orders.models import Drift, DriftCause, Right
from orders.models.drifts import GROUPED_BY, UNEXPLAINED, DriftQuerySet
from orders.models.lookups import number
from orders.reconcile import discrepancies
from orders.templatetags.desk import ago, at_words, thousands, visible

PER_PAGE = 100
SHORT = timedelta(minutes=1)  # between the first and the last of a group, not worth a word
#: What is said of a group, with the time of what explains it.
SAID = {
    DriftCause.PANIC: "The panic's cancel-all of {} covers them, and the exchange does not say how "
    "they ended.",
    DriftCause.JOB: "Our requests of the job asked {} cover them, and the exchange does not say "
    "how they ended.",
    DriftCause.RESTORED: "An older copy of the database was put back, found {}: what ended them "
    "may be lost with it.",
    DriftCause.OUTAGE: "Nothing told of this account from about {} on: they ended in that time.",
    DriftCause.FOREIGN_WALLET: "An agent wallet that is not ours may cancel on this account. Look "
    "at its agent wallets.",
    DriftCause.NONE: "No request of ours and no known fact explains them.",
}


class Groups(Rows):
    """The list shows the newest of each group; what is ticked stands for its group."""

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Any]:
        drifts = super().get_queryset(request, exclude_parameters)
        newest = Drift.objects.open().visible_to(request.user).newest_of_groups()
        return drifts.filter(pk__in=newest.order_by().values("pk"))


@admin.register(Drift)
class DriftAdmin(ReadOnlyPage[Drift]):
    """Groups of discrepancies that nobody has acknowledged: first what nothing explains."""

    page_template = "desk/orders/discrepancies.html"
    list_display = (
        "kind_column",
        "orders_column",
        "account_column",
        "cause_column",
        "seen_column",
        "act_column",
    )
    list_display_links = None
    list_filter = (filters.DeskFilter, filters.AccountFilter)
    list_select_related = ("account__desk", "order", "cause_job")
    column_css: ClassVar[dict[str, str]] = {
        "orders_column": "dk-nowrap",
        "seen_column": "dk-nowrap",
        "act_column": "dk-nowrap",
    }
    actions = ("acknowledge",)
    row_names = "group", "groups"
    empty_sentence = "No discrepancy: the exchange's open orders and ours agree."

    def get_queryset(self, request: HttpRequest) -> DriftQuerySet:
        drifts: DriftQuerySet = super().get_queryset(request)
        return drifts

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Rows]:
        return Groups

    def get_ordering(self, request: HttpRequest) -> Any:
        first = When(cause__in=UNEXPLAINED, then=Value(0))
        return [Case(first, default=Value(1), output_field=IntegerField())]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {"title": "Discrepancies"})

    def complete_rows(self, request: HttpRequest, rows: list[Drift]) -> None:
        """Attach the count and the beginning of each group: one query, however many there are."""
        accounts = {drift.account_id for drift in rows}
        open_ones = Drift.objects.open().filter(account_id__in=accounts).order_by()
        counted = open_ones.values(*GROUPED_BY).annotate(n=Count("pk"), since=Min("seen_at"))
        found = {_key(group): (group["n"], group["since"]) for group in counted}
        may = Right.CANCEL in rights_of(request)
        for drift in rows:
            drift.group_count, drift.group_since = found.get(_key(drift.group), (1, drift.seen_at))
            drift.may_acknowledge = may

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (("<int:object_id>/seen/", "orders_drift_seen", self.seen_view),)

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return Right.CANCEL in rights_of(request)

    @action(description="I have looked at these", permissions=["cancel"])
    def acknowledge(self, request: HttpRequest, queryset: DriftQuerySet) -> None:
        ticked = map(number, request.POST.getlist(ACTION_CHECKBOX_NAME))
        newest = {pk for pk in ticked if pk is not None}  # of then: more may have come since
        self._acknowledge(request, sorted(newest | set(queryset.values_list("pk", flat=True))))

    @method_decorator(require_POST)
    def seen_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        """Acknowledge the group up to this one, the newest that the person saw."""
        self.guard_view(request)
        if not self.has_cancel_permission(request):
            raise PermissionDenied
        self.visible_or_404(request, str(object_id))
        self._acknowledge(request, [object_id])
        return redirect("admin:orders_drift_changelist")

    def _acknowledge(self, request: HttpRequest, newest_ids: list[int]) -> None:
        user, actor = request.user, actor_of(request)
        try:
            count = discrepancies.acknowledge_groups(user=user, actor=actor, newest_ids=newest_ids)
        except NotAllowed as refused:
            messages.warning(request, str(refused))
            return
        messages.success(request, f"{thousands(count)} acknowledged.")

    def facts(self, request: HttpRequest, row: Drift) -> dict[str, Any]:
        group = self.get_queryset(request).filter(**row.group)
        group = group.filter(acknowledged_at=row.acknowledged_at)
        shown = group.select_related("order", "account__desk").order_by("-pk")
        page = Paginator(shown, PER_PAGE).get_page(request.GET.get("p"))
        newest = group.order_by("-pk").values_list("pk", flat=True).first()
        return {
            "title": "Discrepancies",
            "drift": row,
            "drifts": page,
            "said": said_of(row),
            "newest": newest,
            "job_url": job_url(row.cause_job) if row.cause_job else "",
            "may_acknowledge": row.acknowledged_at is None
            and has_permission(request.user, Right.CANCEL, desk=row.account.desk),
        }

    @display(description="What")
    def kind_column(self, drift: Drift) -> SafeString:
        tone = "plain" if drift.is_explained else "warn"
        return format_html(
            '<span class="dk-status dk-{}">{}</span>', tone, drift.get_kind_display()
        )

    @display(description="Orders")
    def orders_column(self, drift: Drift) -> SafeString:
        order = drift.order
        if drift.group_count > 1:
            words = format_html("<b>{} orders</b>", thousands(drift.group_count))
        else:
            words = format_html(
                '<b>{}</b> {} <span class="dk-key">{}</span>',
                visible(order.symbol),
                visible(order.side),
                order.order_id,
            )
        return format_html('<a class="dk-link" href="{}">{}</a>', self.address_of(drift), words)

    @display(description="Account")
    def account_column(self, drift: Drift) -> SafeString:
        desk = visible(drift.account.desk)
        return format_html('<span class="dk-muted">{}</span> {}', desk, visible(drift.account))

    @display(description="Explained by")
    def cause_column(self, drift: Drift) -> SafeString:
        name, job = drift.get_cause_display(), drift.cause_job
        if job is not None:
            link = '{}: <a class="dk-link" href="{}">{}</a>'
            name = format_html(link, name, job_url(job), visible(job))
        return format_html(
            '<div class="dk-sentence dk-reading">{} <span class="dk-why">{}</span></div>',
            name,
            said_of(drift),
        )

    @display(description="Found")
    def seen_column(self, drift: Drift) -> SafeString:
        if drift.seen_at - drift.group_since < SHORT:
            return format_html("{}", ago(drift.seen_at))
        first = format_html('<span class="dk-why">first {}</span>', ago(drift.group_since))
        return format_html("{} {}", ago(drift.seen_at), first)

    @display(description="")
    def act_column(self, drift: Drift) -> str:
        """A button of the list's own form, which carries its token."""
        if not drift.may_acknowledge:
            return ""
        return format_html(
            '<button class="dk-button" formaction="{}" aria-label="Seen: {}">Seen</button>',
            reverse("admin:orders_drift_seen", args=[drift.pk]),
            self.name_of(drift),
        )

    def name_of(self, drift: Drift) -> str:
        count = "" if drift.group_count == 1 else f"{thousands(drift.group_count)} orders, "
        return f"{count}{visible(drift)}"


def said_of(drift: Drift) -> str:
    """What is to be said of a group in words; of one alone that nothing explains, its own."""
    if drift.cause == DriftCause.NONE and getattr(drift, "group_count", 0) == 1:
        return visible(drift.said)
    return SAID[DriftCause(drift.cause)].format(at_words(drift.cause_at))


def _key(group: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(group[name] for name in GROUPED_BY)

"""Audit records: what was asked, sent, answered and concluded; read-only."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from orders.admin.audit import payloads
from orders.admin.audit.record_filters import BAR
from orders.admin.audit.verification_and_export_pages import FILTERS, asked_of
from orders.admin.shared.pages import CappedPaginator
from orders.admin.shared.rows import Rows
from orders.admin.shared.screens import ReadOnlyPage, is_administrator, rights_of
from orders.admin.shared.unfold import display
from orders.audit import search, sentences
from orders.models import AuditRecord, AuditRecordOrder, Desk, Right
from orders.templatetags.desk import at, tone, visible


class Records(Rows):
    """The list holds what an export of the same filter would hold, of the desks one may see."""

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[AuditRecord]:
        super().get_queryset(request, exclude_parameters)  # makes the filter bar
        query: dict[str, Any] = {**asked_of(request.GET)}
        if not is_administrator(request):
            desks = Desk.objects.visible_to(request.user)
            query["desks"] = list(desks.values_list("pk", flat=True))
        try:
            return search.matching(query).order_by("-position")
        except search.BadQuery as error:
            messages.error(request, f"Nothing fits: {error}")
            return AuditRecord.objects.none()


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyPage[AuditRecord]):
    """The log of the person's desks, newest first."""

    list_display = (
        "at_column",
        "sentence_column",
        "event_column",
        "outcome_column",
        "who_column",
    )
    list_display_links = ("sentence_column",)
    list_filter = BAR
    search_fields = ("order_id",)
    search_help_text = "Order id or client order id, whole"
    paginator = CappedPaginator
    page_template = "desk/audit/record.html"
    change_list_template = "desk/audit/record_list.html"
    empty_sentence = "No record fits. Take a filter away, or widen the time."
    none_fits_sentence = empty_sentence

    @method_decorator(require_safe)
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        asked = {name: request.GET[name] for name in FILTERS if request.GET.get(name, "").strip()}
        context = {
            "may_export": Right.VERIFY in rights_of(request),
            "export_query": list(asked.items()),
        }
        return super().changelist_view(request, context | (extra_context or {}))

    @display(description="Time (UTC)")
    def at_column(self, record: AuditRecord) -> SafeString:
        return format_html('<span class="dk-key dk-nowrap">{}</span>', at(record.at))

    @display(description="What")
    def sentence_column(self, record: AuditRecord) -> SafeString:
        said = sentences.of_record(record, row=record.first_row, count=record.row_count)
        return format_html('<span class="dk-sentence">{}</span>', visible(said))

    @display(description="Event")
    def event_column(self, record: AuditRecord) -> SafeString:
        return format_html('<span class="dk-nowrap">{}</span>', record.get_event_display())

    @display(description="Outcome")
    def outcome_column(self, record: AuditRecord) -> str:
        if not record.outcome:
            return ""
        word = sentences.ending(record.outcome)
        return format_html('<span class="dk-status dk-{}">{}</span>', tone(record.outcome), word)

    @display(description="Who, where")
    def who_column(self, record: AuditRecord) -> SafeString:
        where = " · ".join(filter(None, [visible(record.desk_name), visible(record.account_name)]))
        return format_html(
            '<span class="dk-nowrap">{}</span> <span class="dk-muted dk-where">{}</span>',
            visible(sentences.by(record)) or "–",
            where,
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[Records]:
        return Records

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditRecord], search_term: str
    ) -> tuple[QuerySet[AuditRecord], bool]:
        return queryset, False  # the whole list is searched at once

    def complete_rows(self, request: HttpRequest, rows: list[AuditRecord]) -> None:
        """Attach to each record its first order row and how many it has: two queries."""
        lines = AuditRecordOrder.objects.filter(record__in=rows).order_by()
        counts = dict(lines.values_list("record").annotate(Count("pk")))
        first = {line.record_id: line for line in lines.filter(row=0)}
        for record in rows:
            record.row_count = counts.get(record.pk, 0)
            record.first_row = first.get(record.pk)

    def facts(self, request: HttpRequest, record: AuditRecord) -> dict[str, Any]:
        rows = payloads.rows_of(record)
        count = record.order_rows.count()
        said = sentences.of_record(record, row=rows[0] if rows else None, count=count)
        request_record, answer_record = payloads.sides_of(record, request.user)
        earlier, later = payloads.neighbours(record, request.user)
        return {
            "title": f"Record {record.position}",
            "record": record,
            "sentence": said,
            "rows": rows,
            "row_count": count,
            "sent": payloads.shown(request_record),
            "came": payloads.shown(answer_record),
            "own": None if request_record or answer_record else payloads.shown(record),
            "data": payloads.pretty(record.data),
            "earlier": earlier,
            "later": later,
        }

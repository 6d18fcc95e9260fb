"""Audit records: what was asked, sent, answered and concluded; read-only."""

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Count
from django.utils.functional import cached_property
from django.utils.html import format_html
from unfold.decorators import display

from orders import sentences
from orders.admin import filters, payloads
from orders.admin.base import ReadOnlyPage, rights_of, shows
from orders.admin.evidence import FILTERS
from orders.models import AuditRecord, AuditRecordOrder, Right
from orders.templatetags.desk import exact, tone, visible

MOST_COUNTED = 1_000  # ten pages; older records are reached by a filter or the time


class CappedPaginator(Paginator):
    """Counts no further than anyone pages: a log of millions of records has no total here."""

    @cached_property
    def count(self):
        return self.object_list.order_by()[:MOST_COUNTED].count()


@admin.register(AuditRecord)
class AuditRecordAdmin(ReadOnlyPage):
    """The log of the person's desks, newest first."""

    list_display = (
        "at_column",
        "sentence_column",
        "event_column",
        "outcome_column",
        "operator_column",
        "account_column",
    )
    list_display_links = ("sentence_column",)
    list_filter = (
        filters.OperatorFilter,
        filters.OwnDeskFilter,
        filters.AccountFilter,
        filters.RecordSymbolFilter,
        filters.EventFilter,
        filters.OutcomeFilter,
        filters.JobFilter,
        filters.AddressFilter,
        filters.FromFilter,
        filters.ToFilter,
    )
    search_fields = ("order_id",)
    search_help_text = "Order id or client order id, whole"
    paginator = CappedPaginator
    page_template = "desk/audit_record.html"
    change_list_template = "desk/audit_list.html"
    empty_sentence = "No record fits. Take a filter away, or widen the time."

    @shows
    def changelist_view(self, request, extra_context=None):
        given = {name: request.GET.get(name, "").strip() for name in FILTERS}
        context = {
            "may_export": Right.VERIFY in rights_of(request),
            "export_query": [(name, value) for name, value in given.items() if value],
        }
        return super().changelist_view(request, context | (extra_context or {}))

    @display(description="Time (UTC)")
    def at_column(self, record):
        return format_html('<span class="dk-key dk-nowrap">{}</span>', exact(record.at))

    @display(description="What")
    def sentence_column(self, record):
        said = sentences.of_record(record, row=record.first_row, count=record.row_count)
        return format_html('<span class="dk-sentence">{}</span>', visible(said))

    @display(description="Event")
    def event_column(self, record):
        return format_html('<span class="dk-nowrap">{}</span>', record.get_event_display())

    @display(description="Outcome")
    def outcome_column(self, record):
        if not record.outcome:
            return ""
        word = sentences.ENDINGS.get(record.outcome, record.outcome)
        return format_html('<span class="dk-status dk-{}">{}</span>', tone(record.outcome), word)

    @display(description="Operator")
    def operator_column(self, record):
        return visible(record.operator_name)

    @display(description="Account")
    def account_column(self, record):
        return format_html(
            '<span class="dk-quiet">{}</span> {}',
            visible(record.desk_name),
            visible(record.account_name),
        )

    def get_search_results(self, request, queryset, search_term):
        term = search_term.strip()
        if term:
            queryset = queryset.filter(pk__in=payloads.named(term).values("record"))
        return queryset, False

    def complete_rows(self, request, rows):
        """Attach to each record its first order row and how many it has: two queries."""
        lines = AuditRecordOrder.objects.filter(record__in=rows).order_by()
        counts = dict(lines.values_list("record").annotate(Count("pk")))
        first = {line.record_id: line for line in lines.filter(row=0)}
        for record in rows:
            record.row_count = counts.get(record.pk, 0)
            record.first_row = first.get(record.pk)

    def facts(self, request, record):
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

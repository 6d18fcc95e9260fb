"""A job's orders with their outcomes, to take away: recorded before a byte of it leaves."""

import csv
from collections.abc import Iterator
from datetime import datetime
from io import StringIO

from django.http import HttpResponse

from orders.audit import log
from orders.cancels.bulk import frozen_orders
from orders.cancels.bulk.list_parser import BYTE_ORDER_MARK
from orders.evidence.bundle import safe
from orders.lifecycle.targets import CannotAsk
from orders.models import Account, Cancel, CancelJob, Event
from orders.models.in_pages import in_pages

COLUMNS = (
    "account",
    "account_address",
    "symbol",
    "kind",
    "order_id",
    "client_order_id",
    "outcome",
    "shown_by",
    "filled_amount",
    "cancelled_amount",
    "attempts",
    "requested_at",
    "first_sent_at",
    "answered_at",
    "concluded_at",
    "explanation",
)
CHANGED = "skipped orders cannot be told: the frozen set was changed after it was shown"
SKIPPED = "skipped: already being cancelled"


def of_job(job: CancelJob, *, actor: log.Actor) -> HttpResponse:
    """A CSV file with one line for each order of the frozen set, skipped ones too.

    It begins with a byte order mark, by which spreadsheets open it as UTF-8.
    """
    data = {"words": f"orders of {job}: {job.scope}"}
    log.record(log.Fact(Event.EXPORT_DOWNLOADED, actor=actor, desk=job.desk, job=job, data=data))
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    names: set[tuple[int, int | str | None]] = set()
    accounts = Account.objects.in_bulk(set(job.cancels.values_list("account_id", flat=True)))
    for cancel in in_pages(job.cancels.all(), "pk"):
        cancel.account = accounts[cancel.account_id]
        names |= {(cancel.account_id, cancel.order_id), (cancel.account_id, cancel.client_order_id)}
        writer.writerow(map(safe, _row(cancel)))
    for row in _skipped(job, names):
        writer.writerow(map(safe, row))
    name = f"pacifica-desk-job-{job.pk}.csv"
    return HttpResponse(
        BYTE_ORDER_MARK + text.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


def _row(cancel: Cancel) -> tuple[int | str | None, ...]:
    notes = [cancel.amounts_note] if cancel.amounts_note else []
    return (
        cancel.account.name,
        cancel.account.address,
        cancel.symbol,
        cancel.kind,
        cancel.order_id,
        cancel.client_order_id,
        cancel.status,
        cancel.get_proof_display(),
        cancel.filled_amount,
        cancel.cancelled_amount,
        cancel.attempt,
        *(_moment(getattr(cancel, name)) for name in COLUMNS[11:15]),
        " ".join([*cancel.explanation.splitlines(), *notes]),  # one line: it may come back
    )


def _moment(at: datetime | None) -> str:
    return at.isoformat() if at else ""


def _skipped(
    job: CancelJob, names: set[tuple[int, int | str | None]]
) -> Iterator[tuple[int | str | None, ...]]:
    """Rows of the frozen set that became no cancel, because another one had the order."""
    preview = job.preview
    try:
        rows = frozen_orders.frozen(preview) if preview else []
    except CannotAsk:
        rows = []
        yield ("",) * 6 + (CHANGED,)
    accounts = Account.objects.in_bulk({row.account_pk for row in rows})
    for row in rows:
        if (row.account_pk, row.order_id or row.client_order_id) not in names:
            account = accounts[row.account_pk]
            named = (row.symbol, row.kind, row.order_id, row.client_order_id)
            yield (account.name, account.address, *named, SKIPPED)

"""The life of one order: every record that speaks of it, newest first."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Q

from orders.audit import sentences
from orders.models import AuditRecord, AuditRecordOrder, CancelJob, Order

if TYPE_CHECKING:
    from orders.models.desks import Person


MAX_MOMENTS = 300


@dataclass(frozen=True)
class Moment:
    """One record in an order's life. ``gap``: how long after the one before it, in words."""

    record: AuditRecord
    sentence: str
    gap: str


def of_order(order: Order, user: "Person") -> list[Moment]:
    """The records that name this order by either id, newest first; one query."""
    named = Q(order_id=order.order_id)
    if order.client_order_id:
        named |= Q(order_id=None, client_order_id=order.client_order_id)
        named |= Q(order_id=None, client_order_id=order.client_order_id.lower())
    lines = AuditRecordOrder.objects.visible_to(user).filter(named, account=order.account_id)
    lines = lines.select_related("record").order_by("-record__position", "row")[:MAX_MOMENTS]
    return moments([(line.record, line) for line in lines])


def of_job(job: CancelJob, user: "Person") -> list[Moment]:
    """The newest records of a job; three queries."""
    return of_records(list(AuditRecord.objects.visible_to(user).filter(job=job)[:MAX_MOMENTS]))


def of_records(records: list[AuditRecord]) -> list[Moment]:
    """These records, each told by its first order row; two queries."""
    lines = AuditRecordOrder.objects.filter(record__in=records).order_by()
    counts = dict(lines.values_list("record").annotate(Count("pk")))
    first = {line.record_id: line for line in lines.filter(row=0)}
    return moments([(record, first.get(record.pk)) for record in records], counts)


def moments(
    pairs: list[tuple[AuditRecord, AuditRecordOrder | None]], counts: dict[int, int] | None = None
) -> list[Moment]:
    """Records with the row each is told by, newest first, with the gaps between them."""
    life = []
    for (record, line), before in zip(pairs, [*pairs[1:], None], strict=False):
        gap = ""
        if before is not None:
            gap = f"+ {sentences.span((record.at - before[0].at).total_seconds())}"
        count = 1 if counts is None else counts.get(record.pk, 0)
        life.append(Moment(record, sentences.of_record(record, row=line, count=count), gap))
    return life

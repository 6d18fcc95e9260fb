"""How long each step of a cancel took, to the millisecond, and what a whole job came to."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from django.db.models import Count, Max, Min, Sum
from django.utils.dateparse import parse_datetime

from orders.audit import sentences
from orders.models import AuditRecord, Cancel, CancelJob, Event, Order


@dataclass(frozen=True)
class Step:
    """One moment of a cancel. ``gap_ms``: since the step before, ``total_ms``: since the click.

    ``record``: the record of the log that tells it, where there is one.
    """

    label: str
    at: datetime
    gap_ms: int
    total_ms: int
    record: AuditRecord | None = None


Moment = tuple[str, datetime, AuditRecord | None]


def of_order(order: Order) -> list[Step]:
    """The steps of the order's newest cancel, from the click to the proven end; two queries."""
    cancel = Cancel.objects.filter(known_order=order).order_by("-pk").first()
    return [] if cancel is None else _of_cancel(cancel)


def _of_cancel(cancel: Cancel) -> list[Step]:
    told = AuditRecord.objects.filter(order_rows__cancel=cancel).order_by("position")
    records = list(told.distinct()[:MAX_RECORDS])
    asked = next((one for one in records if one.event == Event.CANCEL_ASKED), None)
    moments: list[Moment] = [("Clicked", cancel.requested_at, asked)]
    for record in records:
        if record.event == Event.REQUEST:
            moments.append(("Recorded for sending", record.at, record))
        elif record.event == Event.ANSWER:
            data = sentences.data_of(record)
            times = ((label, _moment(data.get(name))) for label, name in OF_ANSWER)
            moments += [(label, at, record) for label, at in times if at is not None]
    if cancel.concluded_at is not None:
        ended = next((one for one in reversed(records) if one.event in PROVES), None)
        moments.append(("Proven and recorded", cancel.concluded_at, ended))
    return _with_gaps(moments)


MAX_RECORDS = 40
PROVES = (Event.ANSWER, Event.READ, Event.STREAM, Event.OUTCOME, Event.SYNC)
OF_ANSWER = (("Sent", "sent_at"), ("First byte back", "first_byte_at"), ("Answered", "answered_at"))


def _moment(text: Any) -> datetime | None:
    """A moment as the log wrote it; None where it is no text or no time."""
    try:
        return parse_datetime(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _with_gaps(moments: list[Moment]) -> list[Step]:
    moments.sort(key=lambda moment: moment[1])
    first = before = moments[0][1]
    steps = []
    for label, at, record in moments:
        steps.append(Step(label, at, _ms(at - before), _ms(at - first), record))
        before = at
    return steps


def _ms(span: timedelta) -> int:
    return round(span.total_seconds() * 1000)


def sums_of(job: CancelJob) -> dict[str, Any]:
    """What the log holds of a job: records by kind, bytes, outcomes, how long answers took.

    Four queries, however long the job; answers are looked into up to the first thousand.
    """
    records = AuditRecord.objects.filter(job=job).order_by()
    kinds = list(records.values("event").annotate(n=Count("pk"), bytes=Sum("body_length")))
    ends = records.aggregate(first=Min("at"), last=Max("at"))
    answers = records.filter(event=Event.ANSWER).order_by("position")[:1000]
    elapsed = [sentences.data_of(answer).get("elapsed_ms") for answer in answers.only("data")]
    took = sorted(ms for ms in elapsed if isinstance(ms, int | float))
    outcomes = Counter(dict(job.cancels.order_by().values_list("status").annotate(Count("pk"))))
    return {
        "kinds": [kind | {"label": Event(kind["event"]).label} for kind in kinds],
        "outcomes": sorted(outcomes.items()),
        "cancels": sum(outcomes.values()),
        "span": sentences.span((ends["last"] - ends["first"]).total_seconds()) if kinds else "",
        "median_ms": round(median(took)) if took else None,
        "slowest_ms": round(took[-1]) if took else None,
        **ends,
    }

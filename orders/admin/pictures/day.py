"""Pictures of the last 24 hours: how cancels ended, and how long each step of them took."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.db.models import Count
from django.urls import reverse
from django.utils.timezone import get_current_timezone

from orders.admin.pictures.chart import Chart, Series
from orders.audit import sentences
from orders.models import Cancel, CancelJob, CancelStatus
from orders.models.cancels import LIVE
from orders.templatetags.desk import tone, zone

if TYPE_CHECKING:
    from orders.models.desks import Person

HOURS = 24
MAX_TIMED = 2_000  # the newest cancels whose times are drawn
BINS_MS = (20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
STEPS = ("Click to wire", "Wire to proven", "Click to proven")


def outcomes(user: "Person", now: datetime) -> Chart:
    """How the cancels asked for in each of the last 24 hours stand; one query."""
    newest = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    hours = [newest - timedelta(hours=back) for back in reversed(range(HOURS))]
    jobs = CancelJob.objects.visible_to(user).filter(created_at__gte=hours[0])
    cancels = Cancel.objects.filter(job__in=jobs).order_by()
    groups = cancels.values_list("job__created_at", "status").annotate(Count("pk"))
    counts: Counter[tuple[int, str]] = Counter()
    for asked_at, status, count in groups:
        counts[int((asked_at - hours[0]) / timedelta(hours=1)), status] += count
    return Chart(
        name="outcomes",
        title="Cancels by outcome",
        head=f"Hour ({zone()})",
        labels=[f"{hour.astimezone(get_current_timezone()):%H:%M}" for hour in hours],
        series=[
            _of_status(status, counts, hours)
            for status in CancelStatus.values
            if any(kind == status for _, kind in counts)
        ],
        note="Cancels asked for in each of the last 24 hours, by how they stand.",
        is_stacked=True,
        empty="Nobody has cancelled anything in the last 24 hours.",
    )


def _of_status(status: str, counts: Counter[tuple[int, str]], hours: Sequence[datetime]) -> Series:
    values = [counts[at, status] for at in range(len(hours))]
    return Series(
        CancelStatus(status).label,
        tone(status),
        values,
        links=[
            _records(status, hour) if value else ""
            for value, hour in zip(values, hours, strict=True)
        ],
    )


def _records(status: str, hour: datetime) -> str:
    """Where the records of that outcome in that hour are listed; live ones have none yet."""
    if status in LIVE:
        return reverse("admin:orders_cancel_changelist")
    ends = {"from": hour, "to": hour + timedelta(hours=1)}
    asked = {"outcome": status} | {name: f"{at:%Y-%m-%dT%H:%M:%S}" for name, at in ends.items()}
    return f"{reverse('admin:orders_auditrecord_changelist')}?{urlencode(asked)}"


def timings(user: "Person", now: datetime) -> Chart:
    """How long each step of the newest single cancels of the last 24 hours took; one query."""
    jobs = CancelJob.objects.visible_to(user).filter(
        created_at__gte=now - timedelta(hours=HOURS), is_urgent=True, is_panic=False
    )
    ended = Cancel.objects.filter(job__in=jobs, status=CancelStatus.CANCELLED)
    ended = ended.filter(first_sent_at__isnull=False, concluded_at__isnull=False).order_by("-pk")
    moments = ended.values_list("requested_at", "first_sent_at", "concluded_at")[:MAX_TIMED]
    steps: list[list[float]] = [[], [], []]
    for asked_at, sent_at, ended_at in moments:
        assert sent_at is not None  # filtered above, as the next
        assert ended_at is not None
        for times, gap in zip(
            steps, (sent_at - asked_at, ended_at - sent_at, ended_at - asked_at), strict=True
        ):
            times.append(max(0.0, gap / timedelta(milliseconds=1)))
    return Chart(
        name="timings",
        title="From click to proof",
        head="Took",
        labels=_bins(),
        series=[
            Series(name, colour, _histogram(times))
            for name, colour, times in zip(STEPS, ("busy", "good", "plain"), steps, strict=True)
        ],
        note=(
            "Cancels of up to twenty orders at once, of the last 24 hours: click, first byte to "
            "the exchange, proven outcome."
        ),
        facts=[fact for step in zip(STEPS, steps, strict=True) for fact in _facts(*step)],
        empty="No single cancel was proven in the last 24 hours.",
    )


def _bins() -> list[str]:
    named = [sentences.span(edge / 1000) for edge in BINS_MS]
    return [f"up to {name}" for name in named] + [f"over {named[-1]}"]


def _histogram(times: Sequence[float]) -> list[int]:
    """How many took up to each edge and more than the one before."""
    counts = Counter(bisect_left(BINS_MS, ms) for ms in times)
    return [counts[at] for at in range(len(BINS_MS) + 1)]


def _facts(name: str, times: list[float]) -> list[tuple[str, str]]:
    if not times:
        return []
    times = sorted(times)
    return [
        (sentences.span(percentile(times, percent) / 1000), f"{name}, p{percent}")
        for percent in (50, 95)
    ]


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The value that so many per cent of an ordered row do not exceed (nearest rank)."""
    rank = -(-len(ordered) * percent // 100)
    return ordered[max(0, rank - 1)]

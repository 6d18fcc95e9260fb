"""How many cancels of a job stand where: the parts of its bar, a percentage, and its badge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count

from orders.admin.panic.line_counts import LineCounts, counts_of
from orders.models import Cancel, CancelJob, CancelStatus, JobStatus
from orders.models.cancels import LIVE, OPEN_QUESTIONS
from orders.models.meanings import meanings
from orders.templatetags.desk import thousands, tone

ENDED = [  # in the order of the bar: what was sent has ended
    CancelStatus.CANCELLED.value,
    CancelStatus.FILLED.value,
    CancelStatus.GONE.value,
    CancelStatus.CLOSED_BY_OPERATOR.value,
    CancelStatus.NOT_FOUND.value,
    CancelStatus.REFUSED.value,
]
NOT_SENT = [CancelStatus.STOPPED.value, CancelStatus.EXPIRED.value]
MAY_BE_UNSENT = [  # ended by an answer, or before anything left: refused here, filled, and so on
    CancelStatus.REFUSED.value,
    CancelStatus.FILLED.value,
    CancelStatus.GONE.value,
    CancelStatus.CLOSED_BY_OPERATOR.value,
]
UNDER_WAY = [
    CancelStatus.SETTLING.value,
    CancelStatus.UNKNOWN.value,
    CancelStatus.SENDING.value,
    CancelStatus.QUEUED.value,
]
ORDER = [*ENDED, *UNDER_WAY, *NOT_SENT]
WORST_FIRST = [
    CancelStatus.REFUSED.value,
    CancelStatus.EXPIRED.value,
    CancelStatus.UNKNOWN.value,
    CancelStatus.NOT_FOUND.value,
    CancelStatus.STOPPED.value,
    CancelStatus.CLOSED_BY_OPERATOR.value,
    CancelStatus.GONE.value,
    CancelStatus.FILLED.value,
]
WORST_OF_RUNNING = WORST_FIRST[:3]  # what somebody may want to act on before the end
NOT_WORKED_OFF = [  # at rest by a person's word or by the clock, which says nothing of our speed
    *NOT_SENT,
    CancelStatus.CLOSED_BY_OPERATOR.value,
]


@dataclass(frozen=True)
class Badge:
    """What stands for a whole job: its status, and the worst that became of its orders."""

    words: str
    tone: str


class Tally:
    """How many cancels of a job stand in each status, as parts of a bar.

    ``lines``: of a panic, whose cancel-all took orders that no cancel of the job stands for.
    ``unsent``: how many of those in `MAY_BE_UNSENT` ended although nothing ever left for them.
    """

    def __init__(
        self, counts: Mapping[str, int], lines: LineCounts | None = None, unsent: int = 0
    ) -> None:
        self.counts, self.lines = counts, lines
        self.by_cancel_all = lines.cancelled if lines else 0
        self.count = sum(counts.values())  # of its own cancels
        self.live = sum(counts.get(status, 0) for status in LIVE)
        self.left = max(0, lines.left - self.live) if lines else 0  # and nothing sent for it yet
        self.total = self.count + self.by_cancel_all + self.left
        self.not_sent = sum(counts.get(status, 0) for status in NOT_SENT)
        self.never_left = self.not_sent + unsent
        self.done = self.by_cancel_all + self.count - self.live - self.not_sent
        resting = self.count - self.live
        self.worked_off = resting - sum(counts.get(status, 0) for status in NOT_WORKED_OFF)
        self.waiting = counts.get(CancelStatus.QUEUED, 0)
        self.unresolved = sum(counts.get(status, 0) for status in OPEN_QUESTIONS)
        self.parts = [self._part(status) for status in ORDER if counts.get(status)]

    def _part(self, status: str) -> dict[str, Any]:
        return {
            "status": status,
            "label": CancelStatus(status).label,
            "meaning": meanings(CancelStatus)[status],
            "count": self.counts[status],
        }

    @property
    def stretches(self) -> list[dict[str, Any]]:
        """The parts of the bar, each with where it starts and how long it is, in per cent."""
        parts = [(part["status"], part["count"]) for part in self.parts]
        if self.by_cancel_all:
            parts.insert(0, (CancelStatus.CANCELLED.value, self.by_cancel_all))
        start, stretches = 0, []
        for status, count in parts:
            at, share = 100 * start / self.total, 100 * count / self.total
            stretches.append({"status": status, "start": f"{at:.3f}", "share": f"{share:.3f}"})
            start += count
        return stretches

    @property
    def percentage(self) -> int:
        """How much of it has ended, cut to whole per cent: a hundred is all of it."""
        return 100 * self.done // self.total if self.total else 0

    @property
    def sent(self) -> int:
        """How many left, or were left to cancel-all."""
        return self.total - self.never_left - self.waiting - self.left

    @property
    def words(self) -> str:
        """*42 % · 132 / 311*; where something was never sent, *156 of 311 sent; 155 not sent*."""
        total = thousands(self.total)
        if self.not_sent:
            waiting = f", {thousands(self.waiting)} waiting" if self.waiting else ""
            left = f"; {thousands(self.never_left)} not sent{waiting}"
            return f"{thousands(self.sent)} of {total} sent{left}"
        return f"{self.percentage} % · {thousands(self.done)} / {total}"

    @property
    def sentence(self) -> str:
        """*3 of 5 done (60 %): 2 cancelled, 1 refused, 2 waiting to be sent*."""
        parts = [f"{thousands(part['count'])} {part['label'].lower()}" for part in self.parts]
        if self.by_cancel_all:
            parts.insert(0, f"{thousands(self.by_cancel_all)} by cancel-all")
        if self.left:
            parts.append(f"about {thousands(self.left)} left")
        if not parts:
            return "No cancels."
        done = f"{thousands(self.done)} of {thousands(self.total)} done ({self.percentage} %)"
        return f"{done}: {', '.join(parts)}"

    def badge(self, job: CancelJob) -> Badge:
        """*Done: 1 refused* in the colour of what was refused."""
        label = job.get_status_display()
        if self.lines is not None:
            return self._badge_of_panic(job, self.lines)
        looked_at = WORST_FIRST if job.status in OVER else WORST_OF_RUNNING
        worst = next((status for status in looked_at if self.counts.get(status)), "")
        return Badge(*self._worst(job, label, worst)) if worst else Badge(label, tone(job.status))

    def _badge_of_panic(self, job: CancelJob, lines: LineCounts) -> Badge:
        if lines.needs_you:
            return Badge(f"Needs you: {lines.words}", "alarm")
        is_short = job.status == JobStatus.DONE and lines.empty < lines.total
        label = job.get_status_display()
        return Badge(f"{label}: {lines.words}", "warn" if is_short else tone(job.status))

    def _worst(self, job: CancelJob, label: str, worst: str) -> tuple[str, str]:
        said = f"{thousands(self.counts[worst])} {CancelStatus(worst).label.lower()}"
        if worst == CancelStatus.STOPPED:
            said = f"{thousands(self.not_sent)} not sent"
        elif job.status == JobStatus.STOPPED and self.not_sent:
            said += f", {thousands(self.not_sent)} not sent"
        return f"{label}: {said}", tone(worst)


OVER = {JobStatus.DONE, JobStatus.STOPPED}


def tallies(rows: list[CancelJob]) -> dict[int, Tally]:
    """The tally of each job, by job id; two queries, and one for what was stopped or expired."""
    cancels = Cancel.objects.filter(job__in=[job.pk for job in rows]).order_by()
    counts: dict[int, dict[str, int]] = {job.pk: {} for job in rows}
    for job_id, status, count in cancels.values_list("job", "status").annotate(Count("pk")):
        counts[job_id][status] = count
    lines = counts_of([job for job in rows if job.is_panic])
    unsent = _unsent([job_id for job_id, by_status in counts.items() if _may_differ(by_status)])
    return {
        job_id: Tally(by_status, lines.get(job_id), unsent.get(job_id, 0))
        for job_id, by_status in counts.items()
    }


def _may_differ(by_status: Mapping[str, int]) -> bool:
    """Whether the words tell what was sent, and more may have stayed here than the statuses say."""
    return not (by_status.keys().isdisjoint(NOT_SENT) or by_status.keys().isdisjoint(MAY_BE_UNSENT))


def _unsent(job_ids: list[int]) -> dict[int, int]:
    """Count by job what ended although nothing ever left for it; a query of a few statuses."""
    if not job_ids:
        return {}
    unsent = Cancel.objects.filter(job__in=job_ids, status__in=MAY_BE_UNSENT, first_sent_at=None)
    return dict(unsent.order_by().values_list("job").annotate(Count("pk")))


def complete(rows: list[CancelJob]) -> list[CancelJob]:
    """Attach its tally and its badge to each job."""
    by_job = tallies(rows)
    for job in rows:
        job.tally = by_job[job.pk]
        job.badge = job.tally.badge(job)
    return rows

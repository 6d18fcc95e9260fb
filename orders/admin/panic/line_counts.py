"""A panic in figures: accounts seen empty, what is left by our last look, what cancel-all took."""

from collections import Counter, defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import Count

from orders.models import CancelJob, Order, PanicLine, PanicStatus
from orders.models.panics import UNFINISHED

UNSEEN = {  # how lines can end that were never seen empty
    PanicStatus.WITHDRAWN: "withdrawn",
    PanicStatus.CLOSED: "closed by operator",
}
Known = Counter[tuple[int, str, bool]]  # open orders, by account id, symbol and reduce-only


@dataclass(frozen=True)
class LineCounts:
    """``left``: orders, about; ``cancelled``: by cancel-all, as the exchange counted.

    ``uncounted``: lines whose cancel-all was sent, and no answer says how many it took.
    """

    by_status: dict[str, int]
    left: int
    cancelled: int
    uncounted: int

    @property
    def total(self) -> int:
        """How many accounts, once for each symbol named."""
        return sum(self.by_status.values())

    @property
    def empty(self) -> int:
        """How many were seen empty."""
        return self.by_status.get(PanicStatus.EMPTY, 0)

    @property
    def words(self) -> str:
        """*2 of 3 seen empty*, and what became of those that never were."""
        said = [f"{self.empty} of {self.total} seen empty"]
        for status, words in UNSEEN.items():
            if count := self.by_status.get(status):
                said.append(f"{count} {words}")
        return ", ".join(said)

    @property
    def needs_you(self) -> bool:
        """Whether a person must act on one of them."""
        return PanicStatus.NEEDS_YOU in self.by_status


def counts_of(jobs: Collection[CancelJob]) -> dict[int, LineCounts]:
    """The figures of these panics, by job id; two queries, none without a panic."""
    if not jobs:
        return {}
    return counts_by_job(list(PanicLine.objects.filter(job__in=[job.pk for job in jobs])))


def counts_by_job(lines: Collection[PanicLine]) -> dict[int, LineCounts]:
    """The figures of the panics that these lines make up, by job id; one query."""
    by_job: dict[int, list[PanicLine]] = defaultdict(list)
    for line in lines:
        by_job[line.job_id].append(line)
    known = _known({line.account_id for line in lines if _is_estimated(line)})
    return {job_id: _counts(some, known) for job_id, some in by_job.items()}


def left_by_line(lines: Collection[PanicLine]) -> list[tuple[PanicLine, int]]:
    """Each line with about how many orders are left on it; one query."""
    known = _known({line.account_id for line in lines if _is_estimated(line)})
    return [(line, _left(line, known)) for line in lines]


def _counts(lines: list[PanicLine], known: Known) -> LineCounts:
    statuses = Counter(str(line.status) for line in lines)
    uncounted = [line for line in lines if line.sent_at and line.cancelled_count is None]
    return LineCounts(
        by_status=dict(statuses),
        left=sum(_left(line, known) for line in lines),
        cancelled=sum(line.cancelled_count or 0 for line in lines),
        uncounted=len(uncounted),
    )


def _may_hold(line: PanicLine) -> bool:
    """Whether nobody has seen it empty, nor said to have seen to it: given up on is not empty."""
    return line.status in (*UNFINISHED, PanicStatus.NEEDS_YOU)


def _is_estimated(line: PanicLine) -> bool:
    return _may_hold(line) and line.left_open is None


def _left(line: PanicLine, known: Known) -> int:
    """Orders left on a line: by its last read; before the first, those that we know of."""
    if not _may_hold(line):
        return 0
    if not _is_estimated(line):
        return line.left_open or 0
    in_scope = sum(
        count
        for (account_id, symbol, is_reduce_only), count in known.items()
        if account_id == line.account_id
        and line.symbol in ("", symbol)
        and not (line.keep_reduce_only and is_reduce_only)
    )
    return max(0, in_scope - (line.cancelled_count or 0))


def _known(account_ids: set[int]) -> Known:
    if not account_ids:
        return Counter()
    orders = Order.objects.open().filter(account__in=account_ids).order_by()
    rows = orders.values_list("account_id", "symbol", "reduce_only").annotate(Count("pk"))
    known: Known = Counter()
    for account_id, symbol, reduce_only, count in rows:
        known[account_id, symbol, bool(reduce_only)] += count
    return known

"""A picture of a job: how many of its orders are left, account by account, since the click."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from orders.admin.jobs.cancel_groups import Group, groups_of
from orders.admin.jobs.tally import NOT_SENT
from orders.admin.panic.line_counts import left_by_line
from orders.admin.pictures.chart import Chart, Series
from orders.models import Account, CancelJob
from orders.models.cancels import AT_REST
from orders.templatetags.desk import per_second, thousands

POINTS = 40
MAX_ACCOUNTS = 6  # that have a line of their own
TONES = ("busy", "filled", "good", "warn", "plain", "alarm")
Ends = dict[str, list[tuple[datetime, int]]]  # when how many orders ended, by account


def of_job(job: CancelJob, now: datetime) -> Chart:
    """What was left of each account's orders at points in time; a constant number of queries."""
    return of_groups(job, groups_of(job), now)


def of_groups(job: CancelJob, groups: Sequence[Group], now: datetime) -> Chart:
    """Draw the same of cancels that were counted already."""
    ends, left = _ends(job, groups)
    until = max([job.done_at or now, *(at for moments in ends.values() for at, _ in moments)])
    length = max(timedelta(seconds=1), until - job.created_at)
    moments = [job.created_at + length * at / POINTS for at in range(POINTS + 1)]
    names = sorted(left.keys() | ends.keys(), key=lambda name: -_total(name, ends, left))
    lines = _lines(names, moments, ends, left)
    done = sum(count for some in ends.values() for _, count in some)
    elapsed_s = length.total_seconds()
    return Chart(
        name="burn-down",
        title="Left, since the click",
        head="After",
        labels=[_after(at - job.created_at, length / POINTS) for at in moments],
        series=[
            Series(words, tone, values) for tone, (words, values) in zip(TONES, lines, strict=False)
        ],
        facts=[
            (clock(elapsed_s), "elapsed"),
            (per_second(done / elapsed_s), "a second, on average"),
            (thousands(sum(left.values())), "left"),
        ],
        is_line=True,
        empty="Nothing is known of its orders yet.",
    )


def clock(seconds: float) -> str:
    """Write how long as a clock does: *00:17*, *1:02:03*."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"


def _after(passed: timedelta, step: timedelta) -> str:
    """Say how long after the click a point is, as finely as points differ."""
    if step >= timedelta(seconds=1):
        return clock(passed.total_seconds())
    digits = 1 if step >= timedelta(milliseconds=100) else 2
    return f"{passed.total_seconds():.{digits}f} s"


def _ends(job: CancelJob, groups: Sequence[Group]) -> tuple[Ends, dict[str, int]]:
    """When orders of each account ended, and how many have not."""
    lines = list(job.panic_lines.select_related("account")) if job.is_panic else []
    names = {line.account_id: line.account.name for line in lines}
    others = {group.account_id for group in groups} - names.keys()
    names |= dict(Account.objects.filter(pk__in=others).values_list("pk", "name"))
    ends: Ends = defaultdict(list)
    left: dict[str, int] = defaultdict(int)
    for group in groups:
        name = names[group.account_id]
        has_ended = group.status in AT_REST and group.status not in NOT_SENT
        if has_ended and group.concluded_at is not None:
            ends[name].append((group.concluded_at, group.size))
        else:
            left[name] += group.size
    for line, count in left_by_line(lines):
        name = names[line.account_id]
        left[name] = max(left[name], count)
        if line.answered_at is not None and line.cancelled_count:
            ends[name].append((line.answered_at, line.cancelled_count))
    return ends, left


def _total(name: str, ends: Ends, left: dict[str, int]) -> int:
    return left.get(name, 0) + sum(count for _, count in ends.get(name, ()))


def _lines(
    names: Sequence[str], moments: Sequence[datetime], ends: Ends, left: dict[str, int]
) -> list[tuple[str, list[int]]]:
    """A line for each of the largest accounts, and one for all the others together."""
    own = [(name, [name]) for name in names[: MAX_ACCOUNTS - 1]]
    rest = list(names[MAX_ACCOUNTS - 1 :])
    groups = own if not rest else [*own, (_words(rest), rest)]
    return [
        (words, [sum(_left_at(at, name, ends, left) for name in some) for at in moments])
        for words, some in groups
    ]


def _words(rest: Sequence[str]) -> str:
    return rest[0] if len(rest) == 1 else f"{len(rest)} other accounts"


def _left_at(moment: datetime, name: str, ends: Ends, left: dict[str, int]) -> int:
    later = sum(count for at, count in ends.get(name, ()) if at > moment)
    return later + left.get(name, 0)

"""What the log says has changed since a position: which desks, accounts, jobs and orders."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from orders.admin.push.limits import Limits
from orders.models import AuditRecord, AuditRecordOrder, CancelJob, JobStatus
from orders.models.cancel_jobs import CancelJobQuerySet

NEW = "new"  # the outcome of a line whose order was not known before
ENDED = {JobStatus.STOPPED.value, JobStatus.DONE.value}


class Change(NamedTuple):
    """One record, as far as pages need it. ``orders``: *account id-order id*, as cells bear it;
    without an order id where only the client order id is known.

    ``is_wide``: it names more orders than are told one by one. ``has_new``: some of them were not
    known before. ``is_frame``: what every page shows around it changed. ``is_for_all``: it is of
    no desk, and nothing of a desk is in it.
    """

    position: int
    event: str = ""
    operator_id: int | None = None
    desk_id: int | None = None
    account_id: int | None = None
    job_id: int | None = None
    orders: tuple[str, ...] = ()
    is_wide: bool = False
    has_new: bool = False
    is_frame: bool = False
    is_for_all: bool = False


def job_ids_of(changes: Iterable[Change]) -> set[int]:
    """Return the jobs that changed."""
    return {change.job_id for change in changes if change.job_id is not None}


COLUMNS = ("position", "event", "operator_id", "desk_id", "account_id", "job_id")


def since(position: int, limits: Limits) -> list[Change]:
    """Return the changes past a position, oldest first; two queries.

    Of a very long gap the newest ones only.
    """
    newest = AuditRecord.objects.filter(position__gt=position).order_by("-position")
    rows = list(newest.values_list(*COLUMNS)[: limits.kept])
    lines = _lines_of([row[0] for row in rows], limits)
    if lines is None:
        return [Change(*row)._replace(is_wide=True, has_new=True) for row in reversed(rows)]
    return [Change(*row)._replace(**_told(lines.get(row[0], []))) for row in reversed(rows)]


def _told(lines: list[tuple[str, str]]) -> dict[str, Any]:
    """Return what a record's lines make of its change."""
    orders = tuple(name for name, _ in lines)
    return {"orders": orders, "has_new": any(outcome == NEW for _, outcome in lines)}


def _lines_of(positions: list[int], limits: Limits) -> dict[int, list[tuple[str, str]]] | None:
    """Return order and outcome of records' lines, by position; None where they are too many."""
    if not positions:
        return {}
    rows = AuditRecordOrder.objects.filter(
        record_id__gte=positions[-1], record_id__lte=positions[0]
    )
    found: dict[int, list[tuple[str, str]]] = {}
    columns = rows.order_by().values_list("record_id", "account_id", "order_id", "outcome")
    for number, (position, account_id, order_id, outcome) in enumerate(
        columns[: limits.order_rows + 1]
    ):
        if number == limits.order_rows:
            return None
        found.setdefault(position, []).append((f"{account_id}-{order_id or ''}", outcome))
    return found


class RunningJobs:
    """The bulk jobs and panics that run, as the frame of every page names them."""

    def __init__(self) -> None:
        self.desks: dict[int, int] = {}  # desk id by job id

    def load(self) -> None:
        """Find those that run already."""
        self.desks = self._read(CancelJob.objects.exclude(status__in=ENDED))[0]

    def marked(self, changes: list[Change]) -> list[Change]:
        """Return the changes, those marked that change what the frame shows; one query at most."""
        ids = {change.job_id for change in changes if change.job_id is not None}
        if not ids:
            return changes
        running, panics = self._read(CancelJob.objects.filter(pk__in=ids))
        turned = panics | ids & (running.keys() ^ (self.desks.keys() & ids))
        for job_id in ids - running.keys():
            self.desks.pop(job_id, None)
        self.desks |= running
        return [
            change._replace(is_frame=True) if change.job_id in turned else change
            for change in changes
        ]

    @staticmethod
    def _read(jobs: CancelJobQuerySet) -> tuple[dict[int, int], set[int]]:
        """Return the desks of those that run and are not small, and the ids of panics."""
        rows = jobs.values_list("pk", "desk_id", "status", "is_urgent", "is_panic")
        running: dict[int, int] = {}
        panics: set[int] = set()
        for pk, desk_id, status, is_urgent, is_panic in rows:
            if is_panic:
                panics.add(pk)
            if status not in ENDED and (is_panic or not is_urgent):
                running[pk] = desk_id
        return running, panics

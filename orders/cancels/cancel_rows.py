"""The rows of new cancels, inserted many at once, and the log's rows of their orders."""

from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import Max

from orders.audit import log
from orders.cancels.live_cancels import NAMES, TAKEN, Skipped, without_live
from orders.lifecycle.targets import Target
from orders.models import Cancel, CancelJob
from orders.models.bulk_insert import insert, new_ids
from orders.models.prepared import Prepared

_added = Prepared(
    lambda job_id, newest: Cancel.objects.filter(job_id=job_id, pk__gt=newest).values_list(
        *NAMES, "pk"
    ),
    job_id=(1, 2),
    newest=(3, 4),
)


LOOKS = 3  # in one transaction, beside others who take the same orders
Names = tuple[int, int | None, str | None]  # the values of `NAMES`


class Inserted(NamedTuple):
    """The targets that have a cancel now, the log's rows of them, and what others took first."""

    targets: list[Target]
    lines: tuple[log.OrderLine, ...]
    taken: list[Skipped]


def newest_of(job: CancelJob) -> int:
    """Return the newest cancel of a job, by id; 0 where it has none."""
    return job.cancels.aggregate(newest=Max("pk"))["newest"] or 0


def insert_queued(
    job: CancelJob, targets: list[Target], now: datetime, *, newest: int = 0
) -> Inserted:
    """Insert one queued cancel for each target that nobody else took since it was looked at.

    ``newest``: as `newest_of` tells of a job that has cancels already. Raises `IntegrityError`
    where the only target was taken, or every one: nothing is asked for then.
    """
    taken: list[Skipped] = []
    try:
        with transaction.atomic(savepoint=len(targets) > 1):
            ids = _insert(job, targets, now)
    except IntegrityError:
        if len(targets) == 1:
            raise
        targets, taken = _insert_beside_others(job, targets, now, newest)
        ids = []
    if not ids:
        id_of = _ids(job, newest)
        ids = [id_of[_names(target)] for target in targets]
    return Inserted(targets, tuple(map(line_of, targets, ids)), taken)


def _insert_beside_others(
    job: CancelJob, targets: list[Target], now: datetime, newest: int
) -> tuple[list[Target], list[Skipped]]:
    """Insert what is free, waiting for whoever is taking one of the orders just now.

    What was taken meanwhile is looked at again: of an edited order only its client order id is.
    """
    inserted: list[Target] = []
    skipped: list[Skipped] = []
    for _ in range(LOOKS):
        free, taken = without_live(targets)
        skipped += taken
        _insert(job, free, now, skips_taken=True)
        ids = _ids(job, newest)
        inserted += [target for target in free if _names(target) in ids]
        targets = [target for target in free if _names(target) not in ids]
        if not targets:
            break
    if not inserted:
        raise IntegrityError("Others took each of these orders meanwhile.")
    return inserted, [*skipped, *((target, TAKEN) for target in targets)]


def _insert(
    job: CancelJob, targets: list[Target], now: datetime, *, skips_taken: bool = False
) -> list[int]:
    """Insert them, on PostgreSQL by name: two bulks of the same orders never wait for each other.

    Senders take them by id, which is in the order given. Returns the ids where they are known.
    """
    columns = (*GIVEN, *DEFAULTS)
    rows = [_row(job, target, now) for target in targets]
    ids = new_ids(Cancel, len(rows)) if len(rows) > 1 else []
    if ids:
        columns = (*columns, "id")
        rows = [(*row, pk) for row, pk in zip(rows, ids, strict=True)]
        rows.sort(key=_by_name)
    insert(Cancel, columns, rows, skips_taken=skips_taken)
    return ids


def _by_name(row: tuple[Any, ...]) -> tuple[int, int, str]:
    account_id, order_id, client_order_id = _names_in(row)
    return account_id, order_id or 0, client_order_id or ""


def _ids(job: CancelJob, newest: int) -> dict[Names, int]:
    """Ids of its new cancels, by name: a panic's threads add to one job, each for its account."""
    return {(account, *names): pk for account, *names, pk in _added(job_id=job.pk, newest=newest)}


def _names(target: Target) -> Names:
    return target.account.pk, target.order_id, target.client_order_id


def _plain(value: Any) -> Any:
    """Return a choice, or a column's default, as the database takes it."""
    return getattr(value, "value", value)


GIVEN = (
    "job_id",
    "is_urgent",
    "account_id",
    "known_order_id",
    "symbol",
    "kind",
    "order_id",
    "client_order_id",
    "requested_at",
)
_names_in = itemgetter(*(GIVEN.index(name) for name in NAMES))
DEFAULTS = {  # of the columns that may not be null
    field.attname: _plain(field.get_default())
    for field in Cancel._meta.concrete_fields
    if not field.null and not field.primary_key and field.attname not in GIVEN
}


def _row(job: CancelJob, target: Target, now: datetime) -> tuple[Any, ...]:
    """Return the columns of `GIVEN`, then the defaults."""
    return (
        job.pk,
        job.is_urgent,
        target.account.pk,
        target.order.pk if target.order else None,
        target.symbol,
        _plain(target.kind),
        target.order_id,
        target.client_order_id,
        now,
        *DEFAULTS.values(),
    )


def line_of(target: Target, cancel_id: int | None) -> log.OrderLine:
    """Return the log's row of an order; ``cancel_id``: None where it was left out."""
    return log.OrderLine(
        account_id=target.account.pk,
        symbol=target.symbol,
        order_id=target.order_id,
        client_order_id=target.client_order_id,
        cancel_id=cancel_id,
    )

"""The rows of new cancels, inserted many at once, and the log's rows of their orders."""

from datetime import datetime
from typing import Any

from django.db.models import Max

from orders.audit import log
from orders.cancels.live_cancels import NAMES
from orders.lifecycle.targets import Target
from orders.models import Cancel, CancelJob
from orders.models.bulk_insert import insert
from orders.models.prepared import Prepared

_added = Prepared(
    lambda job_id, newest: Cancel.objects.filter(job_id=job_id, pk__gt=newest).values_list(
        *NAMES, "pk"
    ),
    job_id=(1, 2),
    newest=(3, 4),
)


def newest_of(job: CancelJob) -> int:
    """Return the newest cancel of a job, by id; 0 where it has none."""
    return job.cancels.aggregate(newest=Max("pk"))["newest"] or 0


def insert_queued(
    job: CancelJob, targets: list[Target], now: datetime, *, newest: int = 0
) -> tuple[log.OrderLine, ...]:
    """Insert one queued cancel for each target; return the log's order rows of them.

    ``newest``: as `newest_of` tells of a job that has cancels already.
    """
    rows = [_row(job, target, now) for target in targets]
    insert(Cancel, (*GIVEN, *DEFAULTS), rows)
    # By name: a panic's threads may add to the same job meanwhile, each for its own account.
    ids = {tuple(names): pk for *names, pk in _added(job_id=job.pk, newest=newest)}
    return tuple(
        line_of(target, ids[target.account.pk, target.order_id, target.client_order_id])
        for target in targets
    )


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

"""Whose cancels are sent next, and the claim that makes them one sender's."""

import uuid
from dataclasses import fields
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, QuerySet

from orders.lifecycle.deliveries import ClaimedCancel
from orders.lifecycle.wakeups import CHUNK
from orders.models import Account, Cancel, CancelJob, CancelStatus, Order
from orders.models.cancels import LEASE, CancelQuerySet
from orders.models.prepared import MOMENTS, Prepared, PreparedUpdate


class NextJob(NamedTuple):
    """Whose cancels are sent next for an account: one job's."""

    account: Account
    job_id: int
    is_urgent: bool


COLUMNS = tuple(field.name for field in fields(ClaimedCancel) if not field.kw_only)
Columns = dict[str, Any]  # what an update writes
OWN_ORDER = OuterRef("known_order")


_first_ready = Prepared(
    lambda account_id, now: (
        Cancel.objects.ready(now)
        .filter(account_id=account_id)
        .values_list("job_id", "is_urgent")[:1]
    ),
    account_id=(1, 2),
    now=MOMENTS,
)
_account = Prepared(
    lambda pk: Account.objects.select_related("desk", "api_config_key").filter(pk=pk), pk=(1, 2)
)
_job = Prepared(lambda pk: CancelJob.objects.select_related("operator").filter(pk=pk), pk=(1, 2))


def next_job(account_id: int, now: datetime) -> NextJob | None:
    """Whose turn it is: urgent ones first, then the oldest; None where nothing may be sent."""
    for job_id, is_urgent in _first_ready(account_id=account_id, now=now):
        return NextJob(_account(pk=account_id)[0], job_id, is_urgent)
    return None


def claim(head: NextJob, *, now: datetime, limit: int = CHUNK) -> list[ClaimedCancel]:
    """Take a chunk of one job's queued cancels: true for one sender only, on any database.

    One UPDATE writes a random token, the next attempt number (the fence) and a lease; only rows
    that carry the token are ours. What another sender is claiming just now is passed over, so that
    those who were woken together share a job.
    """
    token = uuid.uuid4()
    which: dict[str, Any] = {"account_id": head.account.pk, "job_id": head.job_id, "now": now}
    with transaction.atomic():
        rows = _chunk_of_free(**which) if limit == CHUNK else list(_free(**which)[:limit])
        looked_at = {row[0] for row in rows}
        taken = _take(pks=looked_at, token=token, now=now)
        if taken < len(rows):  # somebody was faster
            held = set(Cancel.objects.held(token, looked_at).values_list("pk", flat=True))
            rows = [row for row in rows if row[0] in held]
    return _chunk(head, token, rows) if taken else []


def _free(account_id: int, job_id: int, now: datetime) -> QuerySet[Cancel, tuple[Any, ...]]:
    """What may be claimed of a job, locked, without waiting for what others lock."""
    skips = connection.features.has_select_for_update_skip_locked
    rows = Cancel.objects.ready(now).filter(account_id=account_id, job_id=job_id)
    rows = rows.annotate(is_unnamed=Exists(Order.objects.unnamed().filter(pk=OWN_ORDER)))
    locked = rows.select_for_update(of=("self",), skip_locked=skips, no_key=True)
    return locked.values_list(*COLUMNS)


def _taking(pks: set[int], token: uuid.UUID, now: datetime) -> tuple[CancelQuerySet, Columns]:
    """Return those of these cancels that still wait, and what a claim writes."""
    columns: Columns = {
        "status": CancelStatus.SENDING,
        "claim_token": token,
        "attempt": F("attempt") + 1,
        "lease_until": now + LEASE,
        "sent_at": None,
        "not_before_at": None,
    }
    return Cancel.objects.filter(pk__any=pks, status=CancelStatus.QUEUED), columns


_chunk_of_free = Prepared(
    lambda account_id, job_id, now: _free(account_id, job_id, now)[:CHUNK],
    account_id=(1, 2),
    job_id=(3, 4),
    now=MOMENTS,
)
_take = PreparedUpdate(
    _taking, pks=({1}, {2}), token=(uuid.UUID(int=1), uuid.UUID(int=2)), now=MOMENTS
)


def _chunk(head: NextJob, token: uuid.UUID, rows: list[tuple[Any, ...]]) -> list[ClaimedCancel]:
    """Make the claimed cancels, oldest first, as the claim left them.

    ``rows``: values of `COLUMNS`, as they stood before the claim.
    """
    (job,) = _job(pk=head.job_id)
    if job.desk_id == head.account.desk_id:  # a job is one desk's; else the account went elsewhere
        job.desk = head.account.desk
    chunk = [ClaimedCancel(*row, claim_token=token, account=head.account, job=job) for row in rows]
    for cancel in chunk:
        cancel.status, cancel.attempt = CancelStatus.SENDING, cancel.attempt + 1
    return chunk

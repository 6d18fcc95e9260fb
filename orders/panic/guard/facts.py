"""The records of guards, schedules and latches."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from orders.audit import log
from orders.models import Account, CancelJob, Desk, Event, Guard, Schedule

NO_GUARD = "There is no such guard, or it is not yours to change."


def fact(
    event: Event,
    row: Guard | Schedule,
    actor: log.Actor,
    now: datetime,
    *,
    job: CancelJob | None = None,
    **data: Any,
) -> log.Fact:
    """Return the record of what befell a guard or a schedule, under its name."""
    lines = (log.OrderLine(account_id=row.account_id),) if row.account_id else ()
    about = {"name": row.name, "where": row.where} | data
    return log.Fact(
        event, actor, now, desk=row.desk, account=row.account, job=job, data=about, lines=lines
    )


def of_accounts(
    event: Event,
    desk: Desk,
    actor: log.Actor,
    now: datetime,
    accounts: Sequence[Account],
    *,
    job: CancelJob | None = None,
    data: dict[str, Any],
) -> log.Fact:
    """Return the record of what befell accounts of a desk."""
    lines = tuple(log.OrderLine(account_id=account.pk) for account in accounts)
    about = {"accounts": [account.name for account in accounts]} | data
    account = accounts[0] if len(accounts) == 1 else None
    return log.Fact(event, actor, now, desk=desk, account=account, job=job, data=about, lines=lines)

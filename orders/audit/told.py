"""What this process's log says of each record of the audit log: its event and ids, nothing else.

Only in JSON lines, and only once the record is committed.
"""

import contextvars
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from django.db import transaction

from desk import logs
from orders.audit.hashing import Row
from orders.models import Event

logger = logging.getLogger(__name__)
MOST_IDS = 250  # of cancels in a line, as many as a sender takes at once; of more, `orders` counts
# What somebody must see.
WARNED_OF = {Event.ALERT, Event.CONTRADICTION, Event.NO_ANSWER, Event.SENDER_LOST}
Record = tuple[int, Mapping[str, Any], Sequence[Row]]  # position, columns by name, order rows


def after_commit(records: Sequence[Record]) -> None:
    """Say it once the transaction is committed; whatever goes wrong then undoes nothing."""
    if logger.isEnabledFor(logging.WARNING):
        here = contextvars.copy_context()  # what is bound now, and may be no more by then
        transaction.on_commit(partial(here.run, _say, records), robust=True)


def _say(records: Sequence[Record]) -> None:
    """Say those of one severity together, a line each: a commit of many records is written once."""
    for level, those in groupby(records, _level):
        if logger.isEnabledFor(level):
            logger.log(level, "Recorded", extra={logs.LINES: [_about(*one) for one in those]})


def _level(record: Record) -> int:
    return logging.WARNING if record[1]["event"] in WARNED_OF else logging.INFO


def _about(position: int, values: Mapping[str, Any], rows: Sequence[Row]) -> dict[str, Any]:
    """Return what stands in the line beside what is bound; what is empty is left out."""
    cancels = [row[1] for row in rows if row[1] is not None]
    said = {
        "event": Event(values["event"]).label,
        "position": position,
        "outcome": values["outcome"],
        "job": values["job_id"],
        "account": values["account_id"],
        "cancels": cancels[:MOST_IDS],
        "orders": len(rows),
    }
    return {name: value for name, value in said.items() if value}

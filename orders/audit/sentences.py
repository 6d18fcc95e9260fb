"""The words in which screens and commands tell people what happened, and when."""

from datetime import datetime

from orders.audit import descriptions
from orders.audit.phrases import TERMINAL, OrderName, by, data_of, ending
from orders.models import AuditRecord, AuditRecordOrder, Cancel

__all__ = ["TERMINAL", "by", "data_of", "ending"]
SIDES = {"bid": "Bid", "ask": "Ask"}


def span(seconds: float) -> str:
    """Return a duration in a readable unit: *80 ms*, *0.4 s*, *12 s*, *3 min*, *2 h*."""
    seconds = max(seconds, 0)
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    for size, unit in ((60, "min"), (3600, "h")):
        if seconds < size * 120:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def clock(seconds: float) -> str:
    """Return a duration as a clock shows it: *00:17*, *1:02:03*."""
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"


def ago(moment: datetime | None, now: datetime) -> str:
    """Say how long ago something was: *12 s ago*, or *never*."""
    return "never" if moment is None else f"{span((now - moment).total_seconds())} ago"


def book_age(synced_at: datetime | None, now: datetime) -> str:
    """Say how old the known orders of an account are."""
    if synced_at is None:
        return "Open orders were never read"
    return f"Open orders read {ago(synced_at, now)}"


def took(cancel: Cancel) -> str:
    """Return the time from the operator's act to the proven outcome; empty before its end."""
    if cancel.concluded_at is None:
        return ""
    return span((cancel.concluded_at - cancel.requested_at).total_seconds())


def of_type(order_type: str) -> str:
    """Return an order type without the wire's underscores, whatever it is."""
    return (order_type or "order").replace("_", " ")


def of_record(
    record: AuditRecord, *, row: AuditRecordOrder | OrderName | None = None, count: int = 0
) -> str:
    """Return one line that says what a record is the record of.

    ``row``: the order row to name, ``count``: how many rows the record has.
    """
    return descriptions.of(record, row, count)

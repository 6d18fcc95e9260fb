"""Ask the exchange, and keep what it said as evidence."""

from dataclasses import dataclass
from datetime import UTC, datetime

from orders import audit
from orders.exchange import client
from orders.models import Event
from orders.pacifica.client import Answer, Unreachable
from orders.pacifica.reads import Unreadable

MOST_PAGES = 5


@dataclass
class Reading:
    """One read: ``result`` is an `Answer` or `Unreachable`; ``value`` what it proved, or None.

    ``why``: in words, why it proved nothing.
    """

    path: str
    params: dict
    result: object
    value: object = None
    why: str = ""


def ask(path, params, parse, **known) -> Reading:
    """Read a route and parse the answer; trouble of any kind ends in a `Reading` without value.

    ``parse`` may raise `Unreadable`; its other named errors (*not in history*) pass through.
    """
    try:
        result = client().get(path, params)
    except Unreachable as unreachable:
        return Reading(path, params, unreachable, why=unreachable.reason)
    reading = Reading(path, params, result)
    try:
        reading.value = parse(
            status=result.status, body=result.body, is_whole=result.is_whole, **known
        )
    except Unreadable as unreadable:
        reading.why = str(unreadable)
    return reading


def pages(path, params, parse, is_enough):
    """Readings of a paged route, newest first, until ``is_enough(rows)`` or the last page."""
    readings, rows, cursor = [], [], None
    while len(readings) < MOST_PAGES:
        reading = ask(path, params | {"cursor": cursor}, parse)
        readings.append(reading)
        if reading.value is None:
            break
        rows += reading.value.rows
        cursor = reading.value.next_cursor
        if not reading.value.has_more or is_enough(rows):
            break
    return readings, rows


def fact_of(reading, *, actor, account, at, job=None, lines=()) -> audit.Fact:
    """The record of a read that settled something: its whole answer, or why there was none."""
    data = {"path": reading.path, "params": reading.params, "why": reading.why}
    body = None
    if isinstance(reading.result, Answer):
        data |= audit.described(reading.result)
        body = reading.result.body
    return audit.Fact(
        event=Event.READ,
        actor=actor,
        at=at,
        account=account,
        job=job,
        data=data,
        body=body,
        lines=tuple(lines),
    )


def moment(ms) -> datetime:
    """The exchange's integer milliseconds as a UTC time."""
    return datetime.fromtimestamp(ms / 1000, UTC)

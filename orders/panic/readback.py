"""Read a book back after its cancel-all and cancel what is left, one by one, until it is empty."""

import time
from collections.abc import Callable
from datetime import datetime

from django.utils import timezone

from orders.exchange import reader as exchange_reader
from orders.models import PanicLine
from orders.models.cancels import LEASE
from orders.models.clocks import is_ahead
from orders.panic import open_orders, stop_orders
from orders.panic.claimed_lines import (
    NOT_AGAIN,
    leave_to_person,
    record_empty,
    update_line,
    writing,
)
from orders.panic.exchange_requests import why_not
from orders.panic.leftovers import Leftovers
from orders.panic.strategies import Strategies
from orders.panic.timings import TIMINGS, Timings

LOOK_EVERY_S = 0.1  # whether to leave a line, while it waits


def finish(
    line: PanicLine,
    is_halted: Callable[[], bool] = lambda: False,
    strategies: Strategies | None = None,
    stops: list[stop_orders.Stop] | None = None,
    timings: Timings = TIMINGS,
) -> None:
    """Read back until the book is seen empty or the time is over, cancelling what is left.

    ``is_halted``: whether this process shall leave the line to another one. ``stops``: those that
    were known to be open before the cancel-all.
    """
    reader = exchange_reader.Reader(line.account)
    leftovers = Leftovers(line, strategies, lag=timings.lag)
    stops = stop_orders.known(line) if stops is None else stops
    deadline, entered = _Deadline(timings), time.monotonic()
    pause_s = timings.first_pause_s
    while True:
        began = time.monotonic()
        look = open_orders.read_everything_open(line, reader)
        wait_s = _unsettled_s(line, look, began - entered, timings)
        if look.is_empty and not wait_s:
            return record_empty(line, look.readings, _seen(line, look, stops, timings))
        with writing():
            update_line(line, left_open=look.count, lease_until=timezone.now() + LEASE)
        if deadline.is_over and not look.is_empty:
            why = _given_up(line, look, leftovers, stops, timings)
            return leave_to_person(line, why, readings=look.odd_readings)
        if look.rows and (said := why_not(line)):
            return leave_to_person(line, f"{said} {look.count} still listed.")
        leftovers.cancel([row for _, row in look.rows])
        if is_halted():
            return update_line(line, lease_until=None, takes=0)
        if look.must_wait:
            time.sleep(timings.credit_pause_s)
            deadline.put_off(time.monotonic() - began)
            continue
        if _is_halted_within(wait_s if look.is_empty else pause_s, is_halted):
            return update_line(line, lease_until=None, takes=0)
        if look.is_empty:  # what a later look shows has all the time to be cancelled
            deadline = _Deadline(timings)
        pause_s = min(timings.max_pause_s, pause_s * 1.6)


def _is_halted_within(seconds: float, is_halted: Callable[[], bool]) -> bool:
    """Pause so long, or until the line shall be left to another sender; whether it shall."""
    ends_at = time.monotonic() + seconds
    while (left_s := ends_at - time.monotonic()) > 0:
        time.sleep(min(left_s, LOOK_EVERY_S))
        if is_halted():
            return True
    return False


class _Deadline:
    """When a person is asked. Waiting for credits does not count, within limits."""

    def __init__(self, timings: Timings) -> None:
        self._ends_at = time.monotonic() + timings.deadline_s
        self._spare_s = timings.credit_wait_s

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self._ends_at

    def put_off(self, seconds: float) -> None:
        """Begin later by the seconds in which nothing could be read for want of credits."""
        part = min(seconds, self._spare_s)
        self._spare_s -= part
        self._ends_at += part


def _given_up(
    line: PanicLine,
    look: open_orders.OpenOrdersReading,
    leftovers: Leftovers,
    stops: list[stop_orders.Stop],
    timings: Timings,
) -> str:
    """What is known of a line whose book was not seen empty in time."""
    said = look.trouble or f"{look.count} still listed after {timings.deadline_s} s."
    told = [look.unread, said, leftovers.refusals(), line.explanation]
    return " ".join(filter(None, [*told, stop_orders.in_words(line, stops, look)]))


def _unsettled_s(
    line: PanicLine, look: open_orders.OpenOrdersReading, since_s: float, timings: Timings
) -> float:
    """How long to wait for a look that proves more than this one; 0 where it is proof enough.

    ``since_s``: how long after reading back began it was, whatever clocks say.
    """
    settled_at = open_orders.settled_at(line, timings)
    if settled_at is None or look.began_at >= settled_at:
        return 0
    left_s = (settled_at - timezone.now()).total_seconds()
    if _was_set_back(settled_at, timings):
        longest = max(timings.max_life, timings.reads_lag)
        left_s = longest.total_seconds() - since_s
        if left_s <= 0:
            return 0
    # No cancel-all is at work: what appears meanwhile is the panic's to cancel, and no latch's.
    longest_s = timings.max_wait_s if line.sent_at else timings.max_pause_s
    return min(longest_s, max(0.01, left_s))


def _kept(line: PanicLine) -> str:
    """Say what the line spares."""
    kept = [("reduce-only", line.keep_reduce_only), ("stop", line.keep_stops)]
    return " or ".join(word for word, is_kept in kept if is_kept)


def _was_set_back(settled_at: datetime | None, timings: Timings) -> bool:
    """Whether the clock was, since the request was sent: then its time tells nothing any more."""
    return is_ahead(settled_at, timezone.now(), timings.max_life)


def _seen(
    line: PanicLine,
    look: open_orders.OpenOrdersReading,
    stops: list[stop_orders.Stop],
    timings: Timings,
) -> str:
    """What is known of a line whose book was seen empty."""
    said = line.explanation.replace(NOT_AGAIN, "").strip()
    settled_at = open_orders.settled_at(line, timings)
    if _was_set_back(settled_at, timings):
        said += " The account was seen empty; the clock moved after the request was sent."
    elif line.sent_at is None and settled_at is not None:
        said += f" The account was seen empty {timings.reads_lag.seconds} s after it was asked for."
    elif settled_at is not None:
        said += " The account was seen empty after the request could act no more."
    if look.spared:
        many = "order was" if look.spared == 1 else "orders were"
        said += f" {look.spared} {_kept(line)} {many} spared."
    said += f" {stop_orders.in_words(line, stops, look)}".rstrip()
    if look.absent:
        said += f" {look.absent[0].upper()}{look.absent[1:]}."
    return said.strip()

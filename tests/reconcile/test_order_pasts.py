"""Which order came in the place of which: told by times alone only where they leave no doubt."""

from datetime import UTC, datetime, timedelta

import pytest

from orders.reconcile.closures import Closure
from orders.reconcile.order_pasts import Edits, OrderPast

AT = datetime(2026, 11, 28, tzinfo=UTC)
NAME = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


def past(order_id, *, made_ms, name=None, ended_ms=None):
    ended_at = None if ended_ms is None else AT + timedelta(milliseconds=ended_ms)
    ending = ended_at and Closure("cancelled", "cancel", "0", "1", ended_at)
    made_at = AT + timedelta(milliseconds=made_ms)
    return OrderPast(order_id, name, "BTC", made_at, ending, side="bid")


@pytest.mark.parametrize(
    ("name", "later_ms", "is_edit"),
    [(None, 0, True), (None, 1, True), (None, 5, False), (NAME, 900, True), (NAME, 1100, False)],
)
def test_an_order_placed_right_after_a_cancel_is_no_edit_of_it(name, later_ms, is_edit):
    """A bot cancels and places anew within a few milliseconds, without a client order id."""
    old = past(1, made_ms=-60_000, ended_ms=0, name=name)
    new = past(2, made_ms=later_ms, name=name)
    assert Edits([old, new]).last_of(old) == (new if is_edit else None)

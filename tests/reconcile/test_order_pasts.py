"""Which order came in the place of which: told by times alone only where they leave no doubt."""

from datetime import UTC, datetime, timedelta

import pytest

from orders.reconcile import partial_history
from orders.reconcile.closures import Closure
from orders.reconcile.order_pasts import Edits, OrderPast

AT = datetime(2026, 11, 28, tzinfo=UTC)
NAME = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


def past(order_id, *, made_ms, name=None, ended_ms=None, **about):
    ended_at = None if ended_ms is None else AT + timedelta(milliseconds=ended_ms)
    ending = ended_at and Closure("cancelled", "cancel", "0", "1", ended_at)
    made_at = None if made_ms is None else AT + timedelta(milliseconds=made_ms)
    about = {"symbol": "BTC", "side": "bid"} | about
    return OrderPast(order_id, name, created_at=made_at, ending=ending, **about)


@pytest.mark.parametrize(
    ("name", "later_ms", "is_edit"),
    [(None, 0, True), (None, 1, True), (None, 5, False), (NAME, 0, True), (NAME, 1100, False)],
)
def test_an_order_placed_right_after_a_cancel_is_no_edit_of_it(name, later_ms, is_edit):
    """A bot cancels and places anew within a few milliseconds, without a client order id."""
    old = past(1, made_ms=-60_000, ended_ms=0, name=name)
    new = past(2, made_ms=later_ms, name=name)
    edits = Edits([old, new])
    assert (edits.last_of(old), edits.maybe_of(old)) == (new if is_edit else None, None)


@pytest.mark.parametrize("made_ms", [5, 900, None])
def test_an_order_of_the_same_name_a_moment_later_may_be_an_edit_or_placed_anew(made_ms):
    """A client order id may be used again as soon as its order is closed."""
    old = past(1, made_ms=-60_000, ended_ms=0, name=NAME)
    new = past(2, made_ms=made_ms, name=NAME)
    edits = Edits([old, new])
    assert (edits.last_of(old), edits.maybe_of(old)) == (None, new)
    said = partial_history.replaced_or_cancelled(old, new)
    assert said == (
        "Cancelled, by our request or by an edit: order 2 of the same client order id was made "
        "within a second, by that edit or anew. It is open."
    )


def test_of_several_that_closed_as_one_was_made_none_is_called_edited():
    """A cancel of many, and one that a bot, or an edit, placed at that moment."""
    old = [past(n, made_ms=-60_000, ended_ms=n % 3) for n in range(1, 500)]
    new = past(1000, made_ms=1)
    edits = Edits([*old, new])
    assert {edits.last_of(one) for one in old} == {None}
    assert {edits.maybe_of(one) for one in old} == {new}


def test_what_closed_alone_and_what_is_on_another_side_is_not_in_doubt():
    old = past(1, made_ms=-60_000, ended_ms=0)
    others = [past(2, made_ms=-60_000, ended_ms=0, side="ask"), past(3, made_ms=-9, ended_ms=500)]
    new = past(4, made_ms=0)
    edits = Edits([old, *others, new])
    assert (edits.last_of(old), edits.maybe_of(old)) == (new, None)
    assert [edits.maybe_of(one) for one in others] == [None, None]


def test_a_chain_of_edits_ends_before_a_link_that_is_in_doubt():
    first = past(1, made_ms=-60_000, ended_ms=0)
    second, other = past(2, made_ms=0, ended_ms=90), past(3, made_ms=-5000, ended_ms=90)
    last = past(4, made_ms=90)
    assert Edits([first, second, other, last]).last_of(first) == second


@pytest.mark.parametrize(
    ("name", "about"),
    [
        (None, {"side": None, "odd_fields": ("side",)}),
        (None, {"symbol": None, "odd_fields": ("symbol",)}),
        (NAME, {"name": None, "odd_fields": ("client_order_id",)}),
    ],
)
def test_what_an_edit_made_is_found_though_some_of_it_cannot_be_read(name, about):
    old = past(1, made_ms=-60_000, ended_ms=0, name=name)
    new = past(2, **({"made_ms": 0, "name": name} | about))
    assert Edits([old, new]).last_of(old) == new

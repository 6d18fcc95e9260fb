"""What is a stop: by its type's name or by its stop price, whichever says so."""

import pytest

from orders.models import order_kinds


@pytest.mark.parametrize(
    "order_type",
    [
        "stop_limit",
        "stop_market",
        "take_profit_limit",
        "stop_loss_market",
        "trailing_stop",
        "TRAILING_STOP",
        "trigger_limit",
        "conditional_limit",
        "take_profit_trailing",
    ],
)
def test_a_type_that_sounds_like_a_stop_is_one(order_type):
    assert order_kinds.is_stop(order_type)


@pytest.mark.parametrize("stop_price", ["40000", "0.0000001", "-1"])
def test_what_has_a_stop_price_is_a_stop_whatever_its_type(stop_price):
    assert order_kinds.is_stop("bracket", stop_price)
    assert order_kinds.is_stop("limit", stop_price)


@pytest.mark.parametrize("stop_price", [None, "", "0", "0.00"])
def test_no_stop_price_or_zero_makes_no_stop(stop_price):
    assert not order_kinds.is_stop("limit", stop_price)
    assert not order_kinds.is_stop("bracket", stop_price)


def test_only_a_documented_type_whose_stop_price_agrees_is_certain():
    assert order_kinds.is_certain("limit", None)
    assert order_kinds.is_certain("stop_market", "40000")
    assert not order_kinds.is_certain("limit", "40000")
    assert not order_kinds.is_certain("trailing_stop", "40000")
    assert not order_kinds.is_certain("bracket", None)

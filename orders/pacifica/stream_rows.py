"""Rows of the exchange's stream: one change of an order, a TWAP order or a strategy each.

Source: docs.pacifica.fi account-order-updates and account-twap-order-updates pages. The wire's
short names are read into the long ones that the rows of reads have; TWAP rows have no ``li``, and
the names of strategies' rows are not certain.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .fields import is_decimal, is_flag, is_name, is_order_id, is_text, is_whole_number
from .rows import Row, field_of

OF_TWAPS = {"ta", "fa"}  # what only rows of TWAP orders say
OF_ORDERS = {"a", "f", "li"}  # what only rows of other orders say


@dataclass(frozen=True, kw_only=True)
class OrderUpdate(Row):
    """One row of ``account_order_updates`` or ``account_twap_order_updates``.

    ``last_order_id``: the highest id in the whole exchange when the update was made.
    """

    order_id: int | None = field_of(is_order_id, also="i")
    client_order_id: str | None = field_of(is_name, is_nullable=True, also="I")
    account: str | None = field_of(is_name, also="u")
    symbol: str | None = field_of(is_name, also="s")
    side: str | None = field_of(is_text, also="d")
    average_filled_price: str | None = field_of(is_decimal, is_nullable=True, also="p")
    initial_price: str | None = field_of(is_decimal, is_nullable=True, also="ip")
    amount: str | None = field_of(is_decimal, also="a")
    filled_amount: str | None = field_of(is_decimal, also="f")
    event_type: str | None = field_of(is_text, also="oe")
    order_status: str | None = field_of(is_text, also="os")
    order_type: str | None = field_of(is_text, also="ot")
    stop_price: str | None = field_of(is_decimal, is_nullable=True, also="sp")
    stop_parent_order_id: int | None = field_of(is_order_id, is_nullable=True, also="si")
    trigger_price_type: str | None = field_of(is_text, is_nullable=True, also="tp")
    reduce_only: bool | None = field_of(is_flag, also="r")
    created_at: int | None = field_of(is_whole_number, also="ct")
    updated_at: int | None = field_of(is_whole_number, also="ut")
    last_order_id: int | None = field_of(is_whole_number, is_nullable=True, also="li")


@dataclass(frozen=True, kw_only=True)
class TwapUpdate(OrderUpdate):
    """One row of ``account_twap_order_updates``: ``sp`` is no stop price there."""

    amount: str | None = field_of(is_decimal, is_nullable=True, also="ta")
    filled_amount: str | None = field_of(is_decimal, is_nullable=True, also="fa")
    order_type: str | None = field_of(is_text, is_nullable=True)
    stop_price: str | None = field_of(is_decimal, is_nullable=True)


def is_of_twap(item: Mapping[str, Any]) -> bool | None:
    """Whether a row is of a TWAP order, by what only such rows say; None where it may be either."""
    is_twap, is_order = bool(OF_TWAPS & item.keys()), bool(OF_ORDERS & item.keys())
    return None if is_twap == is_order else is_twap


@dataclass(frozen=True, kw_only=True)
class StrategyUpdate(Row):
    """One change of a strategy: its ``state`` is the exchange's word."""

    strategy_id: str | None = field_of(is_text)
    account: str | None = field_of(is_name, also="u")
    state: str | None = field_of(is_text, also="lifecycle")
    updated_at: int | None = field_of(is_whole_number, is_nullable=True, also="at_ms")

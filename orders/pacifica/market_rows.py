"""Rows of what the exchange says of its markets, one each, by symbol.

Source: docs.pacifica.fi get-market-info and get-prices pages. They say much more of a market; what
nobody here asks for is kept in ``raw`` alone.
"""

from dataclasses import dataclass

from .fields import is_decimal, is_name
from .rows import Row, field_of


@dataclass(frozen=True, kw_only=True)
class MarketPrice(Row):
    """One row of GET ``/info/prices``. ``mark``: the mark price in USD, a decimal text."""

    needed = ("symbol", "mark")
    symbol: str = field_of(is_name)
    mark: str = field_of(is_decimal)


@dataclass(frozen=True, kw_only=True)
class MarketDecimals(Row):
    """One row of GET ``/info``: the steps of prices in USD and of amounts, as decimal texts."""

    needed = ("symbol",)
    symbol: str = field_of(is_name)
    tick_size: str | None = field_of(is_decimal)
    lot_size: str | None = field_of(is_decimal)

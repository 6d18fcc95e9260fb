"""A picture of an account's open orders of one symbol, by price, and the way into a scope."""

from collections.abc import Callable, Sequence
from decimal import ROUND_FLOOR, Decimal
from functools import partial
from urllib.parse import urlencode

from django.urls import reverse

from orders.admin.pictures.chart import Chart, Series
from orders.audit import sentences
from orders.models import Account, Order

MAX_BANDS = 24
Row = tuple[str, Decimal, Decimal]  # side, price, open amount
STEPS = tuple(Decimal(step) for step in ("1", "2", "2.5", "5", "10"))


def symbols_of(account: Account) -> list[str]:
    """The symbols of which the account has open orders with a price; one query."""
    priced = account.orders.open().filter(price_number__isnull=False)
    found = priced.order_by("symbol").values_list("symbol", flat=True).distinct()
    return [symbol for symbol in found if symbol.isprintable()]


def of_symbol(account: Account, symbol: str, *, may_scope: bool) -> Chart:
    """Open orders by band of price, bids and asks; one query.

    ``may_scope``: whether each bar leads to the scope of its band. Orders without a price are not
    drawn.
    """
    rows = _rows(account, symbol)
    bands = bands_of([price for _, price, _ in rows])
    scoped = partial(_scope, account, symbol) if may_scope else None
    return Chart(
        name="depth",
        title=f"{symbol}, by price",
        head="Price",
        labels=[f"{_grouped(low)} – {_grouped(high)}" for low, high in reversed(bands)],
        series=[_of_side(side, rows, bands, scoped) for side in sentences.SIDES],
        note=(
            "Open amount in each band of price, the dearest on top, with how many orders that is."
        ),
        unit=f"open amount, {symbol}",
        is_lying=True,
        is_stacked=True,
        empty="No open order of this symbol has a price.",
    )


def _rows(account: Account, symbol: str) -> list[Row]:
    orders = Order.objects.open().filter(account=account, symbol=symbol, price_number__isnull=False)
    columns = orders.order_by("price_number").values_list(
        "side", "price_number", "open_amount_number"
    )
    return [(side, price, amount or Decimal(0)) for side, price, amount in columns if price]


def bands_of(prices: Sequence[Decimal]) -> list[tuple[Decimal, Decimal]]:
    """Bands of one round width that hold all the prices, lowest first: (from, to) pairs.

    A price belongs to the band that it begins, and to none twice.
    """
    if not prices:
        return []
    low, high = min(prices), max(prices)
    width = _round_up((high - low) / MAX_BANDS) if high > low else _round_up(high / 100)
    first = (low / width).to_integral_value(ROUND_FLOOR)
    last = (high / width).to_integral_value(ROUND_FLOOR)
    return [(at * width, (at + 1) * width) for at in map(Decimal, range(int(first), int(last) + 1))]


def _round_up(width: Decimal) -> Decimal:
    """The next round width: 1, 2, 2.5 or 5 with noughts behind or before."""
    unit = Decimal(1).scaleb(width.adjusted())
    return next(step * unit for step in STEPS if step * unit >= width)


def _of_side(
    side: str,
    rows: Sequence[Row],
    bands: Sequence[tuple[Decimal, Decimal]],
    scoped: Callable[[Sequence[Row]], str] | None,
) -> Series:
    values, words, links = [], [], []
    for low, high in reversed(bands):
        some = [row for row in rows if row[0] == side and low <= row[1] < high]
        total = sum((amount for _, _, amount in some), Decimal(0))
        values.append(float(total))
        words.append(f"{_grouped(total)} ({len(some)})" if some else "–")
        links.append(scoped(some) if some and scoped else "")
    return Series(sentences.SIDES[side], side, values, words, links)


def _scope(account: Account, symbol: str, rows: Sequence[Row]) -> str:
    """The form that cancels what rests between the lowest and the highest of these orders."""
    asked = {
        "desk": account.desk_id,
        "account": account.pk,
        "symbols": symbol,
        "side": rows[0][0],
        "min_price": _plain(rows[0][1]),
        "max_price": _plain(rows[-1][1]),
    }
    return f"{reverse('admin:orders_preview_scope')}?{urlencode(asked)}"


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _grouped(number: Decimal) -> str:
    return f"{number.normalize():,f}"

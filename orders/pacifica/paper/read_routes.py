"""The reading routes: unsigned, by public address."""

from collections.abc import Callable
from typing import Any

from . import refusals, rows
from .book import OPEN_STATUSES, STOP, TWAP, Event, PaperOrder
from .envelopes import Answer, accepted, accepted_rows
from .exchange import PaperExchange
from .pages import page
from .verification import public_key

Read = Callable[[PaperExchange, dict[str, str]], Answer]


def open_orders(exchange: PaperExchange, query: dict[str, str]) -> Answer:
    """GET /orders: orders and stops, TWAP orders not; as old as a stale read makes them."""
    account = _account(query)
    seen_until = exchange.stale_until_event()
    if seen_until is None:
        listed = exchange.book.open.get(account, {}).values()
        shown = [rows.open_row(order) for order in listed if order.kind != TWAP]
    else:
        shown = _open_then(exchange, account, seen_until)
    return accepted_rows(shown, last_order_id=exchange.shown_last_order_id())


def order_history(exchange: PaperExchange, query: dict[str, str]) -> Answer:
    """GET /orders/history: one row an order, paged."""
    return _history(exchange, query, rows.history_row, is_twap=False)


def twap_history(exchange: PaperExchange, query: dict[str, str]) -> Answer:
    """GET /orders/twap/history: one row a TWAP order, paged."""
    return _history(exchange, query, rows.twap_history_row, is_twap=True)


def order_history_by_id(exchange: PaperExchange, query: dict[str, str]) -> Answer:
    """GET /orders/history_by_id: one row an event, newest first; needs no account."""
    return _history_by_id(exchange, query, rows.event_row, is_twap=False)


def twap_history_by_id(exchange: PaperExchange, query: dict[str, str]) -> Answer:
    """GET /orders/twap/history_by_id: one row an event, newest first."""
    return _history_by_id(exchange, query, rows.twap_event_row, is_twap=True)


def open_twaps(exchange: PaperExchange, query: dict[str, str]) -> Answer:
    """GET /orders/twap: TWAP orders in execution."""
    listed = exchange.book.open.get(_account(query), {}).values()
    return accepted([rows.twap_row(order) for order in listed if order.kind == TWAP])


def open_strategies(exchange: PaperExchange, query: dict[str, str]) -> Answer:
    """GET /order_strategies: those that have not finished."""
    strategies = exchange.strategies.of(_account(query), unfinished=True)
    return accepted({"strategies": [strategy.row() for strategy in strategies]})


def strategy_history(exchange: PaperExchange, query: dict[str, str]) -> Answer:
    """GET /order_strategies/history: those that have finished."""
    strategies = exchange.strategies.of(_account(query), unfinished=False)
    return accepted({"strategies": [strategy.row() for strategy in strategies]})


def one_strategy(exchange: PaperExchange, query: dict[str, str]) -> Answer:
    """GET /order_strategies/ID."""
    strategy = exchange.strategies.by_id.get(query["strategy_id"])
    if strategy is None or strategy.account != _account(query):
        raise refusals.strategy_not_found()
    return accepted(strategy.row())


def account(exchange: PaperExchange, query: dict[str, str]) -> Answer:
    """GET /account: balances that never change, and the true counts of orders."""
    address = _account(query)
    if exchange.accounts.get(address) is None:
        raise refusals.account_not_found(address, status=404)
    kinds = [order.kind for order in exchange.book.open.get(address, {}).values()]
    stops = kinds.count(STOP)
    orders = len(kinds) - stops - kinds.count(TWAP)
    return accepted(
        BALANCES
        | {"orders_count": orders, "stop_orders_count": stops}
        | {"updated_at": exchange.now_ms()}
    )


def markets(exchange: PaperExchange, query: dict[str, str]) -> Answer:
    """GET /info."""
    public = [
        {name: value for name, value in row.items() if not name.startswith("_")}
        for row in exchange.markets.values()
    ]
    return accepted(public)


def prices(exchange: PaperExchange, query: dict[str, str]) -> Answer:
    """GET /info/prices: the mark price for every price there is."""
    now = exchange.now_ms()
    return accepted(
        [
            {"symbol": symbol, "timestamp": now, "funding": "0", "next_funding": "0"}
            | {"open_interest": "0", "volume_24h": "0", "yesterday_price": row["_mark"]}
            | dict.fromkeys(("mark", "mid", "oracle"), row["_mark"])
            for symbol, row in exchange.markets.items()
        ]
    )


def nothing(exchange: PaperExchange, query: dict[str, str]) -> Answer:
    """GET /account/settings: an empty list."""
    _account(query)
    return accepted([])


def positions(exchange: PaperExchange, query: dict[str, str]) -> Answer:
    """GET /positions: nobody has any."""
    _account(query)
    return accepted([], last_order_id=exchange.book.last_order_id)


READS: dict[str, Read] = {
    "/orders": open_orders,
    "/orders/history": order_history,
    "/orders/history_by_id": order_history_by_id,
    "/orders/twap": open_twaps,
    "/orders/twap/history": twap_history,
    "/orders/twap/history_by_id": twap_history_by_id,
    "/order_strategies": open_strategies,
    "/order_strategies/history": strategy_history,
    "/account": account,
    "/account/settings": nothing,
    "/positions": positions,
    "/info": markets,
    "/info/prices": prices,
}
BALANCES = {
    "balance": "250000",
    "fee_level": 0,
    "maker_fee": "0.00015",
    "taker_fee": "0.0004",
    "account_equity": "250000",
    "cross_account_equity": "250000",
    "spot_market_value": "0",
    "spot_collateral": "0",
    "available_to_spend": "200000",
    "available_to_withdraw": "200000",
    "pending_balance": "0",
    "pending_interest": "0",
    "total_margin_used": "50000",
    "cross_mmr": "1000",
    "positions_count": 0,
    "spot_balances": [],
}


def _account(query: dict[str, str]) -> str:
    address = query.get("account")
    if not address:
        raise refusals.invalid_parameters()
    public_key(address)
    return address


def _order_id(query: dict[str, str]) -> int:
    text = query.get("order_id", "")
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        raise refusals.invalid_parameters()
    return int(text)


def _seen(order: PaperOrder, seen_until: int | None) -> list[Event]:
    """Return the order's events up to a history id; all of them where that is None."""
    if seen_until is None:
        return order.events
    return [event for event in order.events if event.history_id <= seen_until]


def _open_then(exchange: PaperExchange, account: str, seen_until: int) -> list[bytes]:
    shown = []
    for order in exchange.book.by_account.get(account, []):
        seen = [] if order.kind == TWAP else _seen(order, seen_until)
        if seen and seen[-1].order_status in OPEN_STATUSES:
            shown.append(rows.open_row_then(order, seen[-1]))
    return shown


def _history(
    exchange: PaperExchange,
    query: dict[str, str],
    row: Callable[[PaperOrder], dict[str, Any]],
    *,
    is_twap: bool,
) -> Answer:
    account, cursor = _account(query), query.get("cursor")
    if cursor is not None:
        _grow(exchange, account)
    seen_until = exchange.stale_until_event(history=True)
    every = exchange.book.by_account.get(account, [])
    orders = [order for order in every if rows.is_twap(order) == is_twap]
    taken, beside = page(
        orders,
        limit=query.get("limit"),
        cursor=cursor,
        rules=exchange.rules,
    )
    if seen_until is not None:
        earlier = [rows.as_it_was(order, _seen(order, seen_until)) for order in taken]
        taken = [order for order in earlier if order is not None]
    shown = [row(order) for order in taken]
    if exchange.rules.history_names == "mcp" and not is_twap:
        shown = [rows.as_mcp_names_it(each) for each in shown]
    return accepted(shown, **beside)


def _grow(exchange: PaperExchange, account: str) -> None:
    """Let orders come and go while somebody reads page by page."""
    for _ in range(exchange.rules.history_grows):
        order = PaperOrder(account, symbol="BTC", side="bid", price="1", initial_amount="1")
        exchange.engine.cancel(exchange.engine.place(order))


def _history_by_id(
    exchange: PaperExchange,
    query: dict[str, str],
    row: Callable[[PaperOrder, Event], dict[str, Any]],
    *,
    is_twap: bool,
) -> Answer:
    order_id = _order_id(query)
    order = exchange.book.orders.get(order_id)
    shown: list[dict[str, Any]] = []
    if order is not None and rows.is_twap(order) == is_twap:
        seen = _seen(order, exchange.stale_until_event(history=True))
        shown = [row(order, event) for event in reversed(seen)]
    if not shown and exchange.rules.unknown_history == "404":
        raise refusals.order_history_not_found(order_id)
    return accepted(shown)

"""What each signed route does, once its request is verified and paid for."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from . import refusals
from .book import ORDER, STOP, TWAP, PaperOrder
from .engine import plain_text
from .envelopes import Answer, accepted, placed
from .exchange import PaperExchange
from .verification import Signed

# (exchange, signed request, its number in the ledger) -> answer
Action = Callable[[PaperExchange, Signed, int], Answer]


def cancel(exchange: PaperExchange, signed: Signed, request: int) -> Answer:
    """Cancel one limit order. A stop order is not found here; it has its own route."""
    order = _find(exchange, signed, ORDER)
    if order is None:
        raise refusals.order_not_found(exchange.rules)
    exchange.engine.cancel(order, request=request)
    return Answer()


def cancel_stop(exchange: PaperExchange, signed: Signed, request: int) -> Answer:
    """Cancel one stop order."""
    order = _find(exchange, signed, STOP)
    if order is None:
        raise refusals.stop_order_not_found()
    exchange.engine.cancel(order, request=request)
    return Answer()


def cancel_twap(exchange: PaperExchange, signed: Signed, request: int) -> Answer:
    """Cancel one TWAP order. By order id it says yes in any case (docs.pacifica.fi)."""
    payload = dict(signed.payload)
    client_order_id = payload.get("client_order_id")
    order = exchange.book.find_open(account=signed.account, kind=TWAP, **payload)
    if order is None and client_order_id is not None:
        raise refusals.unused_client_order_id(client_order_id, code=44)
    if order is not None:
        exchange.engine.cancel(order, request=request)
    return Answer()


def cancel_all(exchange: PaperExchange, signed: Signed, request: int) -> Answer:
    """Cancel orders and TWAP orders of one symbol or all; stops by rule; answer how many."""
    payload = signed.payload
    symbol = None if payload["all_symbols"] else payload["symbol"]
    if symbol is not None:
        _check_symbol(exchange, symbol)
    count = exchange.engine.cancel_all(
        account=signed.account,
        symbol=symbol,
        spare_reduce_only=payload["exclude_reduce_only"],
        takes_stops=exchange.rules.cancel_all_takes_stops,
        request=request,
    )
    return accepted({"cancelled_count": count})


def cancel_strategy(exchange: PaperExchange, signed: Signed, request: int) -> Answer:
    """Cancel a strategy and its open orders."""
    strategy = exchange.strategies.find_unfinished(account=signed.account, **signed.payload)
    if strategy is None:
        raise refusals.strategy_not_found()
    exchange.engine.cancel_strategy(strategy, request=request)
    return Answer()


def create(exchange: PaperExchange, signed: Signed, request: int) -> Answer:
    """Place a limit order, which rests; an IOC order finds nobody and expires at once."""
    order = _place(exchange, signed, signed.payload["price"], "limit", request)
    if signed.payload["tif"] == "IOC":
        exchange.engine.cancel(order, event="expired", request=request)
    return placed(order.order_id)


def create_market(exchange: PaperExchange, signed: Signed, request: int) -> Answer:
    """Place a market order, filled at once at the mark price."""
    _check_symbol(exchange, signed.payload["symbol"])
    mark = exchange.markets[signed.payload["symbol"]]["_mark"]
    order = _place(exchange, signed, mark, "market", request)
    exchange.engine.fill(order, request=request)
    return placed(order.order_id)


def edit(exchange: PaperExchange, signed: Signed, request: int) -> Answer:
    """Cancel and place anew: a new order id, the same client order id."""
    payload = dict(signed.payload)
    price, amount = payload.pop("price"), payload.pop("amount", None)
    order = _find_by(exchange, signed.account, ORDER, payload)
    if order is None:
        raise refusals.order_not_found(exchange.rules)
    new = exchange.engine.edit(order, price=price, amount=amount, request=request)
    return placed(new.order_id)


def list_agents(exchange: PaperExchange, signed: Signed, request: int) -> Answer:
    """List the agent wallets bound to the account."""
    return accepted({"agent_wallets": list(exchange.accounts.by_address[signed.account].agents)})


def bind_agent(exchange: PaperExchange, signed: Signed, request: int) -> Answer:
    """Let an agent wallet sign for the account."""
    exchange.accounts.bind(signed.account, signed.payload["agent_wallet"])
    return Answer()


def revoke_agent(exchange: PaperExchange, signed: Signed, request: int) -> Answer:
    """Take that right back from one agent wallet."""
    exchange.accounts.revoke(signed.account, signed.payload["agent_wallet"])
    return Answer()


def revoke_all_agents(exchange: PaperExchange, signed: Signed, request: int) -> Answer:
    """Take that right back from all agent wallets."""
    exchange.accounts.revoke(signed.account)
    return Answer()


ACTIONS: dict[str, Action] = {
    "/orders/cancel": cancel,
    "/orders/stop/cancel": cancel_stop,
    "/orders/twap/cancel": cancel_twap,
    "/orders/cancel_all": cancel_all,
    "/order_strategies/cancel": cancel_strategy,
    "/orders/create": create,
    "/orders/create_market": create_market,
    "/orders/edit": edit,
    "/agent/list": list_agents,
    "/agent/bind": bind_agent,
    "/agent/revoke": revoke_agent,
    "/agent/revoke_all": revoke_all_agents,
}


def _find(exchange: PaperExchange, signed: Signed, kind: str) -> PaperOrder | None:
    """Find the open order that is named, or None; refuse a client order id that was never used."""
    payload = signed.payload
    _check_symbol(exchange, payload["symbol"])
    order = _find_by(exchange, signed.account, kind, payload)
    if order is None and kind == ORDER and "client_order_id" in payload:
        raise refusals.unused_client_order_id(payload["client_order_id"])
    return order


def _find_by(
    exchange: PaperExchange, account: str, kind: str, payload: dict[str, Any]
) -> PaperOrder | None:
    return exchange.book.find_open(account=account, kind=kind, **payload)


def _check_symbol(exchange: PaperExchange, symbol: str) -> None:
    if symbol not in exchange.markets:
        raise refusals.book_not_found(symbol)


def _place(
    exchange: PaperExchange, signed: Signed, price: str, order_type: str, request: int
) -> PaperOrder:
    payload = signed.payload
    _check_symbol(exchange, payload["symbol"])
    client_order_id: str | None = payload.get("client_order_id")
    if client_order_id is not None and exchange.book.is_in_use(signed.account, client_order_id):
        raise refusals.duplicate_client_order_id(client_order_id)
    value = Decimal(price) * Decimal(payload["amount"])
    if value < 10 and not payload["reduce_only"]:
        raise refusals.order_amount_too_low(signed.account, plain_text(value))
    order = PaperOrder(
        account=signed.account,
        symbol=payload["symbol"],
        side=payload["side"],
        price=price,
        initial_amount=payload["amount"],
        order_type=order_type,
        client_order_id=client_order_id,
        reduce_only=payload["reduce_only"],
    )
    return exchange.engine.place(order, request=request)

"""The control doors under /_paper: set the stage, arm faults, read the truth. JSON, loopback."""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any

from aiohttp import web

from . import rows, stream_faults
from .accounts import Account
from .book import OPEN_STATUSES, PaperOrder
from .engine import CLOSINGS
from .exchange import PaperExchange
from .faults import BadFault
from .ledger import Ledger
from .markets import market
from .refusals import Refused
from .rules import BadRule, changed
from .strategies import Strategy
from .verification import public_key

Query = Mapping[str, str]
# (exchange, JSON object of the body, query) -> JSON object of the answer
Door = Callable[[PaperExchange, dict[str, Any], Query], dict[str, Any]]

ORDER_FIELDS = {
    "symbol",
    "side",
    "price",
    "initial_amount",
    "order_type",
    "reduce_only",
    "client_order_id",
    "order_id",
    "stop_price",
    "stop_parent_order_id",
    "trigger_price_type",
    "filled_amount",
}


class BadControl(ValueError):
    """The stage cannot be set so; the text says why."""


def reset(exchange: PaperExchange, body: dict[str, Any], query: Query) -> dict[str, Any]:
    """POST reset ``accounts``: forget everything, then put these accounts, if any."""
    exchange.reset()
    for account in body.get("accounts", []):
        put_account(exchange, account, query)
    return {}


def put_account(exchange: PaperExchange, body: dict[str, Any], query: Query) -> dict[str, str]:
    """PUT accounts ``address``, ``agents``, ``main``, ``credits``, ``api_key``: add or replace."""
    try:
        account = Account(**body)
        for address in (account.address, *account.agents, account.main or account.address):
            public_key(address)
    except (TypeError, Refused) as error:
        raise BadControl(f"No such account can be: {error}.") from error
    exchange.accounts.put(account)
    return {"address": account.address}


def add_orders(exchange: PaperExchange, body: dict[str, Any], query: Query) -> dict[str, list[int]]:
    """POST orders ``account``, ``orders``: place them; a symbol unknown so far gets a market."""
    account = _known(exchange, body.get("account"))
    placed = [_placed(exchange, account, dict(fields)) for fields in body["orders"]]
    return {"order_ids": [order.order_id for order in placed]}


def list_orders(
    exchange: PaperExchange, body: dict[str, Any], query: Query
) -> dict[str, list[dict[str, Any]]]:
    """GET orders ``account``: the truth of every order, open and closed, whatever reads show."""
    account = query.get("account")
    book = exchange.book
    listed = book.by_account.get(account, []) if account else book.orders.values()
    return {"orders": [rows.truth(order) for order in listed]}


def fill(exchange: PaperExchange, body: dict[str, Any], query: Query) -> dict[str, str]:
    """POST fills ``order_id``, ``amount`` (the rest without it), ``price``: somebody trades."""
    order = _open_order(exchange, body)
    exchange.engine.fill(order, amount=_decimal(body, "amount"), price=_decimal(body, "price"))
    return {"order_status": order.order_status, "filled_amount": order.filled_amount}


def close(exchange: PaperExchange, body: dict[str, Any], query: Query) -> dict[str, str]:
    """POST closings ``order_id``, ``event``: closed by another hand or by the exchange."""
    event = body.get("event", "cancel")
    if event not in CLOSINGS:
        raise BadControl(f"An order closes by one of {', '.join(CLOSINGS)}.")
    order = _open_order(exchange, body)
    exchange.engine.cancel(order, event=event)
    return {"order_status": order.order_status}


def edit(exchange: PaperExchange, body: dict[str, Any], query: Query) -> dict[str, int]:
    """POST edits ``order_id``, ``price``, ``amount``: its owner edits it; answers the new id."""
    new = exchange.engine.edit(
        _open_order(exchange, body), price=_decimal(body, "price"), amount=_decimal(body, "amount")
    )
    return {"order_id": new.order_id}


def add_strategy(exchange: PaperExchange, body: dict[str, Any], query: Query) -> dict[str, Any]:
    """POST strategies ``account``, ``symbol``, ``orders``, ``replaces_after_ms``, ``strategy_id``.

    Places its orders; ``replaces_after_ms`` null keeps it from placing cancelled ones again.
    """
    now = exchange.now_ms()
    strategy = Strategy(
        strategy_id=body.get("strategy_id") or str(uuid.uuid4()),
        account=_known(exchange, body.get("account")),
        symbol=body["symbol"],
        created_at=now,
        updated_at=now,
        strategy_type=body.get("strategy_type", "swarm"),
        orders=body.get("orders", []),
        replaces_after_ms=body.get("replaces_after_ms", 0),
    )
    exchange.strategies.add(strategy)
    exchange.stream.strategy_changed(strategy)
    placed = [
        _placed(exchange, strategy.account, dict(fields), strategy_id=strategy.strategy_id)
        for fields in strategy.orders
    ]
    ids = [order.order_id for order in placed]
    return {"strategy_id": strategy.strategy_id, "order_ids": ids}


def get_rules(exchange: PaperExchange, body: dict[str, Any], query: Query) -> dict[str, Any]:
    """GET rules."""
    return asdict(exchange.rules)


def put_rules(exchange: PaperExchange, body: dict[str, Any], query: Query) -> dict[str, Any]:
    """PUT rules: change those named, all or none."""
    exchange.rules = changed(exchange.rules, body)
    return asdict(exchange.rules)


def list_faults(
    exchange: PaperExchange, body: dict[str, Any], query: Query
) -> dict[str, list[dict[str, Any]]]:
    """GET faults: those still armed."""
    return {"faults": [asdict(fault) for fault in exchange.faults.armed]}


def arm_fault(exchange: PaperExchange, body: dict[str, Any], query: Query) -> dict[str, Any]:
    """POST faults: arm one."""
    try:
        fault = exchange.faults.arm(**body)
    except TypeError as error:
        raise BadFault("A fault needs a kind.") from error
    if fault.kind == "stale_reads":
        exchange.go_stale(**fault.params)
    elif fault.is_at_once:
        stream_faults.act_at_once(exchange.stream, fault)
    return asdict(fault)


def disarm_faults(exchange: PaperExchange, body: dict[str, Any], query: Query) -> dict[str, Any]:
    """DELETE faults: disarm all, stale reads too."""
    exchange.faults.armed.clear()
    exchange.stale = None
    return {}


def read_ledger(exchange: PaperExchange, body: dict[str, Any], query: Query) -> dict[str, Any]:
    """GET ledger ``since``: requests and effects numbered so or higher."""
    text = query.get("since", "0")
    if not text.isdigit():
        raise BadControl("since is a whole number.")
    return exchange.ledger.since(int(text))


def list_connections(exchange: PaperExchange, body: dict[str, Any], query: Query) -> dict[str, Any]:
    """GET stream: every connection of the stream since the last reset, oldest first."""
    return {"connections": exchange.stream.told()}


def empty_ledger(exchange: PaperExchange, body: dict[str, Any], query: Query) -> dict[str, Any]:
    """DELETE ledger: forget what was noted; the numbers go on."""
    last_n = exchange.ledger.last_n
    exchange.ledger = exchange.engine.ledger = Ledger()
    exchange.ledger.last_n = last_n
    return {}


DOORS: dict[tuple[str, str], Door] = {
    ("POST", "/reset"): reset,
    ("PUT", "/accounts"): put_account,
    ("POST", "/orders"): add_orders,
    ("GET", "/orders"): list_orders,
    ("POST", "/fills"): fill,
    ("POST", "/closings"): close,
    ("POST", "/edits"): edit,
    ("POST", "/strategies"): add_strategy,
    ("GET", "/rules"): get_rules,
    ("PUT", "/rules"): put_rules,
    ("GET", "/faults"): list_faults,
    ("POST", "/faults"): arm_fault,
    ("DELETE", "/faults"): disarm_faults,
    ("GET", "/ledger"): read_ledger,
    ("DELETE", "/ledger"): empty_ledger,
    ("GET", "/stream"): list_connections,
}


async def handled(exchange: PaperExchange, request: web.BaseRequest, door: str) -> web.Response:
    """Handle one control request; 400 with a sentence where it asks for what cannot be."""
    act = DOORS.get((request.method, door))
    if act is None:
        return web.json_response({"error": "There is no such door."}, status=404)
    try:
        body = json.loads(await request.read() or b"{}")
        if not isinstance(body, dict):
            raise BadControl("The body is a JSON object.")
        exchange.engine.place_due()
        return web.json_response(act(exchange, body, request.query))
    except (BadControl, BadRule, BadFault) as error:
        return web.json_response({"error": str(error)}, status=400)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        sentence = f"The body is not what this door takes: {type(error).__name__} {error}."
        return web.json_response({"error": sentence}, status=400)


def _known(exchange: PaperExchange, address: str | None) -> str:
    if address is None or exchange.accounts.get(address) is None:
        raise BadControl(f"There is no account {address}; PUT it to /_paper/accounts first.")
    return address


def _placed(
    exchange: PaperExchange, account: str, fields: dict[str, Any], strategy_id: str | None = None
) -> PaperOrder:
    unknown = set(fields) - ORDER_FIELDS
    if unknown:
        raise BadControl(f"An order has no {', '.join(sorted(unknown))}.")
    for name in ("price", "initial_amount", "filled_amount"):
        if name in fields:
            _decimal(fields, name)
    if fields.get("order_id") in exchange.book.orders:
        raise BadControl(f"There is an order {fields['order_id']} already.")
    if exchange.book.is_in_use(account, fields.get("client_order_id")):
        raise BadControl(f"Client order id {fields['client_order_id']} is in use.")
    symbol = fields["symbol"]
    exchange.markets.setdefault(symbol, market(symbol))
    return exchange.engine.place(PaperOrder(account=account, strategy_id=strategy_id, **fields))


def _open_order(exchange: PaperExchange, body: dict[str, Any]) -> PaperOrder:
    order_id: Any = body.get("order_id")
    order = exchange.book.orders.get(order_id)
    if order is None or order.order_status not in OPEN_STATUSES:
        raise BadControl(f"There is no open order {order_id}.")
    return order


def _decimal(fields: dict[str, Any], name: str) -> str | None:
    """Return the decimal text of a field, or None without it."""
    text: str | None = fields.get(name)
    if text is None:
        return None
    try:
        Decimal(text)
    except (InvalidOperation, TypeError) as error:
        raise BadControl(f"{name} is a decimal number in a string.") from error
    return text

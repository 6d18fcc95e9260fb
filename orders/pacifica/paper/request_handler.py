"""One request in, one answer out: verified, paid for, acted on, noted. No HTTP here."""

import json
import time
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NoReturn

from . import batches, envelopes, refusals
from .actions import ACTIONS
from .credits import cost_of_action, cost_of_read, owner_of
from .envelopes import Answer
from .exchange import PaperExchange
from .forms import FORMS
from .read_routes import READS, one_strategy
from .verification import verified

BATCH = "/orders/batch"
STRATEGY = "/order_strategies/"


@dataclass(slots=True)
class Asked:
    """A request as it came. ``route``: path under /api/v1. ``body``: parsed JSON, None if bad."""

    method: str
    route: str
    query: dict[str, str]
    raw: bytes
    api_key: str | None
    body: Any
    entry: dict[str, Any]


def noted(
    exchange: PaperExchange,
    *,
    method: str,
    route: str,
    query: dict[str, str],
    raw: bytes,
    api_key: str | None,
) -> Asked:
    """Write the request into the ledger and parse it as far as it goes."""
    digest = sha256(raw).hexdigest() if raw else None
    entry = exchange.ledger.request(method=method, route=route, body_sha256=digest, query=query)
    body = _parsed(raw) if method == "POST" else None
    _note_claims(entry, body)
    return Asked(method, route, query, raw, api_key, body, entry)


def answered(exchange: PaperExchange, asked: Asked) -> Answer:
    """Let the exchange work; return its own answer, without what faults make of it."""
    entry = asked.entry
    exchange.engine.place_due()
    answer_headers: dict[str, str] = {}
    try:
        answer = _worked(exchange, asked, answer_headers)
        entry["verdict"] = "accepted"
    except refusals.Refused as refusal:
        answer = envelopes.refused(refusal, exchange.rules)
        entry["verdict"], entry["reason"] = "refused", refusal.text
        if not answer_headers:
            _pay(exchange, asked, entry["account"], 0, answer_headers)
    entry["status"] = answer.status
    answer.headers |= answer_headers
    return answer


def fill_named_orders(exchange: PaperExchange, asked: Asked, amount: str | None) -> None:
    """Fill the orders that the request names, as if somebody traded just before it is taken up."""
    entry = asked.entry
    ids = set(entry["order_ids"])
    named = set(entry["client_order_ids"])
    mine = exchange.book.open.get(entry["account"], {})
    taken = [
        each for each in mine.values() if each.order_id in ids or each.client_order_id in named
    ]
    if asked.route == "/orders/cancel_all":
        taken = list(mine.values())[:1]
    for order in taken:
        exchange.engine.fill(order, amount=amount)


def _worked(exchange: PaperExchange, asked: Asked, headers: dict[str, str]) -> Answer:
    if asked.method == "GET":
        return _read(exchange, asked, headers)
    if asked.method != "POST":
        raise refusals.Refused(405, "Method not allowed")
    limit = exchange.rules.body_limit
    if limit is not None and len(asked.raw) > limit:
        raise refusals.body_too_large()
    if asked.route == BATCH:
        return _acted_batch(exchange, asked, headers)
    if asked.route not in FORMS:
        raise _no_such_route(asked.route in READS)
    return _acted(exchange, asked, headers)


def _read(exchange: PaperExchange, asked: Asked, headers: dict[str, str]) -> Answer:
    read = READS.get(asked.route)
    query = asked.query
    if read is None and asked.route.startswith(STRATEGY) and asked.route not in FORMS:
        read = one_strategy
        query = query | {"strategy_id": asked.route.removeprefix(STRATEGY)}
    if read is None:
        raise _no_such_route(asked.route in FORMS or asked.route == BATCH)
    has_key = asked.api_key in exchange.accounts.by_api_key
    cost = cost_of_read(asked.route, has_key=has_key)
    _pay(exchange, asked, _address_read(exchange, asked), cost, headers)
    return read(exchange, query)


def _address_read(exchange: PaperExchange, asked: Asked) -> str | None:
    if "account" in asked.query:
        return asked.query["account"]
    # History by id names no account: it is the owner's.
    text = asked.query.get("order_id", "")
    order = exchange.book.orders.get(int(text)) if text.isascii() and text.isdigit() else None
    return order.account if order is not None else None


def _acted(exchange: PaperExchange, asked: Asked, headers: dict[str, str]) -> Answer:
    signed = verified(asked.body, FORMS[asked.route], exchange=exchange)
    _pay(exchange, asked, signed.account, cost_of_action(asked.route), headers)
    exchange.check_account(signed.account)
    return ACTIONS[asked.route](exchange, signed, asked.entry["n"])


def _acted_batch(exchange: PaperExchange, asked: Asked, headers: dict[str, str]) -> Answer:
    batch = batches.verified_batch(asked.body, exchange=exchange)
    cost = batches.cost(batch, rules=exchange.rules)
    _pay(exchange, asked, batch[0][1].account, cost, headers)
    return batches.run(exchange, batch, asked.entry)


def _pay(
    exchange: PaperExchange, asked: Asked, address: str | None, cost: float, headers: dict[str, str]
) -> None:
    owner = owner_of(exchange.accounts, address=address, api_key=asked.api_key)
    enough, shown = exchange.credits.spend(
        cost, owner=owner, rules=exchange.rules, now=time.monotonic()
    )
    headers |= shown
    if not enough:
        raise refusals.too_many_requests()


def _no_such_route(exists: bool) -> refusals.Refused:
    return (
        refusals.Refused(405, "Method not allowed")
        if exists
        else refusals.Refused(404, "Not found")
    )


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _note_claims(entry: dict[str, Any], body: Any) -> None:
    """Note what the request says it is, whether or not that proves true."""
    if not isinstance(body, dict):
        return
    parts: list[Any] = [body]
    if isinstance(body.get("actions"), list):
        parts = [act.get("data") for act in body["actions"] if isinstance(act, dict)]
    for part in parts:
        if isinstance(part, dict):
            _note_part(entry, part)


def _note_part(entry: dict[str, Any], part: dict[str, Any]) -> None:
    if entry["account"] is None:
        entry["account"] = _short(part.get("account"))
        entry["signer"] = _short(part.get("agent_wallet")) or entry["account"]
        entry["timestamp"] = _short(part.get("timestamp"))
        entry["expiry_window"] = _short(part.get("expiry_window"))
    if part.get("order_id") is not None:
        entry["order_ids"].append(_short(part["order_id"]))
    if part.get("client_order_id") is not None:
        entry["client_order_ids"].append(_short(part["client_order_id"]))


def _short(value: Any) -> int | str | None:
    return value if isinstance(value, (str, int)) else None

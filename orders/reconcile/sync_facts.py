"""Records of what syncs changed: the changed orders' rows word for word, and the reads made."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from orders.audit import log
from orders.exchange import odd_rows
from orders.exchange.readings import Reading
from orders.lifecycle.order_closure import Closure
from orders.models import Account, Event, Order
from orders.pacifica.strict_json import spelled
from orders.pacifica.transport import Answer
from orders.reconcile.diff import Changes

Told = tuple[Order, str, dict[str, Any]]  # an order, what became of it, and the row that says so


def of_changes(
    account: Account, changes: Changes, readings: Sequence[Reading[Any]], now: datetime
) -> Iterator[log.Fact]:
    """Make one record of a sync that changed something, and one of what it contradicts."""
    told: list[Told] = [
        *((order, "new", raw) for order, raw in changes.new),
        *((order, "changed", raw) for order, raw in changes.changed),
        *((order, "closed", _ending(ending)) for order, ending in changes.closed),
        *((order, "vanished", {"order_status": order.order_status}) for order in changes.vanished),
    ]
    yield fact(Event.SYNC, account, told, readings, now)
    if changes.reopened:
        told = [(order, "reopened", raw) for order, raw in changes.reopened]
        yield fact(Event.CONTRADICTION, account, told, readings, now)


def fact(
    event: Event,
    account: Account,
    told: Sequence[Told],
    readings: Iterable[Reading[Any]],
    now: datetime,
) -> log.Fact:
    """Make one record: these orders, and the reads that told of them."""
    return log.Fact(
        event=event,
        at=now,
        account=account,
        data={"reads": [_described(each) for each in readings], "count": len(told)},
        lines=tuple(_line(account, *each) for each in told),
    )


def _ending(ending: Closure) -> dict[str, Any]:
    return vars(ending) | {"at": None if ending.at is None else str(ending.at)}


def _described(each: Reading[Any]) -> dict[str, Any]:
    """A read's route, answer and the length and hash of its body."""
    described: dict[str, Any] = {"path": each.path, "params": each.params, "why": each.why}
    if isinstance(each.result, Answer):
        sums = {"length": each.result.body_length, "sha256": each.result.body_sha256}
        described |= log.described(each.result) | sums | odd_rows.facts(each.value)
    return described


def _line(account: Account, order: Order, outcome: str, raw: dict[str, Any]) -> log.OrderLine:
    return log.OrderLine(
        account_id=account.pk,
        symbol=order.symbol,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        outcome=outcome,
        data=spelled(raw),
    )

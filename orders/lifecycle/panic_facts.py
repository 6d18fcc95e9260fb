"""What the log keeps of one account's panic line."""

from datetime import datetime
from typing import Any

from orders.audit import log
from orders.exchange import client, reader
from orders.exchange.readings import Reading
from orders.keys.signer import SignedRequest
from orders.lifecycle.outcome_facts import described_result
from orders.models import Event, PanicLine
from orders.pacifica.transport import Answer, Unreachable


def fact_of(
    line: PanicLine,
    event: Event,
    data: dict[str, Any],
    *,
    at: datetime | None = None,
    outcome: str = "",
    body: bytes | None = None,
) -> log.Fact:
    """Make a record about a line: who asked for it last, on which account, about which symbol.

    ``at``: None means when it is appended.
    """
    return log.Fact(
        event=event,
        actor=log.actor_of(line),
        at=at,
        outcome=outcome,
        account=line.account,
        job=line.job,
        data=data,
        body=body,
        lines=(_order_line(line),),
    )


def _order_line(line: PanicLine) -> log.OrderLine:
    return log.OrderLine(account_id=line.account_id, symbol=line.symbol)


def request_fact(line: PanicLine, request: SignedRequest, *, strategy_id: str = "") -> log.Fact:
    """Record one signed request of the line, before its first byte leaves.

    ``strategy_id``: of the strategy that it is about; several go side by side.
    """
    data = client.described(request.route, [request]) | _named(strategy_id)
    return fact_of(line, Event.REQUEST, data, body=request.body)


def answer_fact(
    line: PanicLine,
    result: Answer | Unreachable | None,
    outcome: str,
    *,
    is_late: bool = False,
    strategy_id: str = "",
) -> log.Fact:
    """Record what the network made of a request; late where another sender holds the line.

    ``result``: None where the request was never sent.
    """
    event, data, body = described_result(result)
    data |= _named(strategy_id) | ({"is_late": True} if is_late else {})
    return fact_of(line, event, data, outcome=outcome, body=body)


def _named(strategy_id: str) -> dict[str, Any]:
    return {"strategy_id": strategy_id} if strategy_id else {}


def lost_fact(line: PanicLine, now: datetime) -> log.Fact:
    """Record the requests whose sender died, or failed, before it wrote how they ended."""
    data = {"explanation": "Its sender stopped before the answer was recorded."}
    return fact_of(line, Event.SENDER_LOST, data, at=now, outcome="unknown")


def read_fact(line: PanicLine, reading: Reading[Any], now: datetime) -> log.Fact:
    """Record a read that showed what to cancel, or that no order is open."""
    return reader.fact_of(
        reading,
        actor=log.actor_of(line),
        account=line.account,
        at=now,
        job=line.job,
        lines=(_order_line(line),),
    )


def outcome_fact(line: PanicLine, status: str, explanation: str, now: datetime) -> log.Fact:
    """Record how the line ended. ``status``: a `PanicStatus`."""
    return fact_of(line, Event.OUTCOME, {"explanation": explanation}, at=now, outcome=status)

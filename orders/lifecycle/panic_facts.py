"""What the log keeps of one account's panic line."""

from datetime import datetime
from typing import Any

from orders.audit import log
from orders.exchange import client, reader
from orders.keys.signer import SignedRequest
from orders.lifecycle import transitions
from orders.models import Event, PanicLine, PanicStatus
from orders.pacifica.transport import Answer, AnswerLost, NothingSent


def base(line: PanicLine) -> dict[str, Any]:
    """Who asked last, where and about what: the same for every record of a line."""
    about = (log.OrderLine(account_id=line.account_id, symbol=line.symbol),)
    actor = log.actor_of(line)
    return {"actor": actor, "account": line.account, "job": line.job, "lines": about}


def request_fact(line: PanicLine, request: SignedRequest, **named: str) -> log.Fact:
    """The record of one signed request of the line, before its first byte leaves.

    ``named``: the ``strategy_id``, where it is about one; several go side by side.
    """
    data = client.described(request.route, [request]) | named
    return log.Fact(event=Event.REQUEST, data=data, body=request.body, **base(line))


def answer_fact(
    line: PanicLine,
    result: Answer | AnswerLost | NothingSent,
    outcome: str,
    *,
    is_late: bool = False,
    **named: str,
) -> log.Fact:
    """The record of what the network made of it; late where another sender holds the line."""
    event, data, body = transitions.described_result(result)
    data |= named | ({"is_late": True} if is_late else {})
    return log.Fact(event=event, outcome=outcome, data=data, body=body, **base(line))


def lost_fact(line: PanicLine, now: datetime) -> log.Fact:
    """The record of the requests whose sender died, or failed, before it wrote how they ended."""
    data = {"explanation": "Its sender stopped before the answer was recorded."}
    outcome = "unknown"
    return log.Fact(Event.SENDER_LOST, at=now, outcome=outcome, data=data, **base(line))


def read_fact(line: PanicLine, each: reader.Reading, now: datetime) -> log.Fact:
    """The record of a read that showed what to cancel, or the book empty."""
    about = base(line)
    return reader.fact_of(
        each, actor=about["actor"], account=line.account, at=now, job=line.job, lines=about["lines"]
    )


def outcome_fact(line: PanicLine, status: PanicStatus, explanation: str, now: datetime) -> log.Fact:
    """The record of how the line ended."""
    data = {"explanation": explanation}
    return log.Fact(event=Event.OUTCOME, at=now, outcome=status, data=data, **base(line))

"""Requests of ours for a whole book, as the log has them: they name no single order."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from orders.models import Account, AuditRecord, CancelStatus, Event, PanicLine, PanicStatus

KINDS = ("cancel_all_orders", "cancel_order_strategy")
# Outcomes of an answer after which nothing was cancelled; a cancel-all after a 429 waits.
DID_NOTHING = {CancelStatus.REFUSED.value, "not_found", "throttled", PanicStatus.WAITING.value}


@dataclass(frozen=True)
class Scope:
    """Which orders of its account a request means. ``symbol``: empty for every one."""

    symbol: str
    spares_reduce_only: bool

    def covers(self, symbol: str, reduce_only: bool | None) -> bool:
        """Whether it meant an order of this symbol. ``reduce_only``: None where nobody knows."""
        return self.symbol in {"", symbol} and not (self.spares_reduce_only and reduce_only)


def of_line(line: PanicLine) -> Scope:
    """What a panic's line asks for."""
    return Scope(line.symbol, line.keep_reduce_only)


@dataclass(frozen=True)
class WholeBookRequest:
    """One that left."""

    at: datetime
    scope: Scope


def sent_since(account: Account, since: datetime) -> Iterable[WholeBookRequest]:
    """Those of panics, but for what never left, or was refused or throttled: that ended nothing."""
    kinds = [Event.REQUEST, Event.ANSWER, Event.NOT_SENT, Event.NO_ANSWER]
    records = AuditRecord.objects.filter(account=account, event__in=kinds, at__gte=since)
    of_panics = records.filter(job__is_panic=True).order_by("pk")
    sent: dict[int, WholeBookRequest] = {}
    last: dict[tuple[int | None, str], int] = {}  # the request of a line, or of a strategy of it
    rows = of_panics.values_list("pk", "job", "event", "outcome", "at", "data")
    for pk, job, event, outcome, at, text in rows:
        data = json.loads(text)
        place = job, data.get("strategy_id", "")
        if event == Event.REQUEST:
            if (asked := _asked(data)) is not None:
                last[place], sent[pk] = pk, _request(at, asked)
        elif _did_nothing(event, outcome, data) and place in last:
            sent.pop(last.pop(place), None)
    return sent.values()


def _did_nothing(event: str, outcome: str, data: dict[str, Any]) -> bool:
    """Whether a request never left, or its answer says that it was not carried out."""
    never_left = event == Event.NOT_SENT or data.get("may_have_been_sent") is False
    return never_left or (event == Event.ANSWER and outcome in DID_NOTHING)


def _asked(data: dict[str, Any]) -> dict[str, Any] | None:
    """What was signed, where it was for a whole book."""
    signed = json.loads(data.get("signed_text", "{}"))
    return signed.get("data", {}) if signed.get("type") in KINDS else None


def _request(at: datetime, asked: dict[str, Any]) -> WholeBookRequest:
    scope = Scope(asked.get("symbol", ""), bool(asked.get("exclude_reduce_only")))
    return WholeBookRequest(at, scope)

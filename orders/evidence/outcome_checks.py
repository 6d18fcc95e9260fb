"""Every cancelled order has its proof in the log, and every request its answer or its absence.

Both are told from the recorded bytes, judged anew, never from what was concluded at the time.
"""

import json
from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.utils.timezone import now as clock

from orders.audit import log
from orders.audit.hashing import Row
from orders.audit.reader import Entry, Fault, entry_at
from orders.evidence import stream_checks
from orders.models import AuditRecordOrder, CancelStatus, Event
from orders.pacifica import answers
from orders.pacifica.signing import BATCH_ROUTE
from orders.pacifica.whose import Subject

MAX_KEPT = 100_000  # cancels remembered at once; older ones are looked up
IN_FLIGHT = timedelta(seconds=90)  # a sender's lease, and time for the sweep to see it end
CANCELLED = CancelStatus.CANCELLED
# Places in an order row.
CANCEL: Final = 1
SYMBOL: Final = 3
ORDER: Final = 4
CLIENT_ORDER: Final = 5
OUTCOME: Final = 6
DATA: Final = 7
ENDS_REQUEST = {Event.ANSWER, Event.NO_ANSWER, Event.NOT_SENT, Event.SENDER_LOST}

# A request about no single order: account, job, symbol, agent wallet, strategy.
Whole = tuple[int | None, int | None, str | None, Any, Any]
Asked = int | Whole | None  # what a request asks about: a cancel's id, or a whole


class Proven:
    """Where a record says *cancelled*, an earlier answer, read or stream's frame shows it."""

    def __init__(self) -> None:
        self._shown: OrderedDict[int | None, None] = OrderedDict()

    def look(self, entry: Entry) -> Iterator[Fault]:
        """Yield the faults of one record."""
        for cancel_id in shown_by(entry):
            self._shown[cancel_id] = None
            if len(self._shown) > MAX_KEPT:
                self._shown.popitem(last=False)
        event, outcome = entry.values["event"], entry.values["outcome"]
        if event == Event.OUTCOME and outcome == CANCELLED:
            yield from self._unproven(entry)

    def end(self) -> tuple[Fault, ...]:
        """Return nothing: each record is judged by those before it."""
        return ()

    def _unproven(self, entry: Entry) -> Iterator[Fault]:
        for line, row in enumerate(entry.rows, start=1):
            cancel_id = row[CANCEL]
            if cancel_id not in self._shown and not _is_shown_earlier(cancel_id, entry.position):
                what = f"its order {line} is called cancelled without a proof"
                yield Fault(entry.position, what)  # no id: auditors of other desks read it


def shown_by(entry: Entry) -> list[int | None]:
    """Return the ids of the cancels that this record's bytes show to be cancelled."""
    if entry.body is None or not entry.rows:
        return []
    if entry.values["event"] == Event.ANSWER:
        return _accepted(entry, entry.body)
    if entry.values["event"] == Event.READ:
        return _read_cancelled(entry, entry.body)
    if entry.values["event"] == Event.STREAM:
        return stream_checks.cancelled(entry, entry.body)
    return []


def _accepted(entry: Entry, body: bytes) -> list[int | None]:
    """Return the cancels whose answer is the exchange's own yes."""
    data, rows = entry.data, entry.rows
    status: Any = data.get("status")
    is_whole = data.get("is_whole") is True
    url = str(data.get("url"))
    subjects = [_subject(entry, row) for row in rows]
    if url.endswith(BATCH_ROUTE):
        verdicts = answers.batch_verdicts(
            status, body, len(rows), subjects=subjects, is_whole=is_whole
        )
    elif url.endswith(("/orders/cancel", "/orders/stop/cancel")):
        verdicts = [answers.cancel_verdict(status, body, subject=subjects[0], is_whole=is_whole)]
    else:
        return []  # a TWAP's 200 only means asked, and a cancel-all proves no single order
    pairs = zip(rows, verdicts, strict=False)
    return [row[CANCEL] for row, verdict in pairs if verdict.kind == "accepted"]


def _subject(entry: Entry, row: Row) -> Subject:
    """Return what an answer is held against: of older records, a batch item's order id alone."""
    if not entry.data.get(log.NAMES_COMPARED):
        is_batch = str(entry.data.get("url")).endswith(BATCH_ROUTE)
        return Subject(order_id=row[ORDER] if is_batch else None)
    return Subject(
        order_id=row[ORDER],
        client_order_id=row[CLIENT_ORDER],
        symbol=row[SYMBOL],
        account=entry.values["account_address"],
    )


def _read_cancelled(entry: Entry, body: bytes) -> list[int | None]:
    """Return the cancels whose order the exchange's history calls cancelled.

    Of an answer too long to be kept whole, each order row holds the exchange's own.
    """
    if _is_of_another_account(entry, body):
        return []
    ended: set[int | str | None] = set()
    is_cut = (entry.values["body_length"] or 0) > len(body)
    kept = [_object(row[DATA]) for row in entry.rows] if is_cut else []
    for item in [*_items(body), *kept]:
        if item.get("order_status") == CANCELLED:
            ended |= {_order_id(item), str(item.get("client_order_id") or "").lower()}
    ended -= {None, ""}
    return [
        row[CANCEL]
        for row in entry.rows
        if row[ORDER] in ended or (row[CLIENT_ORDER] or "").lower() in ended
    ]


def _is_of_another_account(entry: Entry, body: bytes) -> bool:
    """Whether a read names another account; of older records that was not asked."""
    if not entry.data.get(log.NAMES_COMPARED):
        return False
    return bool(answers.other_account(entry.values["account_address"], body))


def _order_id(item: dict[str, Any]) -> int | None:
    """Return the order id a row states, or None: what an answer puts there can be anything."""
    order_id = item.get("order_id")
    return order_id if type(order_id) is int else None


def _object(text: str) -> dict[str, Any]:
    try:
        item = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return {}
    return item if isinstance(item, dict) else {}


def _items(body: bytes) -> Iterator[dict[str, Any]]:
    """Yield the rows of a read's ``data`` that were kept whole: a long answer is cut at 64 KiB."""
    text = body.decode("utf-8", errors="replace")
    start = text.find('"data"')
    start = text.find("[", start) + 1 if start >= 0 else 0
    decoder = json.JSONDecoder()
    while start > 0:
        while text[start : start + 1] in {",", " ", "\n", "\r", "\t"}:
            start += 1
        try:
            item, start = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return
        if isinstance(item, dict):
            yield item


def _is_shown_earlier(cancel_id: int | None, position: int) -> bool:
    """Ask the database whether a record showed it, for what is no longer remembered."""
    if cancel_id is None:
        return False
    named = AuditRecordOrder.objects.filter(cancel_id=cancel_id, record_id__lt=position)
    named = named.filter(record__event__in=[Event.ANSWER, Event.READ, Event.STREAM])
    for earlier in named.order_by("-record_id").values_list("record_id", flat=True):
        entry = entry_at(earlier)
        if isinstance(entry, Entry) and cancel_id in shown_by(entry):
            return True
    return False


class Answered:
    """Every request is followed by its answer or its absence; only the youngest may still wait.

    A cancel has one request in flight at a time, so its id pairs the two.
    """

    def __init__(self, now: datetime | None = None, *, is_part: bool = False) -> None:
        """``is_part``: the walk ends before the log does; it is then told by its last record."""
        self._now, self._is_part = now or clock(), is_part
        self._open: OrderedDict[Asked, tuple[int, datetime]] = OrderedDict()  # position, at

    def look(self, entry: Entry) -> Iterator[Fault]:
        """Yield the faults of one request, or of what ends one."""
        if self._is_part:
            self._now = entry.values["at"]
        event = entry.values["event"]
        if event == Event.REQUEST:
            for key in _asked(entry):
                if key in self._open:
                    yield self._fault(self._open.pop(key)[0])
                self._open[key] = (entry.position, entry.values["at"])
            if len(self._open) > MAX_KEPT:
                yield self._fault(self._open.popitem(last=False)[1][0])
        elif event in ENDS_REQUEST or event == Event.AGENT_WALLET_TESTED:
            yield from self._ended(entry)

    def end(self) -> Iterator[Fault]:
        """Yield the requests that never ended."""
        late = {position for position, at in self._open.values() if self._now - at > IN_FLIGHT}
        for position in sorted(late):
            yield self._fault(position)

    def _ended(self, entry: Entry) -> Iterator[Fault]:
        if entry.values["event"] == Event.SENDER_LOST and not _names_cancels(entry):
            self._lose(_whole(entry))
        is_answer = entry.values["event"] == Event.ANSWER and not entry.data.get("is_late")
        for key, outcome in _answered(entry):
            if outcome and self._open.pop(key, None) is None and is_answer:
                yield Fault(entry.position, "it answers a request that the log does not hold")

    def _lose(self, whole: Whole) -> None:
        """Forget what a panic's sender had on its way: several strategies' cancels may be lost."""
        for key in [key for key in self._open if isinstance(key, tuple) and key[:3] == whole[:3]]:
            del self._open[key]

    def _fault(self, position: int) -> Fault:
        return Fault(position, "this request has neither an answer nor the record of its absence")


def _asked(entry: Entry) -> list[Asked]:
    """Return what a request asks about: cancels by their ids, or one thing as a whole."""
    if _names_cancels(entry):
        return [row[CANCEL] for row in entry.rows]
    return [_whole(entry)]


def _answered(entry: Entry) -> list[tuple[Asked, str]]:
    """Return (what was asked, outcome) pairs; a late answer has no outcome: evidence only."""
    if _names_cancels(entry):
        return [(row[CANCEL], row[OUTCOME]) for row in entry.rows]
    if entry.values["event"] == Event.AGENT_WALLET_TESTED:
        outcome = entry.values["outcome"]
        return [(_whole(entry), "" if outcome == "asked" else outcome)]
    is_late = entry.data.get("is_late")
    return [(_whole(entry), "" if is_late else entry.values["outcome"] or "answered")]


def _names_cancels(entry: Entry) -> bool:
    return bool(entry.rows) and entry.rows[0][CANCEL] is not None


def _whole(entry: Entry) -> Whole:
    """Return the key of a request about no single order.

    That is one of a panic's line or strategy, or of an agent wallet's test.
    """
    symbol = entry.rows[0][SYMBOL] if entry.rows else None
    values = entry.values
    of = (values["account_id"], values["job_id"], symbol)
    return (*of, entry.data.get("public_key"), entry.data.get("strategy_id"))

"""Ask the exchange, and keep what it said as evidence."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar, overload

from django.utils import timezone

from orders.audit import log
from orders.exchange import credits, foreign_answers, odd_rows
from orders.exchange.client import client
from orders.keys import sealing
from orders.models import Account, CancelJob, Event
from orders.pacifica import answers
from orders.pacifica.quota import Quota, slow_down_s
from orders.pacifica.reads import AnyRows, HistoryPage, NotInHistory, NotOffered
from orders.pacifica.rows import HistoryOrder, TwapOrder
from orders.pacifica.strict_json import Unreadable
from orders.pacifica.transport import Answer, Unreachable, has_left

Params = Mapping[str, str | int]
RowsT = TypeVar("RowsT", bound=AnyRows)
HistoryT = TypeVar("HistoryT", bound=HistoryOrder | TwapOrder)
RowsT_co = TypeVar("RowsT_co", bound=AnyRows, covariant=True)

MAX_PAGES = 5
LATEST_MS = 10**14  # in the year 5138
# Rows of the first page, the second, the others.
LIMITS: tuple[dict[str, int], ...] = ({}, {"limit": 1000}, {"limit": 4000})
MAX_AT_ONCE = 25  # reads paid for together: seconds, not minutes, of an exchange that is slow


class Parse(Protocol[RowsT_co]):
    """A function of `orders.pacifica.reads`: what an answer proves."""

    def __call__(self, status: int, body: bytes, /, *, is_whole: bool) -> RowsT_co: ...


class ParseOfOrder(Protocol[RowsT_co]):
    """The same of one order's events."""

    def __call__(
        self, status: int, body: bytes, /, order_id: int, *, is_whole: bool
    ) -> RowsT_co: ...


@dataclass
class Reading(Generic[RowsT]):
    """One read. ``result``: None where nothing was asked; ``value``: what it proved, or None.

    ``why``: in words, why it proved nothing.
    """

    path: str
    params: Params
    result: Answer | Unreachable | None
    value: RowsT | None = None
    why: str = ""
    must_wait: bool = False  # nothing was asked: the purse is low
    is_unknown: bool = False  # the exchange said that its history has no such order
    is_not_offered: bool = False  # the network has no such route


@dataclass
class Pages(Generic[HistoryT]):
    """The rows of a paged route, read page by page from its beginning.

    ``rows``: in the order they came, one that came again unchanged left out. ``is_complete``: the
    route's end was reached, and each row on the way there named its order: what is in none of them
    is not there. ``why``: in words, why it is not complete.
    """

    params: dict[str, str | int]
    readings: list[Reading[HistoryPage[HistoryT]]] = field(default_factory=list)
    rows: list[HistoryT] = field(default_factory=list)
    is_complete: bool = False
    is_over: bool = False
    why: str = "there are more pages"
    is_limited: bool = False  # long pages are refused: the usual ones are asked for
    # order id -> its rows as they came
    _known: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    _cursors: set[str] = field(default_factory=set)
    _has_odd: bool = False

    @property
    def must_wait(self) -> bool:
        """Whether reading ended for want of credits."""
        return bool(self.readings) and self.readings[-1].must_wait

    def asked(self) -> Params:
        """Return the parameters of the next page.

        The first page has the usual length; where it is not enough, longer ones save reads
        (``limit`` up to 4000: pacifica-fi/pacifica-mcp).
        """
        count = min(len(self.readings), len(LIMITS) - 1)
        return self.params if self.is_limited or not count else self.params | LIMITS[count]

    def add(self, reading: Reading[HistoryPage[HistoryT]]) -> None:
        """Take in the next page."""
        self.readings.append(reading)
        page = reading.value
        if page is None:
            self._failed(reading)
            return
        is_more = self._take_in(page.rows)
        self._has_odd |= bool(page.odd) or any("client_order_id" in r.odd_fields for r in page.rows)
        if not page.has_more:
            self._finish()
        elif page.next_cursor is None:
            self._stop("a page says that there are more, but not where")
        elif page.next_cursor in self._cursors or not is_more:
            self._stop("its pages repeat themselves")
        else:
            self._cursors.add(page.next_cursor)
            self.params["cursor"] = page.next_cursor

    def end(self, reading: Reading[HistoryPage[HistoryT]]) -> None:
        """Stop here, for nothing could be asked: the reading says why."""
        self.readings.append(reading)
        self._stop(reading.why)

    def _failed(self, reading: Reading[HistoryPage[HistoryT]]) -> None:
        """Go on with pages of the usual length, where a long one may have been too much."""
        result = reading.result
        is_throttled = isinstance(result, Answer) and result.status == 429
        if "limit" in reading.params and not is_throttled:
            self.is_limited = True
        else:
            self._stop(reading.why)

    def _take_in(self, rows: Iterable[HistoryT]) -> bool:
        """Keep the rows; return whether some order among them had not come before."""
        is_more = False
        for row in rows:
            before = self._known.setdefault(row.order_id, [])
            is_more |= not before
            if row.raw not in before:
                before.append(row.raw)
                self.rows.append(row)
        return is_more

    def _finish(self) -> None:
        self.is_over, self.is_complete = True, not self._has_odd
        self.why = "a row of it could not be read" if self._has_odd else ""

    def _stop(self, why: str) -> None:
        self.is_over, self.why = True, why


class Reader:
    """Asks on behalf of one account, pays for each read and believes what headers say is left.

    ``purpose``: `credits.PROOF` is never withheld; `credits.SYNC` waits where the purse is low.
    ``before``: called before each read.
    """

    def __init__(
        self,
        account: Account,
        *,
        purpose: str = credits.PROOF,
        clock: Callable[[], datetime] = timezone.now,
        before: Callable[[], object] = lambda: None,
    ) -> None:
        self._account, self._purpose, self._clock = account, purpose, clock
        self._before = before
        self._pool = credits.pool_of(account)
        self._api_config_key = sealing.open_api_config_key(account)

    def for_purpose(self, purpose: str) -> "Reader":
        """Make the same reader, paid for from another part of the purse."""
        return Reader(self._account, purpose=purpose, clock=self._clock, before=self._before)

    @overload
    def ask(self, path: str, params: Params, parse: Parse[RowsT]) -> Reading[RowsT]: ...

    @overload
    def ask(
        self, path: str, params: Params, parse: ParseOfOrder[RowsT], *, order_id: int
    ) -> Reading[RowsT]: ...

    def ask(
        self, path: str, params: Params, parse: Callable[..., RowsT], **known: int
    ) -> Reading[RowsT]:
        """Read a route and parse the answer; trouble of any kind ends in a `Reading` without value.

        ``parse`` may raise `Unreadable`, or `NotInHistory` and `NotOffered`, which are answers too.
        """
        grant = self._take(path, 1)
        if not grant.count:
            return _not_asked(path, params, grant)
        reading = self._read(path, params, parse, known)
        self._settle(grant, [reading])
        return reading

    def aside(self, path: str, params: Params, *, within_s: float) -> Future[Answer | Unreachable]:
        """Make a read at once in a thread of its own; return the future of its result.

        For what may keep nobody waiting: neither purse nor database; `judged` and `book` follow.
        """
        pool = ThreadPoolExecutor(max_workers=1)
        future = pool.submit(self._get, path, params, within_s)
        pool.shutdown(wait=False)
        return future

    def book(self, reading: Reading[Any]) -> None:
        """Pay for a read that was made without asking the purse."""
        grant = self._take(reading.path, 1, credits.URGENT)
        self._settle(grant, [reading])

    def pages(
        self,
        path: str,
        params: Params,
        parse: Parse[HistoryPage[HistoryT]],
        needed: Callable[[list[HistoryT]], int],
        most: int = MAX_PAGES,
    ) -> Pages[HistoryT]:
        """Read a paged route until ``needed(rows)`` is 0, to its end, or no further than ``most``.

        ``needed``: at least how many pages more it takes, after the rows read so far. They are paid
        for at once, so that reading many costs the database little. What the pages are sorted by
        is nobody's promise: `orders.reconcile.history_pages` tells it from the rows.
        """
        pages: Pages[HistoryT] = Pages(params=dict(params))
        while not pages.is_over and (left := most - len(pages.readings)) > 0:
            wanted = min(needed(pages.rows), left, MAX_AT_ONCE)
            if wanted <= 0:
                return pages
            grant = self._take(path, wanted)
            if not grant.count:
                pages.end(_not_asked(path, dict(params), grant))
                return pages
            self._settle(grant, self._run(pages, path, parse, needed, grant.count))
        return pages

    def _run(
        self,
        pages: Pages[HistoryT],
        path: str,
        parse: Parse[HistoryPage[HistoryT]],
        needed: Callable[[list[HistoryT]], int],
        count: int,
    ) -> list[Reading[HistoryPage[HistoryT]]]:
        """Read up to so many pages more."""
        run: list[Reading[HistoryPage[HistoryT]]] = []
        while len(run) < count and not pages.is_over and (not run or needed(pages.rows) > 0):
            run.append(self._read(path, pages.asked(), parse, {}))
            pages.add(run[-1])
        return run

    def _take(self, path: str, wanted: int, purpose: str | None = None) -> credits.Grant:
        return credits.reserve(
            account=self._account,
            wanted=wanted,
            price=credits.price_of_read(path, self._pool),
            purpose=purpose or self._purpose,
            now=self._clock(),
        )

    def _settle(self, grant: credits.Grant, readings: Sequence[Reading[Any]]) -> None:
        """Believe what the last answer says is left, and wait where the exchange says so."""
        quotas = [_quota(each.result) for each in readings]
        stated = next((quota for quota in reversed(quotas) if quota is not None), None)
        unused = grant.count - sum(has_left(each.result) for each in readings)
        credits.book(grant=grant, unused=unused, quota=stated, now=self._clock())
        last = readings[-1].result
        if isinstance(last, Answer) and last.status == 429:
            wait = timedelta(seconds=slow_down_s(last.headers))
            credits.pause(pool=grant.pool, until=self._clock() + wait)

    def _read(
        self, path: str, params: Params, parse: Callable[..., RowsT], known: dict[str, int]
    ) -> Reading[RowsT]:
        self._before()
        return self._judged(path, params, parse, self._get(path, params), known)

    def judged(
        self,
        path: str,
        params: Params,
        parse: Parse[RowsT],
        result: Answer | Unreachable,
    ) -> Reading[RowsT]:
        """Judge what the result of a read proves."""
        return self._judged(path, params, parse, result, {})

    def _judged(
        self,
        path: str,
        params: Params,
        parse: Callable[..., RowsT],
        result: Answer | Unreachable,
        known: dict[str, int],
    ) -> Reading[RowsT]:
        reading: Reading[RowsT] = Reading(path, params, result)
        if isinstance(result, Unreachable):
            reading.why = result.reason
            return reading
        if another := answers.other_account(self._account.address, result.body):
            foreign_answers.raise_alert(
                about=f"account {self._account.pk}",
                account=self._account,
                another=another,
                now=timezone.now(),
            )
            reading.why = f"the answer speaks of another {another}"
            return reading
        return _parsed(reading, result, parse, known)

    def _get(
        self, path: str, params: Params, within_s: float | None = None
    ) -> Answer | Unreachable:
        try:
            return client().get(
                path, params, api_config_key=self._api_config_key, within_s=within_s
            )
        except Unreachable as unreachable:
            return unreachable


def _not_asked(path: str, params: Params, grant: credits.Grant) -> Reading[Any]:
    why = f"waiting {grant.wait_s:.0f} s for credits"
    return Reading(path, params, None, why=why, must_wait=True)


def _quota(result: Answer | Unreachable | None) -> Quota | None:
    return answers.quota(result.headers) if isinstance(result, Answer) else None


def _parsed(
    reading: Reading[RowsT], answer: Answer, parse: Callable[..., RowsT], known: dict[str, int]
) -> Reading[RowsT]:
    try:
        reading.value = parse(answer.status, answer.body, is_whole=answer.is_whole, **known)
    except Unreadable as unreadable:
        reading.why = str(unreadable)
    except NotInHistory as unknown:
        reading.why, reading.is_unknown = str(unknown), True
    except NotOffered as absent:
        reading.why, reading.is_not_offered = str(absent), True
    return reading


def fact_of(
    reading: Reading[Any],
    *,
    actor: log.Actor,
    account: Account,
    at: datetime,
    job: CancelJob | None = None,
    lines: Iterable[log.OrderLine] = (),
) -> log.Fact:
    """Make the record of a read that settled something: its whole answer, or why it had none."""
    data: dict[str, Any] = {"path": reading.path, "params": reading.params, "why": reading.why}
    body = None
    if isinstance(reading.result, Answer):
        data |= log.described(reading.result) | odd_rows.facts(reading.value)
        data[log.NAMES_COMPARED] = True
        body = reading.result.body
    return log.Fact(
        event=Event.READ,
        actor=actor,
        at=at,
        account=account,
        job=job,
        data=data,
        body=body,
        lines=tuple(lines),
    )


def moment(ms: int) -> datetime:
    """Turn the exchange's integer milliseconds into a UTC time; beyond the calendar, a far one."""
    return datetime.fromtimestamp(min(ms, LATEST_MS) / 1000, UTC)

"""Ask the exchange, and keep what it said as evidence."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from django.utils import timezone

from orders.audit import log
from orders.exchange import credits, foreign_answers, odd_rows
from orders.exchange.client import client
from orders.exchange.readings import HistoryT, Pages, Params, Reading, RowsT
from orders.keys import sealing
from orders.models import Account, CancelJob, Event
from orders.pacifica import answers
from orders.pacifica.quota import Quota, slow_down_s
from orders.pacifica.reads import AnyRows, HistoryPage, NotInHistory, NotOffered
from orders.pacifica.strict_json import Unreadable
from orders.pacifica.transport import Answer, Unreachable, has_left

RowsT_co = TypeVar("RowsT_co", bound=AnyRows, covariant=True)

MAX_PAGES = 5
LATEST_MS = 10**14  # in the year 5138
MAX_AT_ONCE = 25  # reads paid for together: seconds, not minutes, of an exchange that is slow


class Parse(Protocol[RowsT_co]):
    """A function of `orders.pacifica.reads`: what an answer proves."""

    def __call__(self, status: int, body: bytes, /, *, is_whole: bool) -> RowsT_co: ...


class ParseOfOrder(Protocol[RowsT_co]):
    """The same of one order's events."""

    def __call__(
        self, status: int, body: bytes, /, order_id: int, *, is_whole: bool
    ) -> RowsT_co: ...


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

    def ask(self, path: str, params: Params, parse: Parse[RowsT]) -> Reading[RowsT]:
        """Read a route and parse the answer; trouble of any kind ends in a `Reading` without value.

        ``parse`` may raise `Unreadable`, or `NotInHistory` and `NotOffered`, which are answers too.
        """
        grant = self._take(path, 1)
        if not grant.count:
            return _not_asked(path, params, grant)
        reading = self._read(path, params, parse)
        self._book(grant, [reading])
        return reading

    def ask_all(
        self, asked: Sequence[tuple[str, Parse[AnyRows]]], params: Params
    ) -> list[Reading[AnyRows]]:
        """Read routes of one price one after another, as `ask` does, paid for together.

        Once the exchange says to slow down, those that come after are not asked.
        """
        grant = self._take(asked[0][0], len(asked))
        left, readings = grant.count, list[Reading[AnyRows]]()
        try:
            for path, parse in asked:
                if not left:
                    readings.append(_not_asked(path, params, grant))
                    continue
                readings.append(self._read(path, params, parse))
                wait_s = _slow_down_s(readings[-1:])
                left -= 1
                if wait_s is not None:
                    left, grant = 0, replace(grant, wait_s=wait_s)
        finally:
            if grant.count:
                self._book(grant, readings)
        return readings

    def ask_of_order(self, path: str, order_id: int, parse: ParseOfOrder[RowsT]) -> Reading[RowsT]:
        """Ask, as `ask` does, for what happened to one order."""
        return self.ask(path, {"order_id": order_id}, partial(parse, order_id=order_id))

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
        self._book(grant, [reading])

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
            self._book(grant, self._run(pages, path, parse, needed, grant.count))
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
            run.append(self._read(path, pages.asked(), parse))
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

    def _book(self, grant: credits.Grant, readings: Sequence[Reading[Any]]) -> None:
        """Believe what the last answer says is left, and wait where the exchange says so."""
        quotas = [_quota(each.result) for each in readings]
        stated = next((quota for quota in reversed(quotas) if quota is not None), None)
        unused = grant.count - sum(has_left(each.result) for each in readings)
        credits.book(grant=grant, unused=unused, quota=stated, now=self._clock())
        wait_s = _slow_down_s(readings)
        if wait_s is not None:
            until = self._clock() + timedelta(seconds=wait_s)
            credits.pause(pool=grant.pool, until=until)

    def _read(self, path: str, params: Params, parse: Parse[RowsT]) -> Reading[RowsT]:
        self._before()
        return self.judged(path, params, parse, self._get(path, params))

    def judged(
        self, path: str, params: Params, parse: Parse[RowsT], result: Answer | Unreachable
    ) -> Reading[RowsT]:
        """Judge what the result of a read proves."""
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
        return _parsed(reading, result, parse)

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


def _slow_down_s(readings: Sequence[Reading[Any]]) -> int | None:
    """How long the last 429 says to wait; None where no answer was one."""
    for each in reversed(readings):
        if isinstance(each.result, Answer) and each.result.status == 429:
            return slow_down_s(each.result.headers)
    return None


def _parsed(reading: Reading[RowsT], answer: Answer, parse: Parse[RowsT]) -> Reading[RowsT]:
    try:
        reading.value = parse(answer.status, answer.body, is_whole=answer.is_whole)
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

"""Ask the exchange, and keep what it said as evidence."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils.timezone import now as clock

from orders import audit, credits, keys
from orders.exchange import client
from orders.models import Event
from orders.pacifica import answers
from orders.pacifica.client import Answer, Unreachable
from orders.pacifica.reads import NotInHistory, NotOffered, Unreadable

MOST_PAGES = 5
LATEST_MS = 10**14  # in the year 5138
MOST_AT_ONCE = 25  # reads paid for together: seconds, not minutes, of an exchange that is slow


@dataclass
class Reading:
    """One read: ``result`` is an `Answer` or `Unreachable`; ``value`` what it proved, or None.

    ``why``: in words, why it proved nothing.
    """

    path: str
    params: dict
    result: object
    value: object = None
    why: str = ""
    must_wait: bool = False  # nothing was asked: the purse is low
    is_unknown: bool = False  # the exchange said that its history has no such order
    is_not_offered: bool = False  # the network has no such route


class Reader:
    """Asks on behalf of one account, pays for each read and believes what headers say is left.

    ``purpose``: `credits.PROOF` is never withheld; `credits.SYNC` waits where the purse is low.
    ``before``: called before each read.
    """

    def __init__(self, account, *, purpose=credits.PROOF, now=clock, before=lambda: None):
        self._account, self._purpose, self._now = account, purpose, now
        self._before = before
        self._pool = credits.pool_of(account)
        self._api_config_key = keys.open_api_config_key(account)

    def ask(self, path, params, parse, **known) -> Reading:
        """Read a route and parse the answer; trouble of any kind ends in a `Reading` without value.

        ``parse`` may raise `Unreadable`, or `NotInHistory`, which is an answer too.
        """
        grant = self._take(path, 1)
        if not grant.count:
            return _not_asked(path, params, grant)
        reading = self._read(path, params, parse, known)
        self._settle(grant, [reading])
        return reading

    def pages(self, path, params, parse, needed, most=MOST_PAGES):
        """Readings of a paged route, newest first, until ``needed(rows)`` is 0 or the last page.

        ``needed``: at least how many pages more it takes, after the rows read so far. They are paid
        for at once, so that reading many costs the database little.
        """
        readings, rows, params = [], [], dict(params)
        while (wanted := min(needed(rows), most - len(readings), MOST_AT_ONCE)) > 0:
            grant = self._take(path, wanted)
            if not grant.count:
                return [*readings, _not_asked(path, params, grant)], rows
            run = list(self._run(path, params, parse, grant.count))
            self._settle(grant, run)
            readings += run
            rows += [row for each in run if each.value is not None for row in each.value.rows]
            if run[-1].value is None or not run[-1].value.has_more:
                break
        return readings, rows

    def _run(self, path, params, parse, count):
        """So many pages, fewer where one is the last or shows nothing; moves the cursor."""
        for _ in range(count):
            reading = self._read(path, dict(params), parse, {})
            yield reading
            if reading.value is None or not reading.value.has_more:
                return
            params["cursor"] = reading.value.next_cursor

    def _take(self, path, wanted):
        return credits.take(
            account=self._account,
            wanted=wanted,
            price=credits.price_of_read(path, self._pool),
            purpose=self._purpose,
            now=self._now(),
        )

    def _settle(self, grant, readings):
        """Believe what the last answer says is left, and wait where the exchange says so."""
        quotas = [_quota(each.result) for each in readings]
        stated = next((one for one in reversed(quotas) if one is not None), None)
        unused = grant.count - sum(_has_left(each.result) for each in readings)
        credits.settle(grant=grant, unused=unused, quota=stated, now=self._now())
        last = readings[-1].result
        if isinstance(last, Answer) and last.status == 429:
            wait_s = quotas[-1].resets_in_s if quotas[-1] and quotas[-1].resets_in_s else 5
            credits.pause(pool=grant.pool, until=self._now() + timedelta(seconds=min(wait_s, 60)))

    def _read(self, path, params, parse, known):
        self._before()
        reading = Reading(path, params, self._get(path, params))
        if isinstance(reading.result, Unreachable):
            reading.why = reading.result.reason
            return reading
        return _parsed(reading, parse, known)

    def _get(self, path, params):
        try:
            return client().get(path, params, api_config_key=self._api_config_key)
        except Unreachable as unreachable:
            return unreachable


def _not_asked(path, params, grant):
    why = f"waiting {grant.wait_s:.0f} s for credits"
    return Reading(path, params, None, why=why, must_wait=True)


def _has_left(result):
    return isinstance(result, Answer) or result.may_have_been_sent


def _quota(result):
    return answers.quota(result.headers) if isinstance(result, Answer) else None


def _parsed(reading, parse, known):
    result = reading.result
    try:
        reading.value = parse(result.status, result.body, is_whole=result.is_whole, **known)
    except Unreadable as unreadable:
        reading.why = str(unreadable)
    except NotInHistory as unknown:
        reading.why, reading.is_unknown = str(unknown), True
    except NotOffered as absent:
        reading.why, reading.is_not_offered = str(absent), True
    return reading


def fact_of(reading, *, actor, account, at, job=None, lines=()) -> audit.Fact:
    """The record of a read that settled something: its whole answer, or why there was none."""
    data = {"path": reading.path, "params": reading.params, "why": reading.why}
    body = None
    if isinstance(reading.result, Answer):
        data |= audit.described(reading.result)
        body = reading.result.body
    return audit.Fact(
        event=Event.READ,
        actor=actor,
        at=at,
        account=account,
        job=job,
        data=data,
        body=body,
        lines=tuple(lines),
    )


def moment(ms) -> datetime:
    """The exchange's integer milliseconds as a UTC time; what no calendar holds as a far one."""
    return datetime.fromtimestamp(min(ms, LATEST_MS) / 1000, UTC)

"""Ask the exchange, and keep what it said as evidence."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils.timezone import now as clock

from orders import audit, credits, keys
from orders.exchange import client
from orders.models import Event
from orders.pacifica import answers
from orders.pacifica.client import Answer, Unreachable
from orders.pacifica.reads import NotInHistory, Unreadable

MOST_PAGES = 5


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
        self._before()
        grant = credits.take(
            account=self._account,
            wanted=1,
            price=credits.price_of_read(path, self._pool),
            purpose=self._purpose,
            now=self._now(),
        )
        if not grant.count:
            why = f"waiting {grant.wait_s:.0f} s for credits"
            return Reading(path, params, None, why=why, must_wait=True)
        result = self._get(path, params)
        quota = answers.quota(result.headers) if isinstance(result, Answer) else None
        credits.settle(grant=grant, unused=0, quota=quota, now=self._now())
        if isinstance(result, Unreachable):
            return Reading(path, params, result, why=result.reason)
        if result.status == 429:
            wait_s = quota.resets_in_s if quota and quota.resets_in_s else 5
            credits.pause(pool=grant.pool, until=self._now() + timedelta(seconds=min(wait_s, 60)))
        return _parsed(Reading(path, params, result), parse, known)

    def pages(self, path, params, parse, is_enough, most=MOST_PAGES):
        """Readings of a paged route, newest first, until ``is_enough(rows)`` or the last page."""
        readings, rows, cursor = [], [], None
        while len(readings) < most:
            reading = self.ask(path, params | {"cursor": cursor}, parse)
            readings.append(reading)
            if reading.value is None:
                break
            rows += reading.value.rows
            cursor = reading.value.next_cursor
            if not reading.value.has_more or is_enough(rows):
                break
        return readings, rows

    def _get(self, path, params):
        try:
            return client().get(path, params, api_config_key=self._api_config_key)
        except Unreachable as unreachable:
            return unreachable


def _parsed(reading, parse, known):
    result = reading.result
    try:
        reading.value = parse(result.status, result.body, is_whole=result.is_whole, **known)
    except Unreadable as unreadable:
        reading.why = str(unreadable)
    except NotInHistory as unknown:
        reading.why, reading.is_unknown = str(unknown), True
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
    """The exchange's integer milliseconds as a UTC time."""
    return datetime.fromtimestamp(ms / 1000, UTC)

"""A test of the ways by which people are told: nobody shall learn on a bad day that one is shut."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from orders.audit import log
from orders.models import Event
from orders.operations.alerts import ways
from orders.operations.alerts.ways import Notice, Way
from orders.operations.alerts.webhook import CannotTell

AT_ONCE = 8
SAID = "This is a test, asked for by {}. Nothing is wrong."


def send(*, actor: log.Actor, now: datetime) -> dict[str, str]:
    """Send a test by every way, side by side, and record it; what was wrong by the way's name.

    Empty words: it was taken, which does not say that it arrived.
    """
    chosen = ways.every_way()
    said = SAID.format(actor.operator_name)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        ends = list(pool.map(lambda way: try_way(way, said, now), chosen))
    by_name = {way.name: end for way, end in zip(chosen, ends, strict=True)}
    data = {"kind": "test", "about": "", "said": said, "is_over": False, "ways": by_name}
    log.record(log.Fact(Event.ALERT, actor, data=data))
    return by_name


def try_way(way: Way, said: str, now: datetime) -> str:
    """Send a test by one way; return what was wrong, or nothing."""
    about = {"kind": "test", "title": "Test", "about": "test", "desk": ""}
    try:
        way.send(Notice(state="test", text=said, raised_at=now.isoformat(), **about))
    except CannotTell as error:
        return str(error)
    return ""

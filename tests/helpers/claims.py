"""Claims as a sender makes them, for tests that look at what lies between two of its steps."""

from orders.audit import log
from orders.delivery import claims


def claim(*, account_id, now, limit=claims.CHUNK):
    """Take what is next for the account; nothing where nothing may be sent."""
    turn = claims.next_job(account_id, now)
    return claims.claim(turn, now=now, limit=limit) if turn else []


def tells(facts, event) -> bool:
    """Whether one of the facts that a sender appends is of this event."""
    return any(_event(fact) == event for fact in facts)


def _event(fact):
    return fact.values["event"] if isinstance(fact, log.Draft) else fact.event

"""Refuse an act that a person may not do: record it, and tell a stranger nothing."""

from typing import NoReturn

from orders.access.permissions import NotAllowed
from orders.audit import log
from orders.models import Event


def refuse(*, actor: log.Actor, what: str, said: str) -> NoReturn:
    """Record a refused act and raise `NotAllowed` with a sentence that tells a stranger nothing."""
    record(actor=actor, what=what)
    raise NotAllowed(said)


def record(*, actor: log.Actor, what: str) -> None:
    """Record that somebody was refused ``what``, in words that follow *was refused:*."""
    log.record(log.Fact(event=Event.ACT_REFUSED, actor=actor, data={"asked": what[:300]}))

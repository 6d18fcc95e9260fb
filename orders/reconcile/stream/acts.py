"""What the stream has done in threads: write what frames say, read what they may have missed.

All of it gives way to panics, and while it does no frame is read.
"""

from datetime import datetime
from typing import Protocol

from orders.exchange import credits
from orders.reconcile import give_way, missed_orders, stream_updates, sync
from orders.reconcile.received_frames import ReceivedFrame


class ApplyFrames(Protocol):
    """A function that writes what frames of one account say."""

    def __call__(self, *, account_id: int, frames: list[ReceivedFrame]) -> int | None:
        """Return the lag of the newest change in ms, where it is known."""


class ReadOrders(Protocol):
    """A function that reads the open orders of one account."""

    def __call__(self, *, account_id: int) -> str | None:
        """Return why that failed, in words, or None where they are read."""


class LookUpOrders(Protocol):
    """A function that looks up the orders of one account that came and went."""

    def __call__(self, *, account_id: int, since: datetime) -> str | None:
        """Return why that failed and must be tried again, in words, or None where it is done."""


def apply_frames(*, account_id: int, frames: list[ReceivedFrame]) -> int | None:
    """Write what frames say."""
    give_way.to_panics()
    return stream_updates.apply(account_id=account_id, frames=frames).lag_ms


def read_orders(*, account_id: int) -> str | None:
    """Sync the account as a routine sync does, and from its part of the purse.

    One that was overtaken, by a read that began later still, is as good.
    """
    give_way.to_panics()
    synced = sync.sync_account(account_id=account_id, purpose=credits.SYNC)
    if synced is None or not synced.problem:
        return None
    return f"The open orders could not be read: {synced.problem}."


def look_up_orders(*, account_id: int, since: datetime) -> str | None:
    """Look up in the history what came and went since then."""
    give_way.to_panics()
    return missed_orders.look_up(account_id=account_id, since=since)

"""How the exchange's stream of an account stands, in the words of the overview."""

from dataclasses import dataclass
from datetime import datetime

from orders.audit import sentences
from orders.models import Account, AccountStream


@dataclass(frozen=True)
class StreamState:
    """``word`` in the colour of ``tone``; ``trouble`` where there is any; ``facts`` beside it."""

    word: str
    tone: str
    facts: tuple[str, ...] = ()
    trouble: str = ""


def of(account: Account, now: datetime) -> StreamState:
    """Tell how the stream of an account stands."""
    stream: AccountStream | None = getattr(account, "stream", None)
    if stream is None or not stream.is_leased(now):
        return StreamState("off", "plain")
    word, tone = _word(stream, now)
    return StreamState(word, tone, tuple(_facts(stream, now)), stream.trouble)


def _word(stream: AccountStream, now: datetime) -> tuple[str, str]:
    if stream.is_healthy(now):
        return "live", "good"
    if stream.subscribed_at is None:
        return ("lost", "alarm") if stream.trouble else ("connecting", "busy")
    if stream.caught_up_at is None or stream.healthy_at is None:
        return "catching up", "busy"
    if stream.healthy_at < stream.caught_up_at:  # nothing was written yet of what it heard since
        return "catching up", "busy"
    return "silent", "warn"


def _facts(stream: AccountStream, now: datetime) -> list[str]:
    """Say since when it is connected, what came last and how fast, how often it was lost."""
    facts = []
    if stream.connected_at is not None:
        facts.append(f"connected {sentences.ago(stream.connected_at, now)}")
    if stream.last_frame_at is not None:
        facts.append(f"last change {sentences.ago(stream.last_frame_at, now)}")
    if stream.lag_ms is not None:
        facts.append(f"lag {max(0, stream.lag_ms)} ms")  # less than nought: the clocks differ
    facts.append(
        f"{stream.frames_per_minute} frame{'' if stream.frames_per_minute == 1 else 's'} a minute"
    )
    if stream.reconnects:
        facts.append(f"{stream.reconnects} reconnect{'' if stream.reconnects == 1 else 's'}")
    return facts

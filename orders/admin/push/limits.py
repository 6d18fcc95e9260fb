"""Paces and bounds of the process that pages follow."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How often it looks, and how much it keeps and takes."""

    look_every_s: float = 0.1  # at the log's position
    idle_every_s: float = 0.5  # the same while nobody follows
    state_every_s: float = 1  # at what changes by time alone
    check_every_s: float = 10  # whether each session still holds; what a record tells of, at once
    doubt_s: float = 2  # after a sign-out: its session's row goes after its record
    tick_s: float = 5  # a running job's page is told, though nothing happened: its times changed
    heartbeat_s: float = 15
    retry_ms: int = 2_000
    streams: int = 5_000
    streams_of_person: int = 24
    waiting: int = 64  # messages that wait for one page
    stuck_s: float = 30  # a page that takes nothing for so long is dropped
    kept: int = 2_000  # changes kept for pages that come back
    ids: int = 200  # of one kind in one notice; beyond that the page looks at all it shows
    rows: int = 20  # drawn at one look; of more orders pages ask for those they show
    order_rows: int = 5_000  # read at one look
    blind_s: float = 3  # so long without a look at the database, and pages are sent to poll

"""What can go wrong on the way, to order: faults waiting for what they will spoil."""

import time
from dataclasses import dataclass
from typing import Any

# Parameters each kind takes, with their defaults. Times in ms, sizes in bytes.
KINDS: dict[str, dict[str, Any]] = {
    "delay_before": {"delay_ms": 1000},
    "delay_after": {"delay_ms": 1000},
    "apply_then_drop": {"reset": False},
    "drop": {"reset": False},
    "status": {
        "status": 500,
        "body": None,
        "body_base64": None,
        "content_type": None,
        "headers": {},
        "applied": False,
    },
    "drip": {"chunk_bytes": 1, "interval_ms": 50},
    "huge": {"size": 2 * 1024 * 1024, "applied": True},
    "late": {"delay_ms": 1000, "hold_ms": 60_000},
    "stale_reads": {"for_ms": 1000, "history": False, "newest_id": False},
    "fill_first": {"amount": None},
    "altered": {
        "change": {},
        "without": [],
        "spelled": {},
        "which": "last",
        "is_twin": False,
        "beside": "",
    },
}
# The same for the stream. Its faults take no route.
STREAM_KINDS: dict[str, dict[str, Any]] = {
    "stream_refuse": {"status": 503, "for_ms": None},
    "stream_drop": {"when": "now", "reset": False},
    "stream_close": {"when": "now", "code": 1000},
    "stream_stall": {"when": "now", "pings": False},
    "stream_gap": {"by": 1000},
    "stream_lose": {},
    "stream_twice": {},
    "stream_swap": {"hold_ms": 1000},
    "stream_late": {"delay_ms": 1000},
    "stream_error": {"code": 500, "err": "Unknown error"},
    "stream_frame": {"body": "", "body_base64": None},
    "stream_altered": KINDS["altered"],
}
ALL_KINDS = KINDS | STREAM_KINDS
# Where the stream's faults wait: for a handshake or for an update.
HANDSHAKE, UPDATE = "/ws", "/ws update"
WHEN = ("now", "before", "after")


class BadFault(ValueError):
    """A fault was asked for that does not exist or was described wrongly."""


@dataclass
class Fault:
    """One armed fault.

    ``route``: path under /api/v1, or ``*`` for every route. ``times``: how many requests it
    spoils; None for all. ``skip``: how many it lets pass first. ``account``: only requests that
    name this account. Of several that fit, the first armed goes first. The kinds:

    - ``delay_before`` ``delay_ms``: waits, then lets the exchange work and answer.
    - ``delay_after`` ``delay_ms``: the exchange works at once, its answer waits.
    - ``drop`` ``reset``: the connection closes (``reset``: is reset), nothing is done.
    - ``apply_then_drop`` ``reset``: the exchange works, then the connection closes unanswered.
    - ``status`` ``status``, ``body`` (text or JSON), ``body_base64`` (any bytes),
      ``content_type``, ``headers``, ``applied``: this answer instead of the exchange's own; with
      ``applied`` the exchange works first. Without a body: the exchange's error envelope.
    - ``drip`` ``chunk_bytes``, ``interval_ms``: works; the body arrives a few bytes at a time.
    - ``huge`` ``size``, ``applied``: a JSON body of that many bytes that says yes.
    - ``late`` ``delay_ms``, ``hold_ms``: never answers; the exchange takes the request up after
      ``delay_ms``, whether or not the client is still there, and refuses it if it has expired by
      then. The connection closes when the client gives up, or after ``hold_ms``.
    - ``stale_reads`` ``for_ms``, ``history``, ``newest_id``: from now on GET /orders shows the book
      as it is now, for ``for_ms`` (with ``history`` the history routes too; with ``newest_id`` it
      claims the newest last order id all the same). Takes no route, no times.
    - ``fill_first`` ``amount``: the orders the request names (for a cancel-all: the account's
      oldest open order) fill, wholly or by ``amount``, just before the exchange takes it up.
    - ``altered`` ``change``, ``without``, ``spelled``, ``which``, ``is_twin``, ``beside``: the
      exchange works; in the rows of its answer (orders, events, strategies, results of a batch)
      the fields of ``change`` are put, those of ``spelled`` as the JSON text given, and those
      named in ``without`` are left out: in the ``first``, the ``last`` or ``every`` row, in those
      that have the fields given, or in a copy of the last that is ``added``. With ``none`` no row
      is left. With ``is_twin`` the sound row stays before the altered one; ``beside`` is the JSON
      text of a row that is always added.

    The kinds of the stream take no route. These spoil handshakes:

    - ``stream_refuse`` ``status``, ``for_ms``: the handshake is answered so, or (None) the
      connection closes; with ``for_ms`` the fault ends by itself.

    These happen ``when`` told: ``now`` to all connections (with ``account``: to those subscribed to
    it), or ``before`` or ``after`` the next update, to those that it is for:

    - ``stream_drop`` ``reset``: the TCP connection is cut, without a close frame.
    - ``stream_close`` ``code``: the connection is closed with the code.
    - ``stream_stall`` ``pings``: nothing more is sent, and nothing is read; with ``pings`` it is,
      so that the protocol's own pings are answered.

    This takes no times: ``stream_gap`` ``by``: the last order id rises by so much. These spoil
    updates:

    - ``stream_lose``, ``stream_twice``: the frame is never sent, or two times.
    - ``stream_swap`` ``hold_ms``: it is sent after the next one of its source and account, or alone
      after ``hold_ms``. ``stream_late`` ``delay_ms``: it is sent so much later.
    - ``stream_error`` ``code``, ``err``: an error frame without id is sent before it.
    - ``stream_frame`` ``body``, ``body_base64``: this text, or these bytes as a binary frame, is
      sent in its place.
    - ``stream_altered``: its rows are altered, as ``altered`` does.
    """

    route: str
    kind: str
    times: int | None
    skip: int
    account: str | None
    params: dict[str, Any]
    # Seconds of the monotonic clock; None where it waits for as long as it takes.
    ends_at: float | None = None

    def fits(self, route: str, account: str | None) -> bool:
        """Whether it is meant for this request, handshake or update."""
        return self.route in ("*", route) and self.account in (None, account)

    @property
    def is_at_once(self) -> bool:
        """Whether it happens when it is asked for, and waits for nothing."""
        return self.kind in ("stale_reads", "stream_gap") or self.params.get("when") == "now"


class Faults:
    """The armed faults, first armed first."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []

    def arm(
        self,
        *,
        route: str = "*",
        kind: str,
        times: int | None = 1,
        skip: int = 0,
        account: str | None = None,
        **params: Any,
    ) -> Fault:
        """Arm one; raise `BadFault` with a sentence."""
        if kind not in ALL_KINDS:
            raise BadFault(f"There is no fault {kind!r}. Kinds: {', '.join(ALL_KINDS)}.")
        known = ALL_KINDS[kind]
        unknown = ", ".join(sorted(set(params) - set(known)))
        if unknown:
            takes = ", ".join(known) or "nothing"
            raise BadFault(f"Fault {kind} takes {takes}; not {unknown}.")
        if params.get("when", "now") not in WHEN:
            raise BadFault(f"A fault happens {', '.join(WHEN)}.")
        if not isinstance(route, str) or not (route == "*" or route.startswith("/")):
            raise BadFault("A fault's route is * or a path such as /orders/cancel.")
        for name, number in {"times": times, "skip": skip}.items():
            if number is not None and (type(number) is not int or number < 0):
                raise BadFault(f"A fault's {name} is a whole number.")
        if kind in STREAM_KINDS:
            route = HANDSHAKE if kind == "stream_refuse" else UPDATE
        fault = Fault(route, kind, times, skip or 0, account, known | params)
        if kind == "stream_refuse" and fault.params["for_ms"] is not None:
            fault.ends_at = time.monotonic() + fault.params["for_ms"] / 1000
        if not fault.is_at_once:
            self.armed.append(fault)
        return fault

    def take(self, route: str, account: str | None) -> Fault | None:
        """Find the fault that spoils this request, or None; count it down."""
        return self._take(route, account, kinds=KINDS)

    def take_of_stream(self, where: str, account: str | None) -> Fault | None:
        """Do the same for a handshake or an update."""
        now = time.monotonic()
        self.armed = [each for each in self.armed if each.ends_at is None or now < each.ends_at]
        return self._take(where, account, kinds=STREAM_KINDS)

    def _take(self, route: str, account: str | None, *, kinds: dict[str, Any]) -> Fault | None:
        for fault in self.armed:
            if fault.kind not in kinds or not fault.fits(route, account):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            self._count_down(fault)
            return fault
        return None

    def _count_down(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self.armed.remove(fault)

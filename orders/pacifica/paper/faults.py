"""What can go wrong on the way, to order: faults waiting for the requests they will spoil."""

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
    "stale_reads": {"for_ms": 1000, "history": False},
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
    - ``stale_reads`` ``for_ms``, ``history``: from now on GET /orders shows the book as it is now,
      for ``for_ms`` (with ``history`` the history routes too). Takes no route, no times.
    - ``fill_first`` ``amount``: the orders the request names (for a cancel-all: the account's
      oldest open order) fill, wholly or by ``amount``, just before the exchange takes it up.
    - ``altered`` ``change``, ``without``, ``spelled``, ``which``, ``is_twin``, ``beside``: the
      exchange works; in the rows of its answer (orders, events, strategies, results of a batch)
      the fields of ``change`` are put, those of ``spelled`` as the JSON text given, and those
      named in ``without`` are left out: in the ``first``, the ``last`` or ``every`` row, in those
      that have the fields given, or in a copy of the last that is ``added``. With ``none`` no row
      is left. With ``is_twin`` the sound row stays before the altered one; ``beside`` is the JSON
      text of a row that is always added.
    """

    route: str
    kind: str
    times: int | None
    skip: int
    account: str | None
    params: dict[str, Any]

    def fits(self, route: str, account: str | None) -> bool:
        """Whether it is meant for this request."""
        return self.route in ("*", route) and self.account in (None, account)


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
        if kind not in KINDS:
            raise BadFault(f"There is no fault {kind!r}. Kinds: {', '.join(KINDS)}.")
        unknown = set(params) - set(KINDS[kind])
        if unknown:
            raise BadFault(
                f"Fault {kind} takes {', '.join(KINDS[kind])}; not {', '.join(sorted(unknown))}."
            )
        if not isinstance(route, str) or not (route == "*" or route.startswith("/")):
            raise BadFault("A fault's route is * or a path such as /orders/cancel.")
        for name, number in {"times": times, "skip": skip}.items():
            if number is not None and (type(number) is not int or number < 0):
                raise BadFault(f"A fault's {name} is a whole number.")
        fault = Fault(route, kind, times, skip or 0, account, KINDS[kind] | params)
        if kind != "stale_reads":
            self.armed.append(fault)
        return fault

    def take(self, route: str, account: str | None) -> Fault | None:
        """Find the fault that spoils this request, or None; count it down."""
        for fault in self.armed:
            if not fault.fits(route, account):
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

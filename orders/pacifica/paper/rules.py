"""The switches of the paper exchange: dialects that the real one is known or feared to speak."""

from dataclasses import dataclass, field, fields, replace
from typing import Any


class BadRule(ValueError):
    """A rule was named that does not exist, or was given a value it cannot take."""


@dataclass(frozen=True)
class Rules:
    """How the exchange behaves where its documentation is silent, old or contradicts itself.

    ``not_found_code``: business code of a cancel that found nothing, 5 (seen live) or 6 (newest
    table). ``not_found_status``: 422, or 400 as the endpoint pages say (then the text is *Order
    not found* and the code 400). ``error_id``: whether refusals carry the ``error_id`` field.
    ``error_body``: what a refusal's body is made of, ``json``, ``text``, ``html`` or ``empty``.
    ``reject_replays``: whether a signature is good for one request only.
    ``cancel_all_takes_stops``: whether cancel-all also takes stop orders; its makers saw it.
    ``clock_offset_ms``: how far the exchange's clock is ahead (Date header, expiry, event times).
    ``future_tolerance_ms``: how far ahead a timestamp may be; None means any.
    ``event_step_ms``: event times are cut to this step, so that some are equal.
    ``latency_ms``: every answer of the API is held back so long.
    ``beta_required``: public keys of signers that have no beta access.
    ``credit_window_s``: length of the rolling window in which credits are counted.
    ``ip_credits``: quota shared by all keyless requests that no account's own quota covers; None
    means unlimited. ``batch_costs``: a batch of cancels costs ``per_cancel`` (half a credit each,
    at least one) or ``per_request`` (one). ``body_limit``: bytes a POST may have; None means any.
    ``unknown_history``: history of an unknown order id is a ``404`` or an ``empty`` list.
    ``history_order``: order history is paged ``newest`` or ``oldest`` first, or ``mixed``.
    ``history_names``: its rows have the ``docs``' names or those of the official ``mcp`` server.
    ``history_rows``: the most that a page of it has. ``history_cursor``: ``right``, ``repeated``
    (each leads to the first page again), ``endless`` (always another one, past the end to no row),
    ``missing`` (there are more, and no cursor) or ``shifting`` (new orders shift what it counts).
    ``history_grows``: so many orders come and close before each page but the first.
    ``li_counts``: the last order id rises with all ``events``, or with new ``orders`` only.
    ``stream_silence_s``: a connection is closed after so long without a message of the client's.
    ``stream_life_s``: how long it lives at most. ``stream_subscriptions``: the most that it may
    have of one source. ``stream_delay_ms``: updates are held back so long. ``stream_rows``: the
    most rows of one frame; more than one gathers what happens to an account at once.
    """

    not_found_code: int = field(default=5, metadata={"choices": (5, 6)})
    not_found_status: int = field(default=422, metadata={"choices": (422, 400)})
    error_id: bool = True
    error_body: str = field(default="json", metadata={"choices": ("json", "text", "html", "empty")})
    reject_replays: bool = False
    cancel_all_takes_stops: bool = True
    clock_offset_ms: int = 0
    future_tolerance_ms: int | None = field(default=None, metadata={"kinds": (int, type(None))})
    event_step_ms: int = 1
    latency_ms: float = field(default=0, metadata={"kinds": (int, float)})
    beta_required: tuple[str, ...] = field(default=(), metadata={"kinds": (list, tuple)})
    credit_window_s: float = field(default=60, metadata={"kinds": (int, float)})
    ip_credits: float | None = field(default=None, metadata={"kinds": (int, float, type(None))})
    batch_costs: str = field(
        default="per_cancel", metadata={"choices": ("per_cancel", "per_request")}
    )
    body_limit: int | None = field(default=4096, metadata={"kinds": (int, type(None))})
    unknown_history: str = field(default="404", metadata={"choices": ("404", "empty")})
    history_order: str = field(
        default="newest", metadata={"choices": ("newest", "oldest", "mixed")}
    )
    history_names: str = field(default="docs", metadata={"choices": ("docs", "mcp")})
    history_rows: int = 4000
    history_cursor: str = field(
        default="right",
        metadata={"choices": ("right", "repeated", "endless", "missing", "shifting")},
    )
    history_grows: int = 0
    li_counts: str = field(default="events", metadata={"choices": ("events", "orders")})
    stream_silence_s: float = field(default=60, metadata={"kinds": (int, float)})
    stream_life_s: float = field(default=86_400, metadata={"kinds": (int, float)})
    stream_subscriptions: int = 20
    stream_rows: int = 1
    stream_delay_ms: float = field(default=0, metadata={"kinds": (int, float)})


FIELDS = {each.name: each for each in fields(Rules)}
NOT_NEGATIVE = {
    "latency_ms",
    "ip_credits",
    "body_limit",
    "future_tolerance_ms",
    "history_grows",
    "stream_subscriptions",
    "stream_delay_ms",
}
POSITIVE = {
    "event_step_ms",
    "credit_window_s",
    "history_rows",
    "stream_silence_s",
    "stream_life_s",
    "stream_rows",
}


def changed(rules: Rules, changes: dict[str, Any]) -> Rules:
    """Apply the changes to a copy of the rules; raise `BadRule` with a sentence."""
    for name, value in changes.items():
        _check(name, value)
    return replace(rules, **changes)


def _check(name: str, value: Any) -> None:
    if name not in FIELDS:
        raise BadRule(f"There is no rule {name!r}. Rules: {', '.join(sorted(FIELDS))}.")
    rule = FIELDS[name]
    choices = rule.metadata.get("choices")
    if choices and (value not in choices or isinstance(value, bool)):
        raise BadRule(f"Rule {name} takes one of {', '.join(map(str, choices))}.")
    kinds = rule.metadata.get("kinds", (type(rule.default),))
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        raise BadRule(f"Rule {name} cannot be a {type(value).__name__}.")
    if value is not None and name in NOT_NEGATIVE and value < 0:
        raise BadRule(f"Rule {name} cannot be negative.")
    if name in POSITIVE and value <= 0:
        raise BadRule(f"Rule {name} must be more than zero.")

"""The verdict on an answer to a signed request. Pure, and a whitelist: default is *unknown*.

A wrong *unknown* costs one read to settle. A wrong *accepted* or *refused* loses an order from
sight. So every doubt falls to unknown, and nothing here raises, whatever the bytes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from .bound import Bound, bound_of
from .items import readable
from .refusals import (
    NOT_FOUND,
    REFUSED,
    UNKNOWN,
    Meaning,
    meaning_of_bare,
    meaning_of_envelope,
    meaning_of_text,
)
from .whose import Subject, another, other_kind
from .words import decoded, safe_text, shown_words, text_of, value_of, words_in, words_of

ACCEPTED, ASKED, THROTTLED = "accepted", "asked", "throttled"
MAX_NAMED_CHARS = 64
_REFUSING_STATUSES = frozenset({400, 401, 403, 404, 422})
_FORBIDDEN_HINT = (
    "The exchange's front door turned this machine away. Check its region, its IP address and "
    "the agent wallet's IP whitelist."
)


@dataclass(frozen=True)
class Verdict:
    """What one answer proves about one instruction.

    ``kind``: ``accepted`` the exchange said yes; ``asked`` it took a TWAP's cancel, which proves
    nothing yet; ``not_found`` no such open order (filled, gone or never there, ask the history);
    ``refused`` a no to be fixed by a person; ``throttled`` not carried out, send again later;
    ``unknown`` settle it. ``error``: the exchange's own words, cut and made safe. ``code``: its
    code. ``cause``: a word to branch on, see refusals.py. ``hint``: what to fix. ``count``: a
    cancel-all's cancelled orders. ``another``: what else than asked the answer names, in words.
    """

    kind: str
    error: str = ""
    code: int | None = None
    error_id: str = ""
    cause: str = ""
    hint: str = ""
    count: int | None = None
    another: str = ""


def cancel_verdict(
    status: int, body: bytes, *, subject: Subject | None = None, is_whole: bool = True
) -> Verdict:
    """Judge a cancel of one order, stop order or strategy. Never raises.

    Source: captured answers carry ``data`` null; the docs show a bare ``{"success":true}``.
    ``subject``: the `Subject` that was asked about; an answer about another proves nothing.
    """
    verdict, envelope = _verdict(status, body, is_whole, subject)
    if verdict.kind == ACCEPTED and (other := other_kind(subject, envelope)):
        return _about_another(other)
    return verdict


def twap_verdict(
    status: int, body: bytes, *, subject: Subject | None = None, is_whole: bool = True
) -> Verdict:
    """Judge a TWAP's cancel: its 200 comes even where nothing was there, so it is only *asked*."""
    verdict = cancel_verdict(status, body, subject=subject, is_whole=is_whole)
    return replace(verdict, kind=ASKED) if verdict.kind == ACCEPTED else verdict


def cancel_all_verdict(
    status: int, body: bytes, *, subject: Subject | None = None, is_whole: bool = True
) -> Verdict:
    """Judge a cancel-all. Accepted only with a readable ``cancelled_count``, kept in ``count``.

    Captured answers carry it inside ``data``, the docs at top level; two that differ are none.
    """
    verdict, envelope = _verdict(status, body, is_whole, subject)
    if verdict.kind != ACCEPTED:
        return verdict
    stated = [
        place["cancelled_count"]
        for place in (envelope.get("data"), envelope)
        if isinstance(place, dict) and "cancelled_count" in place
    ]
    counts = {_count(value) for value in stated}
    if len(counts) != 1 or None in counts:
        return Verdict(UNKNOWN, cause="shape")
    return replace(verdict, count=counts.pop())


def batch_verdicts(
    status: int,
    body: bytes,
    count: int,
    *,
    subjects: Sequence[Subject] = (),
    is_whole: bool = True,
) -> list[Verdict]:
    """Judge a batch: one `Verdict` per action, in order. ``count``: how many were sent.

    ``subjects``: what each asked about. An item counts by its own ``success``; the outer one stays
    true when items fail. Any other number of items than was sent, or one that names another order
    than was asked (docs.pacifica.fi batch-order page: the order's id, or null), cannot be matched
    to actions: all unknown. An item that cannot be read is unknown by itself.
    """
    verdict, envelope = _verdict(status, readable(body, "results"), is_whole, *subjects)
    if verdict.kind == NOT_FOUND and count > 1:
        verdict = replace(verdict, kind=UNKNOWN)  # which of them it could not say
    if verdict.kind != ACCEPTED:
        return [verdict] * count
    data = envelope.get("data")
    results = (data if isinstance(data, dict) else envelope).get("results")
    if not isinstance(results, list) or len(results) != count:
        return [Verdict(UNKNOWN, cause="shape")] * count
    foreign = [another([own], item) for own, item in zip(subjects, results, strict=False)]
    if other := next(filter(None, foreign), None):
        return [_about_another(other)] * count
    return [_item_verdict(item) for item in results]


def agent_wallets(
    status: int, body: bytes, *, subject: Subject | None = None, is_whole: bool = True
) -> tuple[Verdict, Bound]:
    """Return (verdict, bound agent wallets) of a ``list_agent_wallets``. Never raises.

    Accepted only with a list in ``data.agent_wallets``; else nothing is bound.
    """
    name = "agent_wallets"
    verdict, envelope = _verdict(status, readable(body, name), is_whole, subject)
    if verdict.kind != ACCEPTED:
        return verdict, Bound()
    data = envelope.get("data")
    listed = data.get(name) if isinstance(data, dict) else None
    if not isinstance(listed, list):
        return Verdict(UNKNOWN, cause="shape"), Bound()
    return verdict, bound_of(listed)


def other_account(address: str, body: bytes) -> str:
    """Return the account that a read names instead of this one, in words; mostly none, ``""``."""
    other = another([Subject(account=address)], value_of(body)) if b"ccount" in body else None
    return _about_another(other).another if other else ""


def _verdict(
    status: int, body: bytes, is_whole: bool, *subjects: Subject | None
) -> tuple[Verdict, dict[str, Any]]:
    """Return (verdict, envelope); the envelope is empty where the verdict is not accepted."""
    envelope = _envelope(body) if is_whole else None
    if other := another(list(filter(None, subjects)), envelope):
        return _about_another(other), {}
    if status == 200 and envelope is not None and is_yes(envelope):
        return Verdict(ACCEPTED), envelope
    if _is_contradictory(status, envelope):
        return Verdict(UNKNOWN, error=shown_words(body, envelope), cause="shape"), {}
    return _refusal(status, body, envelope, is_whole), {}


def _is_contradictory(status: int, envelope: dict[str, Any] | None) -> bool:
    """Return True for an object neither yes nor no, or a yes under a status that says no.

    A refusal may come from a front door with an envelope of its own, without ``success``.
    """
    if envelope is None or envelope.get("success") is False:
        return False
    return "success" in envelope or status not in {*_REFUSING_STATUSES, 429}


def is_yes(envelope: dict[str, Any]) -> bool:
    """Return True for an envelope that says yes and nothing against it.

    ``error`` and ``code`` are null or absent on success; CCXT has met a code of 200. ``data``
    is null, absent or an object, and that object may not itself speak of a failure.
    """
    data = envelope.get("data")
    code = envelope.get("code")
    return (
        envelope.get("success") is True
        and envelope.get("error") is None
        and (code is None or (type(code) is int and code == 200))
        and (data is None or isinstance(data, dict))
        and (data is None or (data.get("success", True) is True and data.get("error") is None))
    )


def _refusal(status: int, body: bytes, envelope: dict[str, Any] | None, is_whole: bool) -> Verdict:
    if status == 429:  # never reached the engine; the body may be empty
        return Verdict(THROTTLED, error=shown_words(body, envelope), cause="rate_limit")
    meaning = _meaning(status, body, envelope, is_whole)
    if meaning is None and status == 403 and not _holds_known_words(body):
        # CloudFront's HTML, or nothing at all: the exchange never saw the request.
        return Verdict(
            REFUSED, shown_words(body, envelope), cause="forbidden", hint=_FORBIDDEN_HINT
        )
    if meaning is None:
        return Verdict(UNKNOWN, error=shown_words(body, envelope), cause="unreadable")
    return Verdict(
        kind=meaning.kind,
        error=shown_words(body, envelope),
        code=_code(envelope),
        error_id=safe_text(text_of(envelope, "error_id")),
        cause=meaning.cause,
        hint=meaning.hint,
    )


def _meaning(
    status: int, body: bytes, envelope: dict[str, Any] | None, is_whole: bool
) -> Meaning | None:
    """Find the `Meaning` of a no, or None where it could not be read."""
    if envelope is not None and envelope.get("success") is False:
        return _meaning_of_no(status, envelope)
    if status in _REFUSING_STATUSES and is_whole:
        return meaning_of_bare(words_of(body, envelope))
    return None


def _holds_known_words(body: bytes) -> bool:
    """Whether the exchange may be speaking, if in no form that counts. A page is the front door."""
    words = decoded(body).lstrip()
    return not words.startswith("<") and meaning_of_text(words) is not None


def _meaning_of_no(status: int, envelope: dict[str, Any]) -> Meaning | None:
    """Find the meaning of an envelope that says no: by its words; a 200 needs known ones."""
    said = words_in(envelope)
    if said and status in _REFUSING_STATUSES:
        return meaning_of_envelope(status, said, _code(envelope))
    return meaning_of_text(said) if said and status == 200 else None


def _about_another(other: tuple[str, Any]) -> Verdict:
    """Judge an answer to another question, be it a yes or a no. ``other``: (noun, name)."""
    noun, name = other
    shown = safe_text(str(name))[:MAX_NAMED_CHARS]
    return Verdict(UNKNOWN, cause="another", another=f"{noun} ({shown})")


def _item_verdict(item: Any) -> Verdict:
    """Judge a batch item: success, failure with a text, or a refusal's known words alone."""
    if isinstance(item, str) or (isinstance(item, dict) and "success" not in item):
        words = item if isinstance(item, str) else words_in(item)
        meaning = meaning_of_bare(words) or Meaning(UNKNOWN, "shape")
        return Verdict(meaning.kind, safe_text(words), cause=meaning.cause, hint=meaning.hint)
    if not isinstance(item, dict) or type(item["success"]) is not bool:
        return Verdict(UNKNOWN, cause="shape")
    if item["success"]:
        return Verdict(ACCEPTED) if is_yes(item) else Verdict(UNKNOWN, cause="shape")
    error = words_in(item)
    if not error:
        return Verdict(UNKNOWN, cause="shape")
    meaning = meaning_of_envelope(200, error, _code(item))
    return Verdict(
        meaning.kind, safe_text(error), _code(item), cause=meaning.cause, hint=meaning.hint
    )


def _envelope(body: bytes) -> dict[str, Any] | None:
    value = value_of(body)
    return value if isinstance(value, dict) else None


def _code(envelope: dict[str, Any] | None) -> int | None:
    """Return the integer code; true and false are integers to Python, not to the exchange."""
    code = envelope.get("code") if envelope is not None else None
    return code if type(code) is int else None


def _count(value: Any) -> int | None:
    """Read a whole number not below zero, or its digits: one docs page types it as a string."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value):
        return int(value)
    return value if type(value) is int and 0 <= value <= 10**15 else None

"""Requests and answers as people read them: re-indented where they are JSON, exact always."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orders.audit import sentences
from orders.models import AuditPayload, AuditRecord, AuditRecordOrder, Event

if TYPE_CHECKING:
    from orders.models.desks import Person


ANSWERS = (Event.ANSWER, Event.NO_ANSWER, Event.NOT_SENT)
MAX_PRETTY = 64 * 1024
MAX_SIDES = 200  # records of a panic among which the other side is looked for


@dataclass(frozen=True)
class Shown:
    """One record with its payload. ``pretty`` is empty where the body is no JSON."""

    record: AuditRecord
    data: dict[str, Any]
    raw: str
    pretty: str
    is_cut: bool


def shown(record: AuditRecord | None) -> Shown | None:
    """A record with its bytes as text; what is not UTF-8 is written as escapes."""
    if record is None:
        return None
    payload = AuditPayload.objects.filter(record=record).first()
    raw = "" if payload is None else bytes(payload.body).decode("utf-8", "backslashreplace")
    is_cut = payload is not None and (record.body_length or 0) > len(bytes(payload.body))
    return Shown(record, sentences.data_of(record), raw, pretty(raw), is_cut)


def sides_of(record: AuditRecord, user: "Person") -> tuple[AuditRecord | None, AuditRecord | None]:
    """Request and answer of one attempt, from either of them; (None, None) for other records."""
    if record.event == Event.REQUEST:
        return record, _other(record, user, ANSWERS)
    if record.event in ANSWERS:
        return _other(record, user, (Event.REQUEST,)), record
    return None, None


def _other(record: AuditRecord, user: "Person", events: tuple[Event, ...]) -> AuditRecord | None:
    """The record of the same attempt of the same cancel, on the other side of the wire."""
    attempt = sentences.data_of(record).get("attempt")
    cancel = record.order_rows.exclude(cancel=None).values_list("cancel", flat=True).first()
    if cancel is None or attempt is None:
        return _other_of_panic(record, user, events)
    rows = AuditRecordOrder.objects.filter(cancel=cancel).values("record")
    found = AuditRecord.objects.visible_to(user).filter(pk__in=rows, event__in=events)
    same = [one for one in found if sentences.data_of(one).get("attempt") == attempt]
    return same[0] if same else None


def _other_of_panic(
    record: AuditRecord, user: "Person", events: tuple[Event, ...]
) -> AuditRecord | None:
    """The other side of a panic's request: of one account and symbol they go one after another."""
    row = record.order_rows.first()
    if row is None or record.job_id is None:
        return None
    seen = AuditRecord.objects.visible_to(user).filter(job_id=record.job_id, event__in=events)
    of_line = seen.filter(order_rows__account=row.account_id, order_rows__symbol=row.symbol)
    if record.event == Event.REQUEST:
        found = of_line.filter(position__gt=record.position).order_by("position")
    else:
        found = of_line.filter(position__lt=record.position).order_by("-position")
    about = _strategy_of(record)
    return next((one for one in found[:MAX_SIDES] if _strategy_of(one) == about), None)


def _strategy_of(record: AuditRecord) -> str:
    """Which strategy a request of a panic was about; several go side by side."""
    return str(sentences.data_of(record).get("strategy_id", ""))


def neighbours(
    record: AuditRecord, user: "Person"
) -> tuple[AuditRecord | None, AuditRecord | None]:
    """The records before and after this one among those the person may see."""
    seen = AuditRecord.objects.visible_to(user)
    earlier = seen.filter(position__lt=record.position).order_by("-position").first()
    later = seen.filter(position__gt=record.position).order_by("position").first()
    return earlier, later


def pretty(text: str) -> str:
    """The same JSON text with line breaks and indents, every other character kept.

    It is re-indented, not re-written: numbers keep their digits and doubled keys stay visible.
    """
    if len(text) > MAX_PRETTY or not _is_json(text):
        return ""
    out, depth, in_string, escaped, last = [], 0, False, False, ""
    for character in text:
        if in_string:
            out.append(character)
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
            continue
        if character in " \t\r\n":
            continue
        in_string = character == '"'
        depth += (character in "{[") - (character in "}]")
        out.append(_placed(character, depth, last))
        last = character
    return "".join(out)


def _placed(character: str, depth: int, last: str) -> str:
    """One character outside strings, with the space its place asks for."""
    line = "\n" + "  " * min(depth, 40)
    if character in "{[,":
        return character + line
    if character in "}]":
        return ("" if last in {"{", "["} else line) + character
    return ": " if character == ":" else character


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return text.lstrip()[:1] in {"{", "["}


def rows_of(record: AuditRecord) -> list[AuditRecordOrder]:
    """The order rows of a record, as many as a page can hold, with their accounts."""
    return list(record.order_rows.select_related("account", "cancel")[:200])

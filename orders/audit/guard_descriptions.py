"""Sentences of guards, schedules and latches. Pure."""

from typing import Any

from orders.audit.phrases import Say, begun, changes, quoted, several, stopped, told
from orders.models import AuditRecord


def _guard(record: AuditRecord, data: dict[str, Any]) -> str:
    return f"guard {told(data, 'name')}".strip() + f" of {record.desk_name or 'a desk'}"


def _armed(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    drill = " for a drill" if data.get("is_drill") else ""
    sign = "a beat or a new order" if data.get("hears_orders") else "a beat"
    ttl = f": it fires after {data['ttl_s']} s without {sign}" if data.get("ttl_s") else ""
    return f"{who} armed {_guard(record, data)}{drill}{ttl}."


def _changed(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    if "added" in data:
        return f"{who} made {_guard(record, data)}: {stopped(told(data, 'added'))}"
    return f"{who} changed {_guard(record, data)}{changes(data)}"


def _disarmed(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    did = "saw to the firing of" if data.get("was") == "fired" else "disarmed"
    return f"{who} {did} {_guard(record, data)}{quoted(told(data, 'reason'))}"


def _warned(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    share = f"{data['percent']} % of its time" if data.get("percent") else "part of its time"
    return f"{begun(_guard(record, data))} heard no beat for {share}."


def _fired(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    since = f" after {data['silence_s']} s without a beat" if data.get("silence_s") else ""
    drill = " in a drill" if data.get("is_drill") else ""
    why = told(data, "why_not")
    where = f": {told(data, 'where')}." if told(data, "where") else "."
    end = f", and could do nothing: {stopped(why)}" if why else where
    return f"{begun(_guard(record, data))} fired{drill}{since}{end}"


def _asked(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    since = f" ({data['silence_s']} s without a beat)" if data.get("silence_s") else ""
    late = "ran out while no sweep looked"
    return f"{begun(_guard(record, data))} {late}{since}, and asks whether to fire."


def _schedule(record: AuditRecord, data: dict[str, Any]) -> str:
    return f"schedule {told(data, 'name')}".strip() + f" of {record.desk_name or 'a desk'}"


def _schedule_changed(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    if "added" in data:
        return f"{who} made {_schedule(record, data)}: {stopped(told(data, 'added'))}"
    return f"{who} changed {_schedule(record, data)}{changes(data)}"


def _schedule_run(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    due = f" of {told(data, 'due')[:16].replace('T', ' ')} UTC" if told(data, "due") else ""
    return f"{begun(_schedule(record, data))}{due}: {stopped(told(data, 'said') or 'done')}"


def _latched_on(data: dict[str, Any]) -> str:
    names = data.get("accounts")
    if not isinstance(names, list) or not names:
        return "an account"
    where = str(names[0]) if len(names) == 1 else several(len(names), "account")
    return f"{told(data, 'symbol')} on {where}" if told(data, "symbol") else where


def _latched(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    then = " and cancelled" if data.get("is_cancelling") else ""
    how = "latched anew" if data.get("is_anew") else "latched"
    on = _latched_on(data)
    if not told(data, "symbol"):  # which keeps its case
        on = begun(on)
    return f"{on} {how} by a halt: orders that appear are told of{then}."


def _latch_released(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    return f"{who} released the latch on {_latched_on(data)}{quoted(told(data, 'reason'))}"


GUARDS: dict[str, Say] = {
    "guard_armed": _armed,
    "guard_changed": _changed,
    "guard_disarmed": _disarmed,
    "guard_warned": _warned,
    "guard_fired": _fired,
    "guard_asked": _asked,
    "schedule_changed": _schedule_changed,
    "schedule_run": _schedule_run,
    "latched": _latched,
    "latch_released": _latch_released,
}

"""Sentences of what concerns the house itself: people, keys, exports, the log. Pure."""

import re
from collections.abc import Callable
from typing import Any

from orders.audit.guard_descriptions import GUARDS
from orders.audit.phrases import (
    Say,
    account,
    begun,
    changes,
    ending,
    quoted,
    several,
    stopped,
    told,
)
from orders.models import AuditRecord


def _wallet(record: AuditRecord, data: dict[str, Any]) -> str:
    return f"agent wallet {told(data, 'public_key')}".strip() + f" of {account(record)}"


def _agent_wallet(done: str) -> Say:
    def say(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
        return f"{who} {done} {_wallet(record, data)}."

    return say


def _agent_wallet_tested(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    if record.outcome == "asked":
        return f"{who} asked for a test of {_wallet(record, data)}."
    result = told(data, "found") or told(data, "said") or told(data, "explanation")
    result = result or ending(record.outcome) or "nothing is told"
    if record.outcome == "not_signing":
        return f"{begun(_wallet(record, data))}: {stopped(result)}"
    return f"{begun(_wallet(record, data))} was tested: {stopped(result)}"


def _key_refused(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    why = stopped(told(data, "why"))
    return f"A stored key of {account(record)} was refused{f': {why}' if why else '.'}"


def _changed(noun: str, name_of: Callable[[AuditRecord, dict[str, Any]], str]) -> Say:
    def say(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
        if "added" in data:
            return f"{who} added {noun} {data['added']}."
        name = f"{noun} {name_of(record, data)}".strip()
        return f"{who} changed {name}{changes(data)}"

    return say


def _api_config_key(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    did = "took the API config key off" if data.get("removed") else "gave an API config key to"
    hint = f" (it begins with {data['set']})" if data.get("set") else ""
    return f"{who} {did} {account(record)}{hint}."


def _membership(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    person, desk = told(data, "user") or "somebody", record.desk_name or "a desk"
    if not data.get("role"):
        return f"{who} took {person} off {desk}."
    return f"{who} made {person} {data['role']} of {desk}."


def _login(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    by = " with a second factor" if record.outcome == "verified" else ""
    by = f" by {told(data, 'by')}" if told(data, "by") else by
    return f"{who} signed in{by} from {record.address or 'an unknown address'}."


def _login_failed(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    step = f" at the {data['step']}" if data.get("step") else ""
    wait_s = data.get("throttled_for_s")
    wait = f"; refused unseen for {wait_s} s" if wait_s else ""
    name = f" as “{told(data, 'name_tried')}”" if told(data, "name_tried") else ""
    name = " as a name nobody has" if data.get("is_unknown_name") else name
    why = f": {told(data, 'why').rstrip('.')}" if told(data, "why") else ""
    return f"Sign-in{name} failed{step}, from {record.address or 'somewhere'}{wait}{why}."


def _logout(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    if told(data, "ended"):
        return f"{who} ended another session of theirs: {told(data, 'ended')}."
    if data.get("is_all_others"):
        return f"{who} ended all other sessions of theirs."
    return f"{who} signed out."


def _token(record: AuditRecord, data: dict[str, Any]) -> str:
    name = f"API token {told(data, 'name')}" if told(data, "name") else "an API token"
    return f"{name} of {record.desk_name or 'a desk'}"


def _token_made(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    rights = " and ".join(map(str, data.get("rights") or []))
    may = f": may {rights}" if rights else ""
    where = ", from some addresses alone" if data.get("networks") else ""
    until = f", until {told(data, 'expires_at')[:10]}" if told(data, "expires_at") else ""
    return f"{who} made {_token(record, data)}{may}{where}{until}."


def _token_ended(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    if not record.operator_name:
        why = stopped(told(data, "reason"))
        return f"{begun(_token(record, data))} ended by itself{f': {why}' if why else '.'}"
    return f"{who} ended {_token(record, data)}{quoted(told(data, 'reason'))}"


def _token_refused(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    whence = record.address or "somewhere"
    if not record.operator_name:
        return f"An API token that nobody made was refused, from {whence}."
    name = f"API token {told(data, 'token')}" if told(data, "token") else "an API token"
    name, why = f"{name} of {record.desk_name or 'a desk'}", stopped(told(data, "why"))
    return f"{begun(name)} was refused, from {whence}{f': {why}' if why else '.'}"


def _act_refused(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    asked = re.sub(r"\b1 (order|drift)s\b", r"1 \1", told(data, "asked"))  # so it was once written
    return f"{who} was refused: {stopped(asked or 'an act')}"


def _export_asked(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    return f"{who} asked for an export{_words(data)}."


def _exported(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    return f"An export for {who} was made: {several(data.get('count'), 'record')}{_in(data)}."


def _export_downloaded(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    return f"{who} took an export away{_words(data)}."


def _words(data: dict[str, Any]) -> str:
    words = told(data, "words").rstrip(".")
    return f": {words}" if words else ""


def _in(data: dict[str, Any]) -> str:
    words = told(data, "words")
    return f" ({words})" if words else ""


def _verification_asked(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    return f"{who} asked to have the log verified."


def _verified(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    faults = several(data.get("faults"), "fault")
    verdict = "whole" if record.outcome == "whole" else f"not whole, {faults}"
    return f"The log was verified for {who}: {verdict}, {several(data.get('records'), 'record')}."


def _archived(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    before = f" before {data['before']}" if data.get("before") else ""
    return f"{who} archived {several(data.get('count'), 'record')}{before}."


def _key_sealed_anew(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    key = f", with {data['sealed_with']}" if data.get("sealed_with") else ""
    return f"A key of {account(record)} was sealed anew{key}."


def _database_behind(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    if "waited" in data:
        waited = "What waited may have been sent since."
        return f"Found waiting in a copy of the database that was put back: {orders}. {waited}"
    number = f"checkpoint {data['number']}" if data.get("number") else "a checkpoint"
    signed = f"{number} signed {several(data.get('count'), 'record')}"
    held = f"Cancels held back: {data.get('cancels', 0)}; lines of panics: {data.get('lines', 0)}."
    if data.get("is_other"):
        return f"This is not the database of its checkpoint file: {signed}. {held}"
    return f"An older copy of the database was put back: {signed}. {held}"


def _database_accepted(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    shared = f" after {data['shared']}" if data.get("shared") is not None else ""
    lost = f"of {several(data.get('count'), 'signed record')}, those{shared or ' since'} are lost"
    return f"{who} accepted the database that was put back, {lost}{quoted(told(data, 'reason'))}"


def _proposal(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    words, reason = told(data, "words") or "an act", told(data, "reason")
    did = {
        "asked": f"{who} asked a second person to approve",
        "approved": f"{who} approved, as the second person",
        "declined": f"{who} declined",
        "out_of_time": "Nobody decided in time",
        "void": "Void, and not to be approved any more",
        "alone": f"{who} did alone, without a second person",
        "reviewed": f"{who} reviewed what was done by one person alone",
    }
    return f"{did[record.outcome]}: {words}{quoted(reason)}"


HOUSE: dict[str, Say] = GUARDS | {
    "proposal": _proposal,
    "agent_wallet_added": _agent_wallet("added"),
    "agent_wallet_disabled": _agent_wallet("disabled"),
    "agent_wallet_enabled": _agent_wallet("enabled"),
    "agent_wallet_tested": _agent_wallet_tested,
    "key_refused": _key_refused,
    "key_sealed_anew": _key_sealed_anew,
    "desk_changed": _changed("desk", lambda record, data: record.desk_name),
    "account_changed": _changed("account", lambda record, data: record.account_name),
    "user_changed": _changed("user", lambda record, data: told(data, "user")),
    "api_config_key_changed": _api_config_key,
    "membership_changed": _membership,
    "login": _login,
    "login_failed": _login_failed,
    "logout": _logout,
    "token_made": _token_made,
    "token_ended": _token_ended,
    "token_refused": _token_refused,
    "act_refused": _act_refused,
    "export_asked": _export_asked,
    "exported": _exported,
    "export_downloaded": _export_downloaded,
    "verification_asked": _verification_asked,
    "verified": _verified,
    "archived": _archived,
    "database_behind": _database_behind,
    "database_accepted": _database_accepted,
}

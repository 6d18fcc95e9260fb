"""A sentence for every kind of record: who did what, what was sent, what came of it. Pure."""

from typing import Any

from orders.audit import phrases
from orders.audit.house_descriptions import HOUSE
from orders.audit.phrases import OrderName, Say, account, begun, ending, quoted, stopped, told
from orders.models import AuditRecord, AuditRecordOrder


def of(record: AuditRecord, row: AuditRecordOrder | OrderName | None = None, count: int = 0) -> str:
    """Return the sentence of a record, from its columns as attributes.

    ``row``: the order row to name; ``count``: how many rows the record has.
    """
    facts, who = phrases.data_of(record), phrases.who(record)
    data = {name: fact for name, fact in facts.items() if fact not in (None, "")}
    orders = phrases.of_orders(record, row, count)
    if count == 1 and record.outcome == "mixed":  # of an order among others: its own
        data["own_outcome"] = getattr(row, "outcome", "")
    say = SENTENCES.get(record.event, plain)
    try:
        return say(record, data, who, orders)
    except (AttributeError, KeyError, TypeError, ValueError):  # odd facts, of an old record
        return plain(record, data, who, orders)


def plain(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    """Return a sentence for an event that has none of its own, or whose facts do not fit it."""
    by = phrases.by(record)
    by = f" {by}" if by == phrases.BY_COMMAND else f" by {by}" if by else ""
    where = record.account_name or record.desk_name
    event = record.event.replace("_", " ").capitalize()
    return f"{event}{by}{f' ({where})' if where else ''}."


def _asked(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    scope, where = told(data, "scope"), f" ({record.desk_name})" if record.desk_name else ""
    reason, skipped = quoted(told(data, "reason")), data.get("skipped") or {}
    reason += "." if skipped and not reason.endswith((".", ".”", "!”", "?”")) else ""
    left_out = "".join(f" {count} skipped: {stopped(why)}" for why, count in skipped.items())
    if scope.startswith(("Panic:", "Drill:")):
        left = f"What the {scope[:5].lower()} of {who} left over is cancelled singly"
        return f"{left}: {orders}{where}{reason}{left_out}"
    return f"{who} asked to cancel {scope or orders}{where}{reason}{left_out}"


def _job(record: AuditRecord) -> str:
    return f"job {record.job_id}" if record.job_id else "a job"


def _job_stopped(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    under_way = data.get("under_way")
    rest = f", {under_way} followed to the end" if under_way else ""
    return f"{who} stopped {_job(record)}: {data.get('stopped', 0)} not sent{rest}."


def _job_resumed(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    skipped = f", {data['skipped']} skipped" if data.get("skipped") else ""
    return f"{who} resumed {_job(record)}: {data.get('queued', 0)} waiting to be sent{skipped}."


def _panic(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    symbol = f"{data['symbol']} " if data.get("symbol") else ""
    if data.get("again"):
        return f"{who} had every {symbol}order of {_job(record)} cancelled once more."
    if data.get("look_again"):
        return f"{who} had open orders of {_job(record)} looked at again."
    if data.get("closed"):
        return f"{who} saw to a line of {_job(record)} whose account was not seen empty."
    if data.get("withdrawn"):
        return f"{who} withdrew a cancel-all of {_job(record)} that still waited."
    what = told(data, "scope").removeprefix("Panic: ").removeprefix("Drill: ")
    what = what or record.desk_name
    did = "started a drill" if data.get("is_drill") else "pulled a panic"
    return f"{who} {did}{f': {what}' if what else ''}{quoted(told(data, 'reason'))}"


def _request(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    attempt = f", attempt {data['attempt']}" if isinstance(data.get("attempt"), int) else ""
    return f"Sent to the exchange: {phrases.subject(record, data, orders)}{attempt}."


def _answer(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    outcome = data.get("own_outcome") or record.outcome
    end = f": {ending(outcome)}" if outcome else ""
    status = f" {data['status']}" if isinstance(data.get("status"), int) else ""
    subject = phrases.subject(record, data, orders, cancel="")
    return (
        f"The exchange answered{status}{phrases.elapsed(data)} about {subject}{end}.{_late(data)}"
    )


def _late(data: dict[str, Any]) -> str:
    if not data.get("is_late"):
        return ""
    return " Too late to count: another attempt holds the cancel."


def _no_answer(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    reason = told(data, "reason") or "unreachable"
    subject = phrases.subject(record, data, orders, cancel="")
    return f"No answer about {subject}{phrases.elapsed(data)}: {stopped(reason)}{_late(data)}"


def _not_sent(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    if reason := told(data, "reason"):  # it could not leave
        return f"Not sent: {phrases.subject(record, data, orders)}: {stopped(reason)}"
    why = stopped(told(data, "why"))
    if why.startswith("Not sent: "):  # it goes on as the sentence does: a name may stand there
        return f"Not sent: cancel of {orders}: {why.removeprefix('Not sent: ')}"
    return f"Not sent: cancel of {orders}. {begun(why)}".strip()


def _read(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    if data.get("amounts"):
        return _read_amounts(data["amounts"], orders)
    if data.get("amounts_untold"):
        return f"The exchange did not tell the amounts of {orders}: asked no more."
    path = told(data, "path") or told(data, "url") or "the exchange"
    subject = phrases.account(record) if orders == "an order" else orders
    parts = [told(data, "status") or told(data, "reason")]
    parts.append("" if told(data, "why") in parts else told(data, "why"))
    result = stopped(", ".join(filter(None, parts)) or "no answer")
    return f"Asked {path} about {subject}: {result}{_odd(data)}"


def _odd(data: dict[str, Any]) -> str:
    odd = data.get("odd_count")
    return f" {phrases.several(odd, 'row')} could not be read." if odd else ""


def _read_amounts(amounts: dict[str, Any], orders: str) -> str:
    if len(amounts) > 1:
        return f"The history told the amounts of {orders}."
    ((filled, cancelled),) = amounts.values()
    return f"The history told the amounts of {orders}: filled {filled}, cancelled {cancelled}."


def _outcome(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    proof = told(data, "proof")
    shown = f", shown by {proof}" if proof not in ("", "nothing yet") else ""
    of_panic = not told(data, "proof") and record.outcome in ("empty", "needs_you")
    why = f" {begun(stopped(told(data, 'explanation')))}" if of_panic else ""
    return f"Outcome of {orders}: {ending(record.outcome) or 'not told'}{shown}.{why}".rstrip()


def _sync(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    which = "" if orders == "an order" else f": {orders}"
    first = next(iter(data.get("reads") or [{}]))
    if first.get("path") == "/orders/history":
        return f"The history told what came and went on {account(record)}{which}."
    return f"The open orders of {account(record)} changed{which}."


def _stream(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    which = "" if orders == "an order" else f": {orders}"
    return f"The exchange's stream told of {account(record)}{which}."


def _contradiction(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    again = "they are asked about" if data.get("count", 1) != 1 else "it is asked about"
    return f"New evidence contradicts what was concluded about {orders}: {again} again."


def _sender_lost(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    outcome = data.get("own_outcome") or record.outcome
    end = f": {ending(outcome)}" if outcome else ""
    return f"The sender stopped while it had {orders} in hand{end}."


def _question(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    did = {
        "check_asked": f"had {orders} checked at once.",
        "sent_again": f"had the cancel of {orders} sent again.",
        "question_owned": f"made {told(data, 'owner') or 'somebody'} mind the open question of "
        f"{orders}.",
        "question_closed": f"closed the question of {orders}{quoted(told(data, 'reason'))}",
        "drift_acknowledged": f"looked at the discrepancy of {orders}{_put_down_to(data)}.",
    }
    return f"{who} {did[record.event]}"


def _put_down_to(data: dict[str, Any]) -> str:
    """Say what explains discrepancies, where something did."""
    words = CAUSES.get(told(data, "cause"), "")
    job = told(data, "cause_job")
    return f", put down to {words}{f' (job {job})' if job else ''}" if words else ""


def _alert(record: AuditRecord, data: dict[str, Any], who: str, orders: str) -> str:
    over, words = data.get("is_over"), stopped(told(data, "said"))
    return f"{'Told that this is over' if over else 'Told'}: {words or 'an alert without words.'}"


CAUSES = {
    "panic": "a panic",
    "job": "a cancel of ours",
    "restored": "a restored copy",
    "outage": "a time without news",
    "foreign_wallet": "perhaps a foreign agent wallet",
}
SENTENCES: dict[str, Say] = HOUSE | {
    "cancel_asked": _asked,
    "job_stopped": _job_stopped,
    "job_resumed": _job_resumed,
    "panic": _panic,
    "request": _request,
    "answer": _answer,
    "no_answer": _no_answer,
    "not_sent": _not_sent,
    "read": _read,
    "outcome": _outcome,
    "sync": _sync,
    "stream": _stream,
    "contradiction": _contradiction,
    "check_asked": _question,
    "sent_again": _question,
    "question_owned": _question,
    "question_closed": _question,
    "drift_acknowledged": _question,
    "alert": _alert,
    "sender_lost": _sender_lost,
}

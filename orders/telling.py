"""A sentence for every kind of record: who did what, what was sent, what came of it."""

from orders.models import CancelStatus, Event

ENDINGS = {
    **dict(CancelStatus.choices),
    "queued": "to be sent again",
    "unknown": "unknown, being asked",
    "settling": "being settled",
    "refused": "refused",
    "cancelled": "cancelled",
    "filled": "filled first",
    "gone": "already gone",
    "not_found": "not found",
    "expired": "expired, never sent",
    "closed_by_operator": "closed by an operator",
}


def plain(record, data, who, orders):
    """For an event that has no sentence of its own."""
    by = f" by {record.operator_name}" if record.operator_name else ""
    where = f" ({record.account_name or record.desk_name})" if record.desk_name else ""
    return f"{record.get_event_display()}{by}{where}."


def _asked(record, data, who, orders):
    where = f" ({record.desk_name})" if record.desk_name else ""
    reason = f": “{data['reason']}”" if data.get("reason") else "."
    skipped = data.get("skipped") or {}
    left_out = "".join(f" {count} skipped: {why}." for why, count in skipped.items())
    return f"{who} asked to cancel {data.get('scope') or orders}{where}{reason}{left_out}"


def _job_stopped(record, data, who, orders):
    return f"{who} stopped job {record.job_id}: {data.get('stopped', 0)} not sent."


def _job_resumed(record, data, who, orders):
    return f"{who} resumed job {record.job_id}: {data.get('queued', 0)} waiting to be sent."


def _panic(record, data, who, orders):
    symbol = f"{data['symbol']} " if data.get("symbol") else ""
    if data.get("again"):
        return f"{who} had every {symbol}order of job {record.job_id} cancelled once more."
    if data.get("look_again"):
        return f"{who} had a book of job {record.job_id} looked at again."
    if data.get("closed"):
        return f"{who} saw to a line of job {record.job_id} whose book was not seen empty."
    if data.get("withdrawn"):
        return f"{who} withdrew a cancel-all of job {record.job_id} that still waited."
    reason = f": “{data['reason']}”" if data.get("reason") else "."
    return f"{who} asked to empty the book: {data.get('scope') or record.desk_name}{reason}"


def _request(record, data, who, orders):
    return f"Sent to the exchange: cancel of {orders}, attempt {data.get('attempt', '?')}."


def _answer(record, data, who, orders):
    late = " Too late to count: another attempt holds the cancel." if data.get("is_late") else ""
    ending = f": {ENDINGS.get(record.outcome, record.outcome)}" if record.outcome else ""
    return (
        f"The exchange answered {data.get('status', '?')}{_in(data.get('elapsed_ms'))} "
        f"about {orders}{ending}.{late}"
    )


def _no_answer(record, data, who, orders):
    reason = data.get("reason", "unreachable")
    return f"No answer about {orders}{_in(data.get('elapsed_ms'))}: {reason}."


def _not_sent(record, data, who, orders):
    return f"Not sent: cancel of {orders}. {data.get('why', '')}".strip()


def _read(record, data, who, orders):
    if data.get("amounts"):
        return _read_amounts(data["amounts"], orders)
    path = data.get("path") or data.get("url") or "the exchange"
    return (
        f"Asked {path} about {orders}: {data.get('status') or data.get('reason') or 'no answer'}."
    )


def _read_amounts(amounts, orders):
    if len(amounts) > 1:
        return f"The history told the amounts of {orders}."
    ((filled, cancelled),) = amounts.values()
    return f"The history told the amounts of {orders}: filled {filled}, cancelled {cancelled}."


def _outcome(record, data, who, orders):
    ending = ENDINGS.get(record.outcome, record.outcome)
    proof = f", shown by {data['proof']}" if data.get("proof") not in (None, "nothing yet") else ""
    return f"Outcome of {orders}: {ending}{proof}."


def _sync(record, data, who, orders):
    return f"The book of {record.account_name} changed: {orders}."


def _contradiction(record, data, who, orders):
    return f"New evidence contradicts what was concluded about {orders}: it is asked again."


def _sender_lost(record, data, who, orders):
    ending = ENDINGS.get(record.outcome, record.outcome)
    return f"The sender stopped while it had {orders} in hand: {ending}."


def _question(record, data, who, orders):
    did = {
        Event.CHECK_ASKED: f"had {orders} checked at once.",
        Event.SENT_AGAIN: f"had the cancel of {orders} sent again.",
        Event.QUESTION_OWNED: f"made {data.get('owner')} mind the open question of {orders}.",
        Event.QUESTION_CLOSED: f"closed the question of {orders}: “{data.get('reason', '')}”",
        Event.DRIFT_ACKNOWLEDGED: f"looked at the drift of {orders}.",
    }
    return f"{who} {did[record.event]}"


def _alert(record, data, who, orders):
    return f"{'Told that this is over' if data.get('is_over') else 'Told'}: {data.get('said', '')}"


def _agent_wallet(done):
    def say(record, data, who, orders):
        return f"{who} {done} agent wallet {data.get('public_key', '')} of {record.account_name}."

    return say


def _agent_wallet_tested(record, data, who, orders):
    found = data.get("found") or data.get("said") or data.get("explanation") or record.outcome
    return f"Agent wallet {data.get('public_key', '')} of {record.account_name} was tested: {found}"


def _key_refused(record, data, who, orders):
    return f"A stored key of {record.account_name} was refused: {data.get('why', '')}"


def _changed(noun, name_of):
    def say(record, data, who, orders):
        if "added" in data:
            return f"{who} added {noun} {data['added']}."
        return f"{who} changed {noun} {name_of(record, data)}{_changes(data)}"

    return say


def _changes(data):
    changed = data.get("changed")
    if not isinstance(changed, dict) or not changed:
        return "."
    parts = [f"{name} from “{old}” to “{new}”" for name, (old, new) in changed.items()]
    return f": {', '.join(parts)}."


def _api_config_key(record, data, who, orders):
    did = "took the API config key off" if data.get("removed") else "gave an API config key to"
    hint = f" (it begins with {data['set']})" if data.get("set") else ""
    return f"{who} {did} {record.account_name}{hint}."


def _membership(record, data, who, orders):
    if not data.get("role"):
        return f"{who} took {data.get('user')} off {record.desk_name}."
    return f"{who} made {data.get('user')} {data['role']} of {record.desk_name}."


def _login(record, data, who, orders):
    by = " with a second factor" if record.outcome == "verified" else ""
    return f"{who} signed in{by} from {record.address or 'an unknown address'}."


def _login_failed(record, data, who, orders):
    step = f" at the {data['step']}" if data.get("step") else ""
    wait_s = data.get("throttled_for_s")
    wait = f"; refused unseen for {wait_s} s" if wait_s else ""
    where = record.address or "somewhere"
    name = "a name nobody has" if data.get("is_unknown_name") else f"“{data.get('name_tried', '')}”"
    return f"Sign-in as {name} failed{step}, from {where}{wait}."


def _logout(record, data, who, orders):
    return f"{who} signed out."


def _act_refused(record, data, who, orders):
    return f"{who} was refused: {data.get('asked', 'an act')}."


def _in(elapsed_ms):
    return f" in {elapsed_ms:.0f} ms" if isinstance(elapsed_ms, int | float) else ""


def _export_asked(record, data, who, orders):
    return f"{who} asked for an export: {data.get('words', '')}."


def _exported(record, data, who, orders):
    return f"An export for {who} was made: {data.get('count', '?')} records ({data.get('words')})."


def _export_downloaded(record, data, who, orders):
    return f"{who} took an export away: {data.get('words', '')}."


def _verification_asked(record, data, who, orders):
    return f"{who} asked to have the log verified."


def _verified(record, data, who, orders):
    found = "whole" if record.outcome == "whole" else f"not whole, {data.get('faults')} faults"
    return f"The log was verified for {who}: {found}, {data.get('records')} records."


def _archived(record, data, who, orders):
    return f"{who} archived {data.get('count')} records before {data.get('before')}."


def _key_sealed_anew(record, data, who, orders):
    return f"A key of {record.account_name} was sealed anew, with {data.get('sealed_with')}."


def _database_behind(record, data, who, orders):
    if "waited" in data:
        waited = "What waited may have been sent since."
        return f"Found waiting in a copy of the database that was put back: {orders}. {waited}"
    signed = f"checkpoint {data.get('number')} signed {data.get('count')} records"
    held = f"Cancels held back: {data.get('cancels')}; lines of panics: {data.get('lines')}."
    if data.get("is_other"):
        return f"This is not the database of its checkpoint file: {signed}. {held}"
    return f"An older copy of the database was put back: {signed}. {held}"


def _database_accepted(record, data, who, orders):
    lost = f"of {data.get('count')} signed records, those after {data.get('shared')} are lost"
    return f"{who} accepted the database that was put back, {lost}: “{data.get('reason')}”"


SENTENCES = {
    Event.CANCEL_ASKED: _asked,
    Event.JOB_STOPPED: _job_stopped,
    Event.JOB_RESUMED: _job_resumed,
    Event.PANIC: _panic,
    Event.REQUEST: _request,
    Event.ANSWER: _answer,
    Event.NO_ANSWER: _no_answer,
    Event.NOT_SENT: _not_sent,
    Event.READ: _read,
    Event.OUTCOME: _outcome,
    Event.SYNC: _sync,
    Event.CONTRADICTION: _contradiction,
    Event.CHECK_ASKED: _question,
    Event.SENT_AGAIN: _question,
    Event.QUESTION_OWNED: _question,
    Event.QUESTION_CLOSED: _question,
    Event.DRIFT_ACKNOWLEDGED: _question,
    Event.ALERT: _alert,
    Event.SENDER_LOST: _sender_lost,
    Event.AGENT_WALLET_ADDED: _agent_wallet("added"),
    Event.AGENT_WALLET_DISABLED: _agent_wallet("disabled"),
    Event.AGENT_WALLET_ENABLED: _agent_wallet("enabled"),
    Event.AGENT_WALLET_TESTED: _agent_wallet_tested,
    Event.KEY_REFUSED: _key_refused,
    Event.KEY_SEALED_ANEW: _key_sealed_anew,
    Event.DESK_CHANGED: _changed("desk", lambda record, data: record.desk_name),
    Event.ACCOUNT_CHANGED: _changed("account", lambda record, data: record.account_name),
    Event.USER_CHANGED: _changed("user", lambda record, data: data.get("user", "")),
    Event.API_CONFIG_KEY_CHANGED: _api_config_key,
    Event.MEMBERSHIP_CHANGED: _membership,
    Event.LOGIN: _login,
    Event.LOGIN_FAILED: _login_failed,
    Event.LOGOUT: _logout,
    Event.ACT_REFUSED: _act_refused,
    Event.EXPORT_ASKED: _export_asked,
    Event.EXPORTED: _exported,
    Event.EXPORT_DOWNLOADED: _export_downloaded,
    Event.VERIFICATION_ASKED: _verification_asked,
    Event.VERIFIED: _verified,
    Event.ARCHIVED: _archived,
    Event.DATABASE_BEHIND: _database_behind,
    Event.DATABASE_ACCEPTED: _database_accepted,
}

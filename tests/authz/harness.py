"""The cells of the authorisation matrix: each tried in a world, judged, and undone.

A screen added later is tried without a word here. A new act that changes rows must be entered
below with the right it asks for, or the matrix fails.
"""

import collections
import logging
from contextlib import contextmanager
from copy import deepcopy

from django.contrib.messages import get_messages
from django.db import connection, transaction
from django.test import Client

from orders.access import permissions
from orders.models import AuditRecord, Desk
from orders.models.desks import sees_everything
from tests.authz.addresses import MALFORMED, addresses, fillings
from tests.authz.scenario import World
from tests.helpers.tables import Written, state_of

# Which right an address may be used with to change rows of a desk. Whoever lacks it changes none.
ACTS = {
    "orders_order_cancel": "cancel",
    "orders_order_cancel_selected": "cancel",
    "orders_order_cancel_by_id": "cancel",
    "orders_canceljob_stop": "cancel",
    "orders_canceljob_resume": "cancel",
    "orders_canceljob_retry": "cancel",
    "orders_agentwallet_add": "agents",
    "orders_agentwallet_disable": "agents",
    "orders_agentwallet_enable": "agents",
    "orders_agentwallet_test": "agents",
    "orders_apitoken_add": "tokens",
    "orders_apitoken_end": "tokens",
    "orders_guard_add": "set_guards",
    "orders_guard_set": "set_guards",
    "orders_guard_arm": "guard",
    "orders_guard_beat": "guard",
    "orders_guard_disarm": "guard",
    "orders_guard_fire": "panic",
    "orders_schedule_add": "set_guards",
    "orders_schedule_switch": "set_guards",
    "orders_latch_release": "set_guards",
    "orders_proposal_approve": "agents",
    "orders_proposal_decline": "agents",
    "orders_order_changelist": "cancel",
    "orders_cancel_changelist": "cancel",
    "orders_cancel_close": "close",
    "orders_drift_changelist": "cancel",
    "orders_drift_seen": "cancel",
    "orders_preview_scope": "cancel_scope",
    "orders_preview_list": "cancel",
    "orders_preview_confirm": "cancel",
    "orders_preview_anew": "cancel",
    "orders_panicline_pull": "panic",
    "orders_panicline_pull_all": "panic",
    "orders_panicline_again": "panic",
    "orders_panicline_close": "panic",
    "orders_panicline_look": "panic",
    "orders_panicline_withdraw": "panic",
    "orders_export_ask": "verify",
    "orders_verification_ask": "verify",
}
RUN_BY_ADMINISTRATORS = {
    "orders_agentwallet_add",
    "orders_agentwallet_disable",
    "orders_agentwallet_enable",
    "orders_agentwallet_test",
    "orders_apitoken_end",
    "orders_proposal_approve",
    "orders_proposal_decline",
    "orders_proposal_alone",
    "orders_proposal_review",
    "orders_alert_test",
    "orders_account_add",
    "orders_account_api_key",
    "orders_account_change",
    "orders_desk_add",
    "orders_desk_change",
    "auth_user_add",
    "auth_user_change",
    "auth_user_password_change",
    "orders_verification_ask",
    "orders_restore_accept",
    "orders_passkey_remove",
}
# These change the person's own row alone, and refuse for reasons of their own.
OWN_BUSINESS = {
    "password_change",
    "login",
    "logout",
    "second_factor",
    "enrol_second_factor",
    "enrol_passkey",
    "enrol_passkey_options",
    "passkey_options",
    "confirm_yourself",
    "own_settings",
    "own_settings_end_session",
    "own_settings_end_others",
    "own_settings_codes",
    "orders_savedview_save",
    "orders_savedview_delete",
}
# What a GET may leave behind: the session, the record of a refusal or a download, and that a page
# shows orders, so that marks are read.
WRITTEN_BY_GET = {
    *("django_session", "orders_auditrecord", "orders_auditpayload"),
    "orders_marketwatch",
}
RECORDED_BY_GET = {"act_refused", "export_downloaded", "logout"}
IDLE = {"anonymous", "viewer", "deactivated"}  # change nothing through any address
# In the quick form each kind of person is tried where they differ from the others: who holds a
# role on the rows of their own desk, who does not on those of the other.
QUICK_GETS = {
    "anonymous": {"none", "near"},
    "operator": {"none", "near", "far", "missing", "malformed"},
    "head": {"far"},
    "auditor": {"none", "far"},
    "administrator": {"none", "near"},
}
QUICK_POSTS = {  # (kind of id, side that the form names)
    "anonymous": {("near", "near")},
    "deactivated": {("none", "near")},
    "viewer": {("near", "near"), ("none", "near")},
    "operator": {("far", "far"), ("none", "far")},
    "head": {("near", "near"), ("none", "far")},
    "head here, viewer there": {("far", "far"), ("none", "far")},
    "auditor": {("near", "near"), ("none", "near")},
    "administrator": {("near", "near"), ("none", "near")},
}


class Undo(Exception):
    """Raised to leave a cell as it was found."""


class Matrix:
    """One world, the cells tried in it, and every fault found. Each cell is undone."""

    def __init__(self, world, *, is_whole):
        self.world, self.is_whole = world, is_whole
        self.tried = collections.Counter()  # by method, and tricks by their kind
        self.faults = []  # (kind of fault, words)
        self.acted = collections.defaultdict(set)  # names of addresses by kind of person

    def try_person(self, kind):
        """Every cell of one kind of person."""
        self.enter(kind)
        for name, route in addresses():
            for ids, address in fillings(self.world, name, route):
                self.get(name, ids, address)
                self.post(name, ids, address)

    def enter(self, kind):
        """Sign a person of this kind in."""
        self.kind, self.person = kind, self.world.people[kind]
        self.client, self.state = browser(self.person), state_of(self.world)
        self.hidden = hidden_from(self.world, self.person)

    def get(self, name, ids, address):
        """One cell by GET."""
        if not self.is_whole and ids not in QUICK_GETS.get(self.kind, ()):
            return
        if self.is_whole or ids != "malformed" or address.endswith(MALFORMED[0]):
            self.look(f"GET {address} ({ids})", address)

    def look(self, where, address, data=None, *, trick="GET"):
        """The answer to a GET, after it was looked at for every fault a GET can have."""
        cell = self.attempt("get", address, data)
        self.tried[trick] += 1
        self.listen(where, cell)
        if not cell["tables"] <= WRITTEN_BY_GET or cell["changed"]:
            self.fault("change by GET", f"{where} wrote {cell['tables']} {cell['changed']}")
        if not cell["events"] <= RECORDED_BY_GET:
            self.fault("change by GET", f"{where} recorded {cell['events']}")
        return cell["answer"]

    def post(self, name, ids, address):
        """One cell by POST, with forms that name either side's rows."""
        for word in ("near", "far"):
            if self.is_whole:
                is_due = ids in {"near", "none"} or word == "far"
            else:
                is_due = (ids, word) in QUICK_POSTS.get(self.kind, ())
            if is_due:
                side = getattr(self.world, word)
                where = f"POST {address} ({name}, {ids}) naming {side.desk}"
                self.act(where, name, address, self.world.payload(side), is_own=ids != "none")

    def act(self, where, name, address, data, *, trick="POST", is_own=True):
        """The answer to a POST, after it was looked at for every fault a POST can have."""
        cell = self.attempt("post", address, data)
        self.tried[trick] += 1
        self.listen(where, cell)
        if cell["changed"]:
            self.acted[self.kind].add(name)
        for part in cell["changed"]:
            if not may_change(self.person, name, part):
                self.fault("unauthorised effect", f"{where} changed {part}")
        is_refused = cell["answer"].status_code in {403, 404} and name not in OWN_BUSINESS
        is_known = self.person is not None and self.person.is_active
        if is_refused and is_known and is_own and "act_refused" not in cell["events"]:
            self.fault("refusal without a record", f"{where} {cell['answer'].status_code}")
        return cell["answer"]

    def listen(self, where, cell):
        """What an answer says that it must not."""
        answer = cell["answer"]
        if answer.status_code >= 500:
            self.fault("error", f"{where} answered {answer.status_code}")
        text, own_name = told(answer), self.person.username if self.person else None
        for side in self.hidden:
            for word in side.words:
                if word != own_name and word in text:
                    at = text.index(word)
                    said = text[max(0, at - 80) : at + 40]
                    self.fault("leak", f"{where} tells {word!r}: …{said}…")

    def fault(self, kind, words):
        """Note a fault."""
        self.faults.append((kind, f"{self.kind}: {words}"))

    def attempt(self, method, address, data=None):
        """One cell: the answer, the tables it wrote to, the parts of the world it changed."""
        cookies, outcome = deepcopy(self.client.cookies), {}
        tip = AuditRecord.objects.count()
        try:
            with transaction.atomic():
                tables = Written()
                with connection.execute_wrapper(tables):
                    outcome["answer"] = getattr(self.client, method)(address, data or {})
                events = AuditRecord.objects.order_by("position").values_list("event", flat=True)
                after = state_of(self.world, only=tables)
                outcome["tables"], outcome["events"] = tables, set(events[tip:])
                changed = {key for key, value in after.items() if value != self.state[key]}
                outcome["changed"] = {part for part, _ in changed}
                raise Undo
        except Undo:
            self.client.cookies = cookies
            return outcome

    def sums(self) -> str:
        """What was tried and what was found, in numbers."""
        found = collections.Counter(kind for kind, _ in self.faults)
        tried = ", ".join(f"{count} {name}" for name, count in self.tried.items())
        kinds = ("leak", "unauthorised effect", "change by GET", "refusal without a record")
        faults = ", ".join(f"{kind}: {found[kind]}" for kind in (*kinds, "error"))
        return f"cells tried: {sum(self.tried.values())} ({tried}); {faults}"


def browser(person):
    """A browser in which this person is signed in."""
    client = Client()
    if person is not None:
        client.force_login(person)
    return client


def hidden_from(world, person):
    """The sides whose words no answer to this person may hold."""
    if person is None or not person.is_active:
        return [world.near, world.far]
    visible = set(Desk.objects.visible_to(person).values_list("pk", flat=True))
    return [side for side in (world.near, world.far) if side.desk.pk not in visible]


def told(answer) -> str:
    """Everything that an answer says: body, headers, cookies, and what the next page will say."""
    streamed = b"".join(answer.streaming_content) if answer.streaming else answer.content
    streamed = streamed.replace(b"Atlantic/Canary", b"")  # a time zone, and no account of ours
    cookies = answer.cookies.output()
    said = [str(message) for message in get_messages(answer.wsgi_request)]
    return "\n".join([streamed.decode(errors="replace"), str(answer.headers), cookies, *said])


def may_change(person, name, part) -> bool:
    """Whether this person may, through this address, change this part of the world."""
    if person is None or not person.is_active:
        return False
    if sees_everything(person) and name in RUN_BY_ADMINISTRATORS:
        return True
    if part == "people":
        return name in OWN_BUSINESS
    assert name in ACTS or name in RUN_BY_ADMINISTRATORS, (
        f"{name} changes rows: say in tests/authz/harness.py which right it asks for"
    )
    if name not in ACTS:
        return False
    if part == "errands":
        return permissions.has_permission(person, ACTS[name])
    return Desk.objects.allowing(person, ACTS[name]).filter(name=part).exists()


@contextmanager
def new_world():
    """One world for a whole run, undone at its end."""
    logging.disable(logging.ERROR)  # a line for each refusal would be thousands
    try:
        with transaction.atomic():
            yield World()
            transaction.set_rollback(True)
    finally:
        logging.disable(logging.NOTSET)

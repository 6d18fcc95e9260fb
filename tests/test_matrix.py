"""Every kind of person at every address, with their own ids and others': nobody sees, nobody acts.

The addresses come from the URL configuration, so a screen added later is tried without a word
here. A new *kind* of parameter, and a new act that changes rows, must be entered below, or the
matrix fails.
"""

import hashlib
import logging
import os
import re
from copy import deepcopy

import pytest
from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.contrib.messages import get_messages
from django.db import connection, transaction
from django.test import Client
from django.urls import URLResolver, get_resolver

from orders import rights
from orders.models import AuditRecord, Desk, Event, Export, Right, Verification
from orders.models.desks import sees_everything
from tests.world import World

MISSING = 987_654
MALFORMED = ("abc", "9" * 30, "1%00")
UNKNOWN_KEY = "00000000-0000-4000-8000-000000000000"
ADMINISTER = "administer"
# Which right an address may be used with to change rows of a desk. Whoever lacks it changes none.
ACTS = {
    "orders_order_cancel": Right.CANCEL,
    "orders_order_cancel_selected": Right.CANCEL,
    "orders_order_cancel_by_id": Right.CANCEL,
    "orders_canceljob_stop": Right.CANCEL,
    "orders_canceljob_resume": Right.CANCEL,
    "orders_canceljob_retry": Right.CANCEL,
    "orders_agentwallet_add": Right.AGENTS,
    "orders_agentwallet_disable": Right.AGENTS,
    "orders_agentwallet_enable": Right.AGENTS,
    "orders_agentwallet_test": Right.AGENTS,
    "orders_order_changelist": Right.CANCEL,
    "orders_cancel_changelist": Right.CANCEL,
    "orders_cancel_close": Right.CLOSE,
    "orders_drift_changelist": Right.CANCEL,
    "orders_preview_scope": Right.CANCEL_SCOPE,
    "orders_preview_list": Right.CANCEL,
    "orders_preview_confirm": Right.CANCEL,
    "orders_preview_anew": Right.CANCEL,
    "orders_panicline_pull": Right.PANIC,
    "orders_panicline_again": Right.PANIC,
    "orders_export_ask": Right.VERIFY,
    "orders_verification_ask": Right.VERIFY,
}
RUN_BY_ADMINISTRATORS = {
    "orders_agentwallet_add",
    "orders_agentwallet_disable",
    "orders_agentwallet_enable",
    "orders_agentwallet_test",
    "orders_account_add",
    "orders_account_api_key",
    "orders_account_change",
    "orders_desk_add",
    "orders_desk_change",
    "auth_user_add",
    "auth_user_change",
    "auth_user_password_change",
    "orders_verification_ask",
}
OWN_BUSINESS = {"password_change", "login", "logout"}  # changes the person's own row alone
# What a GET may leave behind: the session, and the record of a refusal or a download.
WRITTEN_BY_GET = {"django_session", "orders_auditrecord", "orders_auditpayload"}
RECORDED_BY_GET = {Event.ACT_REFUSED, Event.EXPORT_DOWNLOADED, Event.LOGOUT}


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """One world for the whole matrix; each cell is tried in a savepoint that is rolled back."""
    logging.disable(logging.WARNING)  # a line for each refusal would be thousands
    with django_db_blocker.unblock(), transaction.atomic():
        yield World()
        transaction.set_rollback(True)
    logging.disable(logging.NOTSET)


def addresses(patterns=None, prefix=""):
    """Every (name, route) of the site; a regular expression's groups count as parameters."""
    for one in patterns or get_resolver().url_patterns:
        route = prefix + plain(str(one.pattern))
        if isinstance(one, URLResolver):
            yield from addresses(one.url_patterns, route)
        else:
            yield one.name or "", route


def plain(route):
    """A route with parameters as ``<name>``, whatever it was written in."""
    route = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<\1>", route)
    return re.sub(r"<\w+:(\w+)>", r"<\1>", route.removeprefix("^").removesuffix("$"))


def noun_of(route):
    """The model an address is about, by where the admin puts it."""
    nouns = {f"{one._meta.app_label}/{one._meta.model_name}" for one in apps.get_models()}
    return next((part.partition("/")[2] for part in nouns if f"/{part}/" in f"/{route}"), None)


def fillings(world, name, route):
    """(kind of id, address) pairs: own, foreign, missing and malformed ids put into a route."""
    parameters = re.findall(r"<(\w+)>", route)
    if not parameters:
        return [("none", f"/{route}")]
    if parameters == ["app_label"]:
        return [("none", "/" + route.replace("<app_label>", label)) for label in ("orders", "auth")]
    if parameters == ["url"]:
        return [("none", "/" + route.replace("<url>", "no/such/page"))]
    if parameters == ["content_type_id", "object_id"]:
        return list(by_content_type(world, route))
    assert parameters in (["object_id"], ["id"], ["key"]), (
        f"{name}: the matrix knows no parameter {parameters}; teach it in tests/test_matrix.py"
    )
    return list(by_row(world, route, parameters[0]))


def by_row(world, route, parameter):
    noun = noun_of(route)
    assert noun in world.near.rows, f"{route}: the world holds no {noun}; add one in tests/world.py"
    near, far = (side.rows[noun] for side in (world.near, world.far))
    of = (lambda row: row.key) if parameter == "key" else (lambda row: row.pk)
    missing = UNKNOWN_KEY if not str(of(near)).isdecimal() else MISSING
    ids = [("near", of(near)), ("far", of(far)), ("missing", missing)]
    ids += [("malformed", one) for one in MALFORMED]
    return [(kind, "/" + route.replace(f"<{parameter}>", str(value))) for kind, value in ids]


def by_content_type(world, route):
    for noun in ("order", "account", "canceljob", "user"):
        row = world.far.rows[noun]
        content_type = ContentType.objects.get_for_model(row)
        address = route.replace("<content_type_id>", str(content_type.pk))
        yield "far", "/" + address.replace("<object_id>", str(row.pk))


def cells(world, kind):
    """Every (name, kind of id, address) of the site.

    ``MATRIX=whole`` in the environment tries ids that nothing has on everybody; otherwise two
    kinds of people stand for all.
    """
    is_whole = os.environ.get("MATRIX") == "whole" or kind in {"operator", "administrator"}
    for name, route in addresses():
        for ids, address in fillings(world, name, route):
            if is_whole or ids not in {"missing", "malformed"}:
                yield name, ids, address


def browser(world, person):
    """A browser in which this person is signed in, and the world as it stands then."""
    client = Client()
    if person is not None:
        client.force_login(person)
    world.state, world.tip = state_of(world), AuditRecord.objects.count()
    world.hidden = hidden_from(world, person)
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
    cookies = answer.cookies.output()
    said = [str(message) for message in get_messages(answer.wsgi_request)]
    return "\n".join([streamed.decode(errors="replace"), str(answer.headers), cookies, *said])


class Written(set):
    """The tables that statements change, as they run."""

    def __call__(self, execute, sql, params, many, context):
        change = re.match(r'\s*(?:INSERT\s.*?INTO|UPDATE|DELETE FROM) "?(\w+)', sql)
        if change:
            self.add(change[1])
        return execute(sql, params, many, context)


def paths_to_desk():
    """For each model of ours, the lookup that leads to its desk, or None."""
    for model in apps.get_app_config("orders").get_models():
        yield model, path_to_desk(model)


def path_to_desk(model, depth=3):
    if model is Desk:
        return "pk"
    links = [f for f in model._meta.concrete_fields if f.is_relation and f.related_model]
    for link in links:
        if link.related_model is Desk:
            return link.name
    for link in links if depth else ():
        if link.related_model is model:
            continue
        further = path_to_desk(link.related_model, depth - 1)
        if further:
            return f"{link.name}__{further}"
    return None


def state_of(world):
    """A hash of all rows of each desk, and of the people, as they stand now."""
    state = {"people": digest(apps.get_model("auth.User").objects.all())}
    state["errands"] = digest(Export.objects.all()) + digest(Verification.objects.all())
    for side in (world.near, world.far):
        parts = []
        for model, path in paths_to_desk():
            if path and not model.__name__.startswith("Audit"):  # records are looked at apart
                rows = model._default_manager.filter(**{path: side.desk.pk})
                parts.append(digest(rows))
        state[side.desk.name] = "".join(parts)
    return state


def digest(rows):
    rows = rows.order_by("pk").values_list()
    return hashlib.sha256(repr(list(rows)).encode()).hexdigest()


class Undo(Exception):
    """Raised to leave a cell as it was found."""


def attempt(world, client, method, address, data=None):
    """One cell: the answer, the tables it wrote to, the parts of the world it changed."""
    before, tip, cookies = world.state, world.tip, deepcopy(client.cookies)
    outcome = {}
    try:
        with transaction.atomic():
            tables = Written()
            with connection.execute_wrapper(tables):
                answer = getattr(client, method)(address, data or {})
            events = AuditRecord.objects.order_by("position").values_list("event", flat=True)[tip:]
            after = state_of(world) if tables - {"django_session"} else before
            outcome = {
                "answer": answer,
                "tables": tables,
                "events": set(events),
                "changed": {part for part in after if after[part] != before[part]},
            }
            raise Undo
    except Undo:
        client.cookies = cookies
        return outcome


IDLE = {
    "anonymous",
    "viewer",
    "deactivated",
}  # kinds of people who change nothing through any address
KINDS = [
    "anonymous",
    "viewer",
    "operator",
    "head",
    "auditor",
    "stranger",
    "head here, viewer there",
    "administrator",
    "deactivated",
]


@pytest.mark.parametrize("kind", KINDS)
def test_no_get_tells_of_a_foreign_desk_or_changes_anything(world, kind):
    person = world.people[kind]
    client, found = browser(world, person), []
    for _, ids, address in cells(world, kind):
        cell = attempt(world, client, "get", address)
        where = f"GET {address} ({ids})"
        found += [f"{where} {fault}" for fault in faults_of_get(world, person, cell)]
    assert found == []


def faults_of_get(world, person, cell):
    yield from spoken(world, person, cell)
    if not cell["tables"] <= WRITTEN_BY_GET:
        yield f"wrote {cell['tables']}"
    if not cell["events"] <= RECORDED_BY_GET:
        yield f"recorded {cell['events']}"
    if cell["changed"]:
        yield f"changed {cell['changed']}"


@pytest.mark.parametrize("kind", KINDS)
def test_no_post_acts_where_the_person_may_not(world, kind):
    person = world.people[kind]
    client, found, acted = browser(world, person), [], set()
    for name, ids, address in cells(world, kind):
        for side in (world.near, world.far) if ids in {"near", "none"} else (world.far,):
            cell = attempt(world, client, "post", address, world.payload(side))
            where = f"POST {address} ({name}, {ids}) naming {side.desk}"
            found += [f"{where} {fault}" for fault in spoken(world, person, cell)]
            acted |= {name for part in cell["changed"]}
            for part in cell["changed"]:
                if not may_change(world, person, name, part):
                    found.append(f"{where} changed {part}")
    assert found == []
    assert not acted if kind in IDLE else acted or kind == "auditor", f"{kind} did {acted}"


def spoken(world, person, cell):
    """What an answer says that it must not."""
    answer = cell["answer"]
    if answer.status_code >= 500:
        yield f"answered {answer.status_code}"
    text = told(answer)
    own_name = person.username if person else None
    for side in world.hidden:
        for word in side.words:
            if word != own_name and word in text:
                at = text.index(word)
                yield f"tells {word!r}: …{text[max(0, at - 80) : at + 40]}…"


def may_change(world, person, name, part) -> bool:
    """Whether this person may, through this address, change this part of the world."""
    if person is None or not person.is_active:
        return False
    if sees_everything(person) and name in RUN_BY_ADMINISTRATORS:
        return True
    if part == "people":
        return name in OWN_BUSINESS
    assert name in ACTS or name in RUN_BY_ADMINISTRATORS, (
        f"{name} changes rows: say in tests/test_matrix.py which right it asks for"
    )
    if name not in ACTS:
        return False
    if part == "errands":
        return rights.holds(person, ACTS[name])
    desks = Desk.objects.allowing(person, ACTS[name])
    return desks.filter(name=part).exists()

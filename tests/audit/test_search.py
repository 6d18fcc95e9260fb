"""The log is found by any filter and any pair of them, whichever index leads to it."""

import itertools
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from orders.audit import log as audit_log
from orders.audit import search
from orders.models import AuditRecord, AuditRecordOrder, Event, Membership
from orders.panic import decision
from orders.panic.guard import arming
from tests.helpers.guards import new_guard
from tests.helpers.screens import page, signed_in, url

START = datetime(2199, 3, 1, tzinfo=UTC)  # newer than the firm's own founding
SINCE = START - timedelta(hours=1)
CLOIDS = ["f47ac10b-58cc-4372-a567-0e02b2c3d479", None]


def log(firm, count=40):
    """Records of two desks by two people, a minute apart; every tenth recorded late."""
    for n in range(count):
        who = [firm.operator, firm.head][n % 2]
        actor = audit_log.Actor(who.pk, who.username, address=f"10.0.0.{n % 4}")
        symbols = ["BTC", "ETH", "kBONK"][: 1 + n % 4 if n % 3 else 0]
        lines = tuple(
            audit_log.OrderLine(firm.account.pk, symbol, 700 + n % 4, CLOIDS[n % 2])
            for symbol in symbols
        )
        about = {"account": firm.account, "lines": lines} if n % 3 else {"desk": firm.basis}
        event = [Event.REQUEST, Event.ANSWER, Event.OUTCOME][n % 3]
        late = timedelta(minutes=50) if n % 10 == 9 else timedelta()
        at = START + timedelta(minutes=n) - late
        outcome = ["cancelled", "", "filled"][n % 3]
        audit_log.record(audit_log.Fact(event, actor, at=at, outcome=outcome, **about))


def fits(record, name, value):
    """What a part of a query means, told without an index."""
    rows = AuditRecordOrder.objects.filter(record=record)
    cloids = set(rows.values_list("client_order_id", flat=True))
    return {
        "operator": lambda: record.operator_name == value,
        "desk": lambda: record.desk_id == value,
        "desks": lambda: record.desk_id in value,
        "account": lambda: record.account_id == value,
        "symbol": lambda: value in rows.values_list("symbol", flat=True),
        "order": lambda: value in {*map(str, rows.values_list("order_id", flat=True)), *cloids},
        "event": lambda: record.event == value,
        "outcome": lambda: record.outcome == value,
        "address": lambda: record.address == value,
        "from": lambda: record.at >= datetime.fromisoformat(value),
        "to": lambda: record.at < datetime.fromisoformat(value),
    }[name]()


@pytest.mark.parametrize("many", [3, 1000])
def test_every_filter_and_every_pair_finds_exactly_what_fits(firm, many):
    limits = search.Limits(many=many, few=many // 2, several=2)
    log(firm)
    asked = {
        "operator": [firm.operator.username],
        "desk": [firm.momentum.pk],
        "desks": [[firm.momentum.pk, firm.basis.pk], [firm.basis.pk]],
        "account": [firm.account.pk],
        "symbol": ["BTC", "kBONK"],
        "order": ["703", CLOIDS[0]],
        "event": ["answer"],
        "outcome": ["cancelled"],
        "address": ["10.0.0.3"],
        "from": ["2199-03-01T00:30:00+00:00"],
        "to": ["2199-03-01T00:12:00+00:00"],
    }
    records = list(AuditRecord.objects.filter(at__gte=SINCE))
    parts = [(name, value) for name, values in asked.items() for value in values]
    truth = {part: {r.pk for r in records if fits(r, *part)} for part in map(_key, parts)}
    assert all(len(found) > 0 for found in truth.values())
    with CaptureQueriesContext(connection) as caught:
        for one, other in itertools.combinations_with_replacement(parts, 2):
            if one == other or one[0] != other[0]:
                found = search.matching(dict([one, other]), limits=limits).filter(at__gte=SINCE)
                pks = set(found.values_list("pk", flat=True))
                assert pks == truth[_key(one)] & truth[_key(other)]
    asked_sql = " ".join(query["sql"] for query in caught)
    assert {str(many), "2"} <= set(re.findall(r"LIMIT (\d+)\)", asked_sql))
    names_records = re.search(r'"position" IN \(\d', asked_sql) is not None
    assert names_records is (many == 1000)


def _key(part):
    name, value = part
    return name, tuple(value) if isinstance(value, list) else value


def test_the_rarest_condition_leads_and_the_others_try_no_index(firm):
    log(firm)
    query = {"operator": firm.head.username, "address": "10.0.0.3"}  # 20 and 10 records
    checked = '+"orders_auditrecord"."operator_id" ='
    checked = checked if connection.vendor == "sqlite" else checked.removeprefix("+")

    def asked(query, few=search.LIMITS.few):
        limits = search.Limits(many=15, few=few)
        with CaptureQueriesContext(connection) as caught:
            assert search.matching(query, limits=limits).exists()
        return caught[-1]["sql"]

    assert '"position" IN (' in asked(query)
    assert '"orders_auditrecord"."address" = ' in asked(query, few=1)
    assert checked in asked(query, few=1)
    common, rare = ({"operator": firm.head.username, "symbol": name} for name in ("BTC", "kBONK"))
    assert "EXISTS(SELECT" in asked(common, few=1)
    assert '"position" IN (SELECT' in asked(rare, few=1)


@pytest.mark.parametrize(
    "query",
    [
        {"from": "yesterday"},
        {"to": "0001-01-01T00:00"},
        {"job": "1x"},
        {"job": str(2**63)},
        {"job": "-1"},
        {"symbol": "B\0"},
        {"operator_name": "olivia"},
    ],
)
def test_a_query_that_cannot_be_read_is_refused(db, query):
    with pytest.raises(search.BadQuery):
        search.matching(query)


def test_the_page_says_so_and_shows_nothing_where_a_time_cannot_be_read(firm):
    text = page(signed_in(firm.auditor), "orders_auditrecord_changelist", **{"from": "soon"})
    assert "is no date and time" in text
    assert "No record fits" in text


@pytest.mark.parametrize(("most", "said"), [(1000, "40 audit records"), (39, "39 or more audit")])
def test_a_list_says_where_its_count_stops(firm, monkeypatch, most, said):
    monkeypatch.setattr("orders.admin.shared.pages.MAX_COUNTED", most)
    log(firm)
    query = {"from": f"{SINCE:%Y-%m-%dT%H:%M}"}
    viewer = firm.person("ada", firm.basis, "auditor")
    Membership.objects.create(user=viewer, desk=firm.momentum, role="auditor")
    assert said in page(signed_in(viewer), "orders_auditrecord_changelist", **query)


def test_pages_follow_each_other_without_gap(firm, monkeypatch):
    monkeypatch.setattr("orders.admin.audit.record_pages.AuditRecordAdmin.list_per_page", 7)
    log(firm, count=20)
    browser, seen = signed_in(firm.administrator), []
    for number in range(1, 4):
        query = {"p": number, "from": f"{SINCE:%Y-%m-%dT%H:%M}"}
        answer = browser.get(url("orders_auditrecord_changelist"), query)
        seen += [row.pk for row in answer.context["cl"].result_list]
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 20


def test_after_a_rename_a_persons_records_are_found_apart_from_a_namesakes(firm):
    old, new = "olivia", "olga"
    audit_log.record(audit_log.Fact(Event.LOGIN, firm.actor()))
    firm.operator.username = new
    firm.operator.save()
    changed = {"user": new, "changed": {"username": [old, new]}}
    audit_log.record(
        audit_log.Fact(Event.USER_CHANGED, firm.actor(firm.administrator), data=changed)
    )
    audit_log.record(audit_log.Fact(Event.LOGOUT, firm.actor()))
    namesake = firm.person(old, firm.momentum, "operator")
    audit_log.record(audit_log.Fact(Event.LOGIN, firm.actor(namesake)))

    def found(name):
        rows = search.matching({"operator": name}).order_by("position")
        return list(rows.values_list("operator_id", "event"))

    assert found(new) == [(firm.operator.pk, "login"), (firm.operator.pk, "logout")]
    assert found(old) == [(namesake.pk, "login")]


def test_the_link_on_a_persons_page_finds_what_they_did_under_every_name(firm):
    audit_log.record(audit_log.Fact(Event.LOGIN, firm.actor(), desk=firm.momentum))
    firm.operator.username = "olga"  # by whatever way: the log need not tell of it
    firm.operator.save()
    namesake = firm.person("olivia", firm.momentum, "operator")
    audit_log.record(audit_log.Fact(Event.LOGOUT, firm.actor(namesake), desk=firm.momentum))
    admin = signed_in(firm.administrator)
    shown = page(admin, "auth_user_change", firm.operator.pk)
    (query,) = re.findall(r'auditrecord/\?(operator=[^"]+)"', shown)
    listed = page(admin, "orders_auditrecord_changelist", **dict([query.split("=")]))
    assert "olivia signed in from" in listed and "signed out" not in listed


def test_a_panic_is_found_by_its_one_account_and_its_symbol(firm):
    firm.order()
    about = {"user": firm.operator, "actor": firm.actor(), "desk_id": firm.momentum.pk}
    decision.record_panic(**about, symbol="BTC")
    for query in ({"account": firm.account.pk}, {"symbol": "BTC"}):
        assert Event.PANIC in set(search.matching(query).values_list("event", flat=True))


def test_what_befell_a_guard_is_found_by_its_account(firm):
    guard = new_guard(firm, account=firm.account)
    about = {"user": firm.head, "actor": firm.actor(firm.head), "reason": "bot retired"}
    arming.disarm(**about, guard_id=guard.pk)
    found = search.matching({"account": firm.account.pk}).values_list("event", flat=True)
    assert Event.GUARD_DISARMED in set(found)

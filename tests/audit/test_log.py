"""The log: chained, append-only in the database, byte for byte, and checkable."""

import hashlib
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.models.deletion import ProtectedError
from django.utils.timezone import now as clock
from hypothesis import given
from hypothesis import strategies as st
from solders.keypair import Keypair

from orders.audit import hashing, log
from orders.cancels import requests
from orders.evidence import checkpoints, verify
from orders.models import AuditPayload, AuditRecord, AuditRecordOrder, Cancel, Event
from orders.models.append_only import TABLES, TRIGGERS, missing_triggers


@pytest.fixture(autouse=True)
def _database(request):
    request.getfixturevalue("committing_db" if "committing_db" in request.fixturenames else "db")


def append(count=1, **fields):
    facts = [
        log.Fact(Event.LOGIN, log.Actor(operator_name=f"n{i}"), **fields) for i in range(count)
    ]
    return records_at(log.record(*facts))


def records_at(positions):
    return list(AuditRecord.objects.filter(pk__in=positions).order_by("position"))


def faults():
    return verify.verify().faults


def refused(act):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        act()


def sql(statement, params=()):
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def test_each_record_names_the_one_before_it():
    first, second = append(2)
    assert (first.position, second.position) == (1, 2)
    assert first.previous_hash == hashing.FIRST_HASH
    assert second.previous_hash == first.hash
    assert faults() == []


TEXTS = st.text(st.characters(codec="utf-8") | st.sampled_from('",:{}\\')) | st.sampled_from(
    ['","position":7', '"position":', "}", "{", "", "\x00"]
)
VALUES = st.fixed_dictionaries(dict.fromkeys(hashing.COVERED, TEXTS | st.integers() | st.none()))
ROWS = st.lists(st.tuples(*[TEXTS | st.none()] * len(hashing.COVERED_OF_ROW)), max_size=3)


@given(VALUES, ROWS, st.integers(1, 2**63 - 1))
def test_a_hash_begun_before_the_position_is_known_is_the_same(values, rows, position):
    values |= {"at": clock(), "position": position}
    assert hashing.Content(values, rows).hash_at(position) == hashing.content_hash(values, rows)


def test_a_rolled_back_record_leaves_no_gap():
    append()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        log.append(log.Fact(Event.LOGIN))
        raise ZeroDivisionError
    append()
    assert list(AuditRecord.objects.order_by("position").values_list("position", flat=True)) == [
        1,
        2,
    ]
    assert faults() == []


def test_a_fact_needs_a_transaction(committing_db):
    with pytest.raises(log.OutsideTransaction):
        log.append(log.Fact(Event.LOGIN))


def test_the_database_refuses_every_change_of_a_record(firm):
    line = log.OrderLine(account_id=firm.account.pk, symbol="BTC", order_id=1)
    (record,) = append(body=b"bytes", lines=(line,))
    refused(lambda: AuditRecord.objects.filter(pk=record.pk).update(operator_name="x"))
    refused(lambda: AuditRecordOrder.objects.filter(record=record).update(symbol="x"))
    refused(lambda: AuditPayload.objects.filter(pk=record.pk).update(body=b"x"))
    checkpoints.make()
    for table in TABLES:
        refused(lambda table=table: sql(f"DELETE FROM {table}"))


def test_replace_cannot_slip_past_the_triggers():
    if connection.vendor != "sqlite":
        pytest.skip("REPLACE is SQLite's")
    (record,) = append(body=b"bytes")
    refused(
        lambda: sql(
            "INSERT OR REPLACE INTO orders_auditpayload (record_id, body) VALUES (%s, %s)",
            [record.pk, b"x"],
        )
    )
    columns = [f.column for f in AuditRecord._meta.concrete_fields]
    names = ", ".join(columns)
    refused(
        lambda: sql(
            f"INSERT OR REPLACE INTO orders_auditrecord ({names}) "
            f"SELECT {names} FROM orders_auditrecord WHERE position = %s",
            [record.pk],
        )
    )


@pytest.mark.parametrize("moved", ["id", "row"])
def test_replace_cannot_push_an_order_row_out_by_either_of_its_keys(firm, moved):
    if connection.vendor != "sqlite":
        pytest.skip("REPLACE is SQLite's")
    line = log.OrderLine(account_id=firm.account.pk, symbol="BTC", order_id=1)
    append(lines=(line,))
    names = [f.column for f in AuditRecordOrder._meta.concrete_fields]
    values = [f"{name} + 7" if name == moved else name for name in names]
    refused(
        lambda: sql(
            f"INSERT OR REPLACE INTO orders_auditrecordorder ({', '.join(names)}) "
            f"SELECT {', '.join(values)} FROM orders_auditrecordorder"
        )
    )


def test_truncate_is_refused():
    if connection.vendor != "postgresql":
        pytest.skip("TRUNCATE is PostgreSQL's")
    refused(lambda: sql("TRUNCATE orders_auditpayload"))


def test_a_second_role_can_add_records_but_change_none_even_without_triggers(firm):
    if connection.vendor != "postgresql":
        pytest.skip("roles are PostgreSQL's")
    tamper("CREATE ROLE desk_app_of_tests")
    sql("GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO desk_app_of_tests")
    sql("GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO desk_app_of_tests")
    sql(f"REVOKE UPDATE, DELETE, TRUNCATE ON {', '.join(TABLES)} FROM desk_app_of_tests")
    sql("SET LOCAL ROLE desk_app_of_tests")
    line = log.OrderLine(account_id=firm.account.pk, symbol="BTC", order_id=1)
    append(5, body=b"bytes", lines=(line,))
    for statement in ("UPDATE {} SET account_id = 1", "DELETE FROM {}", "TRUNCATE {}"):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            sql(statement.format("orders_auditrecordorder"))


def test_the_migrated_schema_has_every_trigger():
    assert missing_triggers(connection) == []


def test_a_lost_trigger_is_noticed():
    table, name = next(iter(TABLES)), TRIGGERS[connection.vendor][0]
    on = f" ON {table}" if connection.vendor == "postgresql" else ""
    sql(f"DROP TRIGGER {table}_{name}{on}")
    assert missing_triggers(connection) == [f"{table}_{name}"]


def tamper(statement, params=()):
    """As a database superuser would: past the triggers."""
    for table in TABLES:
        for name in TRIGGERS[connection.vendor]:
            on = f" ON {table}" if connection.vendor == "postgresql" else ""
            sql(f"DROP TRIGGER IF EXISTS {table}_{name}{on}")
    sql(statement, params)


@pytest.mark.parametrize(
    ("statement", "position"),
    [
        ("UPDATE orders_auditrecord SET operator_name = 'x' WHERE position = 2", 2),
        ("UPDATE orders_auditrecord SET at = '2020-01-01' WHERE position = 2", 2),
        ("UPDATE orders_auditrecordorder SET symbol = 'x' WHERE record_id = 2", 2),
        ("DELETE FROM orders_auditrecordorder WHERE record_id = 2", 2),
        ("DELETE FROM orders_auditpayload WHERE record_id = 2", 2),
    ],
)  # fmt: skip
def test_tampering_is_found_and_named(firm, statement, position):
    start = AuditRecord.objects.count()
    line = log.OrderLine(account_id=firm.account.pk, symbol="BTC", order_id=1)
    append(3, body=b"bytes", lines=(line,))
    at = start + position
    tamper(statement.replace("= 2", f"= {at}"))
    assert faults()
    assert faults()[0].position == at


@pytest.mark.parametrize(
    "ugly",
    [b"\x00nul", b"\xff\xfe not utf-8", b'"\\ud800"', b"", b"x" * (5 * 1024 * 1024)],
    ids=["nul", "bytes", "surrogate", "empty", "5 MB"],
)
def test_an_ugly_answer_is_kept_byte_for_byte_up_to_64_kib(ugly):
    (record,) = append(body=ugly, data={"text": "\x00\ud800"})
    stored = AuditRecord.objects.select_related("payload").get(pk=record.pk)
    assert bytes(stored.payload.body) == ugly[: 64 * 1024]
    assert stored.body_length == len(ugly)
    assert stored.body_sha256 == hashlib.sha256(ugly).hexdigest()
    assert faults() == []


def test_who_stands_in_the_log_cannot_be_deleted(firm):
    log.record(log.Fact(Event.LOGIN, firm.actor(), account=firm.account))
    with pytest.raises(ProtectedError):
        firm.operator.delete()


def test_a_cancel_that_the_log_names_cannot_be_deleted(firm):
    requests.cancel_orders(
        user=firm.operator, actor=firm.actor(), order_ids=[one.pk for one in firm.orders(2)]
    )
    with pytest.raises(ProtectedError):
        Cancel.objects.all().delete()
    with pytest.raises(DatabaseError, match="never deleted"), transaction.atomic():
        sql("DELETE FROM orders_cancel")


def test_renaming_changes_no_record(firm):
    (record,) = records_at(log.record(log.Fact(Event.LOGIN, firm.actor(), account=firm.account)))
    firm.operator.username = firm.account.name = firm.momentum.name = "renamed"
    for row in (firm.operator, firm.account, firm.momentum):
        row.save()
    record.refresh_from_db()
    assert (record.operator_name, record.account_name) == ("olivia", "Alpha")
    assert faults() == []


NO_JSON = {
    "a key": Keypair.from_seed(bytes(32)),
    "a public key": Keypair.from_seed(bytes(32)).pubkey(),
    "bytes": b"hush",
    "a set": {"hush"},
    "a time": datetime(2026, 11, 28, tzinfo=UTC),
    "a decimal": Decimal("1.5"),
    "a uuid": uuid.uuid4(),
    "no number": float("nan"),
    "an error": ValueError("hush"),
}


@pytest.mark.parametrize("value", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_is_never_recorded_by_its_text(value):
    for data in ({"x": value}, {"x": [1, {"y": value}]}):
        with pytest.raises(hashing.NotJson) as refused:
            hashing.compact(data)
        assert str(value) not in str(refused.value)


def test_a_time_stands_in_the_log_as_it_always_did():
    at = datetime(2026, 11, 28, 1, 2, 3, 4, tzinfo=UTC)
    assert hashing.moment(at) == "2026-11-28 01:02:03.000004+00:00"
    assert hashing.moment(None) is None
    with pytest.raises(hashing.NotJson):
        hashing.spelled(Keypair.from_seed(bytes(32)))


def test_nothing_in_the_code_makes_text_of_whatever_it_is_given():
    root = Path(hashing.__file__).parent.parent
    assert [path for path in root.rglob("*.py") if "default=str" in path.read_text()] == []

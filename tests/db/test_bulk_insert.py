"""Many rows at once, past the models."""

import pytest
from django.db import connection
from django.utils import timezone

from orders.audit import log
from orders.models import CreditPool, Event, bulk_insert

COLUMNS = ("name", "quota", "spent", "in_flight", "taken_at")


def pools(count, now):
    return [(f"pool {n}", 100 + n, "{}", 0, now if n % 2 else None) for n in range(count)]


@pytest.mark.parametrize("count", [0, 1, 3, 4, 10])
def test_every_row_is_inserted_however_many_statements_it_takes(db, count):
    now = timezone.now()
    limits = bulk_insert.Limits(at_once=3)
    bulk_insert.insert(CreditPool, COLUMNS, pools(count, now), limits=limits)
    found = CreditPool.objects.order_by("pk").values_list("name", "quota", "taken_at")
    assert list(found) == [(row[0], row[1], row[4]) for row in pools(count, now)]


def test_a_statement_holds_no_more_values_than_the_library_takes(db, monkeypatch):
    monkeypatch.setattr(connection.features, "max_query_params", 12)
    bulk_insert.insert(CreditPool, COLUMNS, pools(7, None))
    assert CreditPool.objects.count() == 7


def test_the_rows_of_a_record_go_in_as_one_statement(firm, monkeypatch):
    """SQLite copies each page that a statement changes: one a row would copy most of them twice."""
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL takes them by COPY")
    real, made = bulk_insert._statement, []

    def watched(into, mark, columns, rows):
        made.append((into.split()[0], len(rows)))
        return real(into, mark, columns, rows)

    monkeypatch.setattr(bulk_insert, "_statement", watched)
    account = {"account_id": firm.account.pk, "symbol": "BTC"}
    lines = tuple(log.OrderLine(order_id=n, **account) for n in range(1, 51))
    log.record(log.Fact(Event.SYNC, lines=lines))
    assert made == [("orders_auditrecord", 1), ("orders_auditrecordorder", 50)]


@pytest.mark.parametrize("count", [2, 10])
def test_a_row_whose_unique_values_are_taken_is_left_out_on_request(db, count):
    CreditPool.objects.create(name="pool 1", quota=1, spent="{}", in_flight=0)
    bulk_insert.insert(CreditPool, COLUMNS, pools(count, None), skips_taken=True)
    assert CreditPool.objects.count() == count
    assert CreditPool.objects.get(name="pool 1").quota == 1

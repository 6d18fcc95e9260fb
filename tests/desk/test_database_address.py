"""The database's address: read whole or refused by name, and what workers prepare."""

from types import SimpleNamespace

import pytest
from django.db import connection

from desk.databases import HOT_ONLY, LOOKS_FOR_SERVER, database, prepare_statements
from orders.models import CancelJob
from orders.models.prepared import ALL, Prepared
from tests.desk.test_settings import refusal

ADDRESS = "postgres://desk:x@127.0.0.1/desk"
OPTIONS = ["pool=true", "atomic_requests=true", "autocommit=false", "poll=1", "prepare_threshold=x"]


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_of_the_database_that_nothing_knows_is_refused(tmp_path, option):
    assert refusal(tmp_path, DATABASE_URL=f"{ADDRESS}?{option}").startswith("DATABASE_URL: ")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite://:memory:", "sqlite:///d?x=1"])
def test_sqlite_takes_a_file_and_nothing_else(tmp_path, url):
    assert refusal(tmp_path, DATABASE_URL=url).startswith("DATABASE_URL: SQLite takes a file")


def options_of_a_worker(monkeypatch, url):
    """The options with which a worker opens this database."""
    given = {"default": database(url)}
    monkeypatch.setattr("desk.databases.connections", SimpleNamespace(settings=given))
    prepare_statements()
    return given["default"]["OPTIONS"]


def test_a_worker_prepares_what_it_asks_often_unless_the_address_forbids_it(monkeypatch):
    assert database(ADDRESS)["OPTIONS"] == LOOKS_FOR_SERVER
    prepared = options_of_a_worker(monkeypatch, ADDRESS)
    assert prepared == LOOKS_FOR_SERVER | {"server_side_binding": True, "prepare_threshold": 2}
    pooled = f"{ADDRESS}?prepare_threshold=none&sslmode=require"
    assert database(pooled)["DISABLE_SERVER_SIDE_CURSORS"]
    forbidden = options_of_a_worker(monkeypatch, pooled)
    assert forbidden == LOOKS_FOR_SERVER | {"prepare_threshold": None, "sslmode": "require"}


def test_an_address_may_name_several_hosts_and_wait_otherwise():
    several = "postgres://desk:x@db1:5432,db2:5433/desk?target_session_attrs=read-write"
    found = database(f"{several}&connect_timeout=9")
    assert (found["HOST"], found["PORT"]) == ("db1,db2", "5432,5433")
    given = {"target_session_attrs": "read-write", "connect_timeout": 9}
    assert found["OPTIONS"] == LOOKS_FOR_SERVER | given


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL prepares statements")
def test_the_web_prepares_its_hot_queries_alone(db, monkeypatch):
    hot = Prepared(lambda pk: CancelJob.objects.filter(pk=pk).values_list("pk"), pk=(1, 2))
    ALL.pop()
    connection.ensure_connection()
    monkeypatch.setattr(connection.connection, "prepare_threshold", HOT_ONLY)
    for number in range(7):
        hot(pk=number)
        list(CancelJob.objects.filter(pk=number).values_list("reason"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        told = "".join(statement for (statement,) in cursor.fetchall())
    assert 'SELECT "orders_canceljob"."id" AS "pk" FROM "orders_canceljob" WHERE' in told
    assert 'SELECT "orders_canceljob"."reason" AS "reason" FROM' not in told


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL prepares statements")
def test_a_statement_that_a_worker_asks_often_is_prepared(db):
    for number in range(7):
        list(CancelJob.objects.filter(pk=number))
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        assert any("orders_canceljob" in statement for (statement,) in cursor.fetchall())

"""The database's address: read whole or refused by name, and what workers prepare."""

import socket
import time
from types import SimpleNamespace

import psycopg
import pytest
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections

from desk import databases
from desk.databases import LOOKS_FOR_CLIENT, LOOKS_FOR_SERVER, database, prepare_statements
from orders.models import CancelJob
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


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no hosts")
def test_a_server_that_takes_a_connection_and_says_nothing_is_given_up_soon(db):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        given = connection.get_connection_params()
        given |= {"host": "127.0.0.1", "port": silent.getsockname()[1]}
        begun = time.monotonic()
        with pytest.raises(psycopg.OperationalError):
            connection.Database.connect(**given)
        assert time.monotonic() - begun < 10


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no hosts")
def test_the_server_looks_for_a_client_whose_host_may_be_gone(db):
    if connection.get_connection_params()["host"].startswith("/"):
        pytest.skip("a socket of this machine has no other host")
    with connection.cursor() as cursor:
        for name, value in LOOKS_FOR_CLIENT.items():
            cursor.execute("SELECT setting::int FROM pg_settings WHERE name = %s", [name])
            assert cursor.fetchone() == (value,)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no hosts")
def test_behind_a_pooler_that_shares_connections_nothing_is_set(db, monkeypatch):
    kept = connection.copy()
    monkeypatch.setitem(kept.settings_dict["OPTIONS"], "prepare_threshold", None)
    with kept.cursor() as cursor:
        cursor.execute("SELECT setting::int FROM pg_settings WHERE name = 'tcp_keepalives_count'")
        (count,) = cursor.fetchone()
    kept.close()
    assert count != LOOKS_FOR_CLIENT["tcp_keepalives_count"]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL prepares statements")
def test_a_statement_that_a_worker_asks_often_is_prepared(db):
    for number in range(7):
        list(CancelJob.objects.filter(pk=number))
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        assert any("orders_canceljob" in statement for (statement,) in cursor.fetchall())


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("connection refused\n\tIs the server running?", "OperationalError: connection refused"),
        ("", "OperationalError"),
        ("no password hush-hush for desk", "OperationalError"),
        ("bad words: host=db password=other", "OperationalError"),
        ("cannot read postgres://desk:other@db/desk", "OperationalError"),
        ("password authentication failed", "OperationalError: password authentication failed"),
        ("x" * 999, "OperationalError: " + "x" * databases.MAX_REASON),
    ],
)
def test_the_reason_of_a_fault_is_one_line_without_the_password(monkeypatch, said, told):
    ours = connections.settings[DEFAULT_DB_ALIAS]
    monkeypatch.setitem(ours, "PASSWORD", "hush-hush")
    assert databases.reason_of(OperationalError(said)) == told

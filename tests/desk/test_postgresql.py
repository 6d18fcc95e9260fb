"""A database on several hosts: who is asked first, and how soon one that is gone is given up."""

import socket
import time

import psycopg
import pytest
from django.db import connection

from desk.databases import LOOKS_FOR_CLIENT
from desk.postgresql import base

needs_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has no hosts"
)
SEVERAL = {"host": "a,b,c", "port": "1,2,3", "target_session_attrs": "read-write"}


@pytest.fixture
def silent():
    """A server that takes connections and says nothing; its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def given(**changes):
    """How the test's database is reached, by a number of its host."""
    found = connection.get_connection_params() | changes
    if found["host"].startswith("/"):
        pytest.skip("a socket of this machine has no other host")
    return found


def test_the_server_found_last_is_asked_first():
    assert base.found_first(SEVERAL, ("b", "2")) == {"host": "b,a,c", "port": "2,1,3"}
    without_ports = SEVERAL | {"port": ""}
    assert base.found_first(without_ports, ("c", "5432"))["host"] == "c,a,b"


@pytest.mark.parametrize(
    ("changes", "found"),
    [({}, None), ({}, ("gone", "2")), ({"target_session_attrs": "any"}, ("b", "2"))],
)
def test_else_the_address_tells_who_is_asked_first(changes, found):
    assert base.found_first(SEVERAL | changes, found) == {}


@needs_postgresql
def test_a_host_that_is_gone_delays_one_connection_and_not_the_next(db, silent, monkeypatch):
    monkeypatch.setattr(base, "_found", None)
    real = given()
    real["host"] = f"{real['host']},{real['host']}"
    real["port"] = f"{silent},{real.get('port') or 5432}"
    real["target_session_attrs"] = "read-write"
    took_s = []
    for _ in range(2):
        begun = time.monotonic()
        connection.get_new_connection(real).close()
        took_s.append(time.monotonic() - begun)
    assert took_s[0] > 1.5 > took_s[1]


@needs_postgresql
def test_a_server_that_takes_a_connection_and_says_nothing_is_given_up_soon(db, silent):
    begun = time.monotonic()
    with pytest.raises(psycopg.OperationalError):
        connection.Database.connect(**given(port=silent))
    assert time.monotonic() - begun < 10


@needs_postgresql
def test_the_server_looks_for_a_client_whose_host_may_be_gone(db):
    given()
    with connection.cursor() as cursor:
        for name, value in LOOKS_FOR_CLIENT.items():
            cursor.execute("SELECT setting::int FROM pg_settings WHERE name = %s", [name])
            assert cursor.fetchone() == (value,)


@needs_postgresql
def test_behind_a_pooler_that_shares_connections_nothing_is_set(db, monkeypatch):
    kept = connection.copy()
    monkeypatch.setitem(kept.settings_dict["OPTIONS"], "prepare_threshold", None)
    with kept.cursor() as cursor:
        cursor.execute("SELECT setting::int FROM pg_settings WHERE name = 'tcp_keepalives_count'")
        (count,) = cursor.fetchone()
    kept.close()
    assert count != LOOKS_FOR_CLIENT["tcp_keepalives_count"]

"""A look that costs nothing tells whether a look that costs something is worth it."""

import threading

import pytest
from django.db import connection, connections

from orders.models import Sender
from orders.models.database_version import database_version
from tests.management.test_sweep import now

pytestmark = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="PostgreSQL has nothing of the kind"
)


def commit_elsewhere():
    def act():
        seen = {"kind": "sweep", "started_at": now(), "seen_at": now()}
        Sender.objects.update_or_create(name="elsewhere", defaults=seen)
        connections.close_all()

    other = threading.Thread(target=act)
    other.start()
    other.join()


def test_a_commit_of_another_connection_changes_it(committing_db):
    before = database_version()
    assert database_version() == before
    commit_elsewhere()
    assert database_version() not in {before, None}


def test_a_new_connection_is_no_proof_that_nothing_changed(committing_db):
    before = database_version()
    connection.close()
    assert database_version() != before


def test_where_the_engine_tells_nothing_it_is_none(committing_db, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(type(connections["default"]), "vendor", "postgresql")
        assert database_version() is None

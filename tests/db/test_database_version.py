"""A look that costs nothing tells whether a look that costs something is worth it."""

import threading

import pytest
from django.db import connection, connections

from orders.models import Sender
from orders.models.database_version import ChangeWatch, database_version
from tests.management.test_sweep import now

pytestmark = pytest.mark.skipif(
    connection.vendor != "sqlite", reason="PostgreSQL has nothing of the kind"
)


class Seconds:
    """A clock that stands until it is told to go on."""

    at = 0.0

    def __call__(self):
        return self.at


def commit_elsewhere():
    def act():
        seen = {"kind": "sweep", "started_at": now(), "seen_at": now()}
        Sender.objects.update_or_create(name="elsewhere", defaults=seen)
        connections.close_all()

    other = threading.Thread(target=act)
    other.start()
    other.join()


def test_a_commit_of_another_connection_makes_a_look_due_at_once(committing_db):
    change = ChangeWatch(0.5, Seconds())
    assert [change.is_due(), change.is_due()] == [True, False]
    commit_elsewhere()
    assert [change.is_due(), change.is_due()] == [True, False]


def test_a_look_is_due_after_its_time_though_nobody_committed(committing_db):
    seconds = Seconds()
    change = ChangeWatch(0.5, seconds)
    assert change.is_due()
    seconds.at = 0.49
    assert not change.is_due()
    seconds.at = 0.5
    assert change.is_due()


def test_a_new_connection_is_no_proof_that_nothing_changed(committing_db):
    change = ChangeWatch(0.5, Seconds())
    assert change.is_due()
    connection.close()
    assert change.is_due()


def test_where_the_engine_tells_nothing_every_look_is_due(committing_db, monkeypatch):
    change = ChangeWatch(0.5, Seconds())
    with monkeypatch.context() as patch:
        patch.setattr(type(connections["default"]), "vendor", "postgresql")
        assert database_version() is None
        assert [change.is_due(), change.is_due()] == [True, True]

"""What the tests stand on: a migrated database, the paper exchange, a small firm."""

import gc
import itertools
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing, contextmanager
from pathlib import Path

import hypothesis
import pytest
from django.conf import settings
from django.db import connection, connections
from django.test.utils import teardown_databases

from desk.databases import prepare_statements
from orders.audit import log
from orders.exchange import client
from orders.panic import readback
from tests.helpers import migrated, plain_words, unrecorded
from tests.helpers.firm import Firm, Founded
from tests.helpers.paper import paper_exchange
from tests.helpers.terminal import run

__all__ = ["paper_exchange", "run"]

# How long a machine with other work takes to draw an example says nothing of the product.
# The same examples each time: what failed fails again. `--hypothesis-profile=search` draws others.
_BUSY = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("search", **_BUSY)
hypothesis.settings.register_profile("repeat", derandomize=True, **_BUSY)
hypothesis.settings.load_profile("repeat")


def pytest_collection_modifyitems(items):
    """Mark what touches the database: the rest is the same on each engine."""
    for item in items:
        if _TOUCHES & set(item.fixturenames) or item.get_closest_marker("django_db"):
            item.add_marker("database")


_TOUCHES = {"db", "committing_db", "django_db_setup", "transactional_db"}


@pytest.fixture
def short_path():
    """A folder of one's own in which a socket can be made: pytest's are too deep for that."""
    with tempfile.TemporaryDirectory(prefix="desk-") as folder:
        yield Path(folder)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """What is collected lives until the end: the garbage collector need not look at it.

    Nor at the rest as often as by default, which is a twentieth of the tests' work.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 10, 10)
        gc.enable()


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment, django_db_blocker, django_db_modify_db_settings, tmp_path_factory
):
    """The migrated test database, even where every chosen test has a copy of its own.

    pytest-django's makes none then, because no test asks for its fixture ``db``.
    """
    prepare_statements()  # as workers do: what PostgreSQL takes so, it takes from pages too
    with django_db_blocker.unblock():
        made = migrated.set_up(migrated.common_folder(tmp_path_factory))
        if connection.vendor == "sqlite":
            unrecorded.install(connection.connection)  # before any test's transaction: it stays
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture(autouse=True)
def _own_checkpoints(settings):
    """Each test's log is another one: checkpoints of one must not be held against the next."""
    settings.AUDIT_CHECKPOINT_FILE = str(settings.DATA_DIR / f"checkpoints-{next(_numbers)}.jsonl")


@pytest.fixture
def paper(paper_exchange, settings):
    """The paper exchange, empty, and the site pointed at it."""
    settings.PACIFICA_URL = paper_exchange.url
    settings.PACIFICA_STREAM_URL = paper_exchange.stream_url
    client.forget()
    yield paper_exchange
    client.forget()


@pytest.fixture
def quick_panic(monkeypatch):
    """A panic's deadline counts its pauses alone; the timings with it are `panics.QUICK`."""
    monkeypatch.setattr(readback, "time", _Pauses())


class _Pauses:
    """Time in which only what was waited on purpose counts, however slow the machine.

    Long pauses are counted whole and waited in part: nothing happens meanwhile that needs them.
    """

    LONGEST_S = 0.02

    def __init__(self):
        self._waited_s = 0

    def monotonic(self):
        return self._waited_s

    def sleep(self, seconds):
        time.sleep(min(seconds, self.LONGEST_S))
        self._waited_s += seconds


@pytest.fixture
def panic_of_one_pass(quick_panic, monkeypatch):
    """A panic gives up after one pass over what its first look found, however slow the machine."""
    monkeypatch.setattr(readback, "_Deadline", _OnePass)


class _OnePass:
    looks = 0

    def __init__(self, timings):
        """It counts looks, not seconds."""

    @property
    def is_over(self):
        self.looks += 1
        return self.looks > 1


@pytest.fixture
def firm(db, paper):
    """Two desks with people, accounts, agent wallets; orders come from the paper exchange."""
    return _founded(paper)


@pytest.fixture
def committing_firm(committing_db, paper):
    """The same firm in a database where commits are real, for tests with several threads."""
    return _founded(paper)


_first = []


def _founded(paper):
    if _first:
        return _first[0].again(paper)
    firm = Firm(paper)
    _first.append(Founded(firm))
    return firm


_numbers = itertools.count()


@pytest.fixture(scope="session")
def template(django_db_setup, django_db_blocker, tmp_path_factory):
    """The migrated database where copies are made from: a file on SQLite, a name elsewhere."""
    if connection.vendor != "sqlite":
        return settings.DATABASES["default"]["NAME"]
    file = tmp_path_factory.mktemp("database") / "template.sqlite3"
    with django_db_blocker.unblock(), closing(sqlite3.connect(file)) as target:
        connection.ensure_connection()
        connection.connection.backup(target)  # the one in memory is the tests' own
    return file


@pytest.fixture
def committing_db(template, django_db_blocker, tmp_path):
    """A database of its own, copied from the migrated one: append-only tables cannot be flushed."""
    with django_db_blocker.unblock():
        connection.close()
        copy = _copy_of(template, tmp_path)
        with connected_to(NAME=copy):
            yield copy
        _drop(copy)


@contextmanager
def connected_to(**about):
    """Within, this process uses another database, on another server where ``about`` names one."""
    usual, kept = connections.settings["default"], connections["default"]
    kept.close()  # but what stands in memory lives on
    connections.settings["default"] = usual | about
    connections["default"] = connections.create_connection("default")
    try:
        yield
    finally:
        connections.close_all()
        connections.settings["default"] = usual
        connections["default"] = kept


def _copy_of(template, tmp_path):
    if connection.vendor == "sqlite":
        return str(shutil.copy(template, tmp_path / "copy.sqlite3"))
    copy = f"{settings.DATABASES['default']['NAME']}_{next(_numbers)}"
    _administer(f'DROP DATABASE IF EXISTS "{copy}"')
    _administer(f"SELECT pg_terminate_backend(pid) {_KEPT} WHERE datname = '{template}'")
    _administer(f'CREATE DATABASE "{copy}" TEMPLATE "{template}"{_by_files()}')
    return copy


def _by_files():
    """PostgreSQL 15 and newer log each page of a copy otherwise, which is more work."""
    return " STRATEGY FILE_COPY" if connection.pg_version >= 150000 else ""


_KEPT = "FROM pg_stat_activity"  # a pooler keeps connections that nobody has any more


def _drop(copy):
    if connection.vendor == "postgresql":
        _administer(f'DROP DATABASE IF EXISTS "{copy}" WITH (FORCE)')


def _administer(statement):
    """Run a statement from PostgreSQL's own maintenance database."""
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)


@pytest.fixture(autouse=True)
def _every_change_is_recorded(request):
    """Whatever a test exercises: no order, cancel or job changes without its record."""
    if connection.vendor != "sqlite" or not {"db", "firm"} & set(request.fixturenames):
        yield
        return
    request.getfixturevalue("db")
    with unrecorded.watching(connection) as watch:
        yield
    assert watch.found == []


@pytest.fixture(autouse=True)
def _every_record_reads(monkeypatch):
    """Whatever a test has recorded: its sentence is one that a person can read."""
    real, found = log.append, []

    def append(*facts):
        found.extend(filter(None, map(plain_words.fault_of, facts)))
        return real(*facts)

    monkeypatch.setattr(log, "append", append)
    yield
    assert found == []

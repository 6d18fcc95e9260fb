"""The test database, migrated once for all workers of a run: it takes two seconds."""

import fcntl
import os
import sqlite3
from contextlib import closing, contextmanager

from django.db import connection
from django.test.utils import setup_databases


def set_up(folder):
    """Make this process's database; ``folder``: what the workers of a run have in common."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return _migrated()
    make = _in_memory if connection.vendor == "sqlite" else _on_a_server
    with alone(folder):
        return make(folder / "migrated")


def common_folder(tmp_path_factory):
    """What the workers of a run have in common; without workers, the run's own."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@contextmanager
def alone(folder):
    """Within, no other worker of this run is in such a block."""
    with (folder / "migrating").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _migrated(**about):
    return setup_databases(verbosity=0, interactive=False, **about)


def _in_memory(file):
    """The first worker leaves its database in ``file``, and the others begin with that."""
    is_first = not file.exists()
    with (
        closing(sqlite3.connect(_name(), uri=True)) as memory,
        closing(sqlite3.connect(file)) as kept,
    ):
        if not is_first:
            kept.backup(memory)
        made = _migrated()
        if is_first:
            memory.backup(kept)
    return made


def _on_a_server(made):
    """The first worker makes everybody's database, and says in the file ``made`` which they are."""
    if made.exists():
        return _migrated(keepdb=_name() in made.read_text().split())
    own = _migrated()
    connection.close()
    made.write_text(" ".join(map(_copied, _names_of_others())))
    return own


def _copied(name):
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
        cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{_name()}"')
    return name


def _names_of_others():
    worker, count = os.environ["PYTEST_XDIST_WORKER"], int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    workers = {f"gw{number}" for number in range(count)} - {worker}
    return [_name().removesuffix(worker) + each for each in sorted(workers)]


def _name():
    return connection.creation._get_test_db_name()

"""Copies of the test's own database: taken while the app is at work, and put back later."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from django.db import connection, connections


class Copy:
    """The database as it is now."""

    def __init__(self):
        self._name = connection.settings_dict["NAME"]
        self._kept = f"{self._name}_kept"
        if connection.vendor == "sqlite":
            source, target = sqlite3.connect(self._name), sqlite3.connect(self._kept)
            with closing(source), closing(target):
                source.backup(target)
            return
        connection.close()
        _administer(f'DROP DATABASE IF EXISTS "{self._kept}" WITH (FORCE)')
        _administer(f'CREATE DATABASE "{self._kept}" TEMPLATE "{self._name}"')

    def put_back(self):
        """Make it the database again; what was done since is lost."""
        connections.close_all()
        if connection.vendor == "sqlite":
            for tail in ("-wal", "-shm"):
                Path(f"{self._name}{tail}").unlink(missing_ok=True)
            shutil.copy(self._kept, self._name)
            return
        _administer(f'DROP DATABASE "{self._name}" WITH (FORCE)')
        _administer(f'ALTER DATABASE "{self._kept}" RENAME TO "{self._name}"')


def _administer(statement):
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)

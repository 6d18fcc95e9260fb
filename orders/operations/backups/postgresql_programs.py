"""PostgreSQL's own programs: found on the PATH, new enough, told the database by environment.

A password is handed over in the environment, which only this user and root can read, and never in
the arguments, which every user can.
"""

import os
import re
import shutil
import subprocess

from django.db import connection
from psycopg import pq

from orders.operations.backups.refusals import CannotCopy

MAX_SAID = 400
WHERE = "Install PostgreSQL's client programs (Debian: postgresql-client) on this host's PATH."


def path_of(name: str) -> str:
    """Find a program. Raises `CannotCopy` where it is missing."""
    found = shutil.which(name)
    if found is None:
        raise CannotCopy(f"{name} is missing. {WHERE}")
    return found


def major_of(name: str) -> int:
    """Ask a program for its major version. Raises `CannotCopy`."""
    command = [path_of(name), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)  # noqa: S603
    found = re.search(r"\) (\d+)", said.stdout)
    if found is None:
        raise CannotCopy(f"{name} does not tell its version. {WHERE}")
    return int(found[1])


def refuse_older(name: str, major: int, of: str) -> int:
    """Raise `CannotCopy` where a program is older than what it is for; return its major version."""
    has = major_of(name)
    if has < major:
        raise CannotCopy(
            f"{name} is of PostgreSQL {has}, and {of} is of {major}: it cannot be read with an "
            f"older program. Install PostgreSQL {major}'s client programs."
        )
    return has


def server_major() -> int:
    """Return the major version of the configured server."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        return int(cursor.fetchone()[0]) // 10_000


def environment() -> dict[str, str]:
    """Return this process's environment, and in it how to reach the configured database."""
    given = connection.get_connection_params()
    known = {option.keyword.decode(): option.envvar for option in pq.Conninfo.get_defaults()}
    if "sslpassword" in given:
        raise CannotCopy("DATABASE_URL: sslpassword cannot be handed to PostgreSQL's programs.")
    ours = {
        envvar.decode(): str(given[name])
        for name, envvar in known.items()
        if envvar and given.get(name) not in (None, "")
    }
    return dict(os.environ) | ours


def last_words(stderr: bytes) -> str:
    """Return the last error that a program told of, in one line; else the last line it wrote."""
    lines = [line.strip() for line in stderr.decode(errors="replace").split("\n") if line.strip()]
    errors = [line for line in lines if "error:" in line.lower()] or lines
    return (errors[-1] if errors else "it said nothing")[:MAX_SAID]

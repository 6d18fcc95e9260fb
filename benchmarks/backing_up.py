"""Time a backup and its restore: `python -m benchmarks.backing_up --count 100000`.

Makes a log of so many records in a scratch database that stays for the next run, then runs
`manage.py backup` and `manage.py restore` (into another database) as processes of their own.
While the backup runs, this process gets pages, and tells their p95 beside that of an idle time.
`--verify` lets `audit_verify` walk what was restored.
"""

import argparse
import itertools
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import stage

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from django.test import Client

ROOT = Path(__file__).resolve().parent.parent
IDLE_PAGES = 60


def main() -> None:
    """Make the log where it is not there yet, measure, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--verify", action="store_true")
    given = parser.parse_args()
    os.environ["SCRATCH_NAME"] = f"backing_up_{given.count}"
    from tests.helpers.scratch import scratch_database

    with scratch_database(keep=True), tempfile.TemporaryDirectory() as folder:
        measure(given.count, Path(folder), verifies=given.verify)


def measure(count: int, folder: Path, *, verifies: bool) -> None:
    """Print one line for the backup, one for the pages, one for the restore."""
    from django.conf import settings
    from django.db import connection

    from orders.audit import reader
    from orders.evidence import checkpoints
    from tests.evidence.measure_log import auditor

    settings.ALLOWED_HOSTS = ["testserver"]
    if reader.tip() < count:
        make(count)
    browser, _ = auditor()
    checkpoints.make()
    print(f"{connection.vendor}, {reader.tip()} records, database {size()} bytes")
    idle = [page(browser, path) for path in itertools.islice(paths(), IDLE_PAGES)]
    backup = start(folder, url(), "backup", str(folder / "copy"))
    busy = list(pages_until(browser, lambda: backup.poll() is not None))
    took, said = ended(backup)
    print(f"backup   {took:7.1f} s   {said}")
    tell("pages, idle", idle)
    tell("pages, meanwhile", busy)
    connection.close()
    restored = other_database(folder)
    took, said = ended(start(folder, restored, "restore", str(folder / "copy"), "--replace"))
    print(f"restore  {took:7.1f} s   {said.splitlines()[0]}")
    if verifies:
        took, said = ended(start(folder, restored, "audit_verify"))
        print(f"verify   {took:7.1f} s   {said}")


def make(count: int) -> None:
    """Write about so many records."""
    from tests.helpers.make_records import bulk_load
    from tests.helpers.make_records import make as write

    with bulk_load():
        write(count=count)


def size() -> int:
    """Return how many bytes the database takes."""
    from django.db import connection

    if connection.vendor == "sqlite":
        return Path(str(connection.settings_dict["NAME"])).stat().st_size
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])


def url() -> str:
    """Return the scratch database's address."""
    from django.db import connection

    name = str(connection.settings_dict["NAME"])
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    return re.sub(r"/[^/]*$", f"/{name}", os.environ["DATABASE_URL"])


def other_database(folder: Path) -> str:
    """Return the address of an empty database to restore into."""
    from django.db import connection

    if connection.vendor == "sqlite":
        return f"sqlite:///{folder}/restored.sqlite3"
    name = f"{connection.settings_dict['NAME']}_restored"
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        cursor.execute(f'CREATE DATABASE "{name}"')
    return re.sub(r"/[^/]*$", f"/{name}", url())


class Timed(subprocess.Popen[str]):
    """A command, and when it was started."""

    started: float


def start(folder: Path, database: str, *arguments: str) -> Timed:
    """Start a command of the site on this database."""
    from django.conf import settings

    here = {"DATABASE_URL": database, "DATA_DIR": str(folder / "data"), "LOG_LEVEL": "ERROR"}
    here |= {"AUDIT_CHECKPOINT_FILE": settings.AUDIT_CHECKPOINT_FILE}
    here |= {"DJANGO_SETTINGS_MODULE": "desk.settings"}
    command = [sys.executable, "manage.py", *arguments]
    pipe = subprocess.PIPE
    process = Timed(command, cwd=ROOT, env=os.environ | here, stdout=pipe, stderr=pipe, text=True)
    process.started = time.perf_counter()
    return process


def ended(process: Timed) -> tuple[float, str]:
    """Wait for it; return its seconds and what it said. Ends this program where it failed."""
    said, wrong = process.communicate()
    took = time.perf_counter() - process.started
    if process.returncode:
        sys.exit(f"{process.args!r}: {said}{wrong}")
    return took, said.strip()


def paths() -> Iterator[str]:
    """Return pages in turn, without end: the newest records, the jobs, a job, one person's acts."""
    from orders.models import CancelJob
    from tests.helpers.screens import url as address

    job = CancelJob.objects.latest("pk").pk
    return itertools.cycle(
        [
            address("orders_auditrecord_changelist"),
            address("orders_canceljob_changelist"),
            address("orders_canceljob_change", job),
            address("orders_auditrecord_changelist") + "?operator=olivia",
        ]
    )


def page(browser: "Client", path: str) -> float:
    """Return how many ms a page took."""
    started = time.perf_counter()
    answer = browser.get(path)
    assert answer.status_code == 200, (path, answer.status_code)
    return (time.perf_counter() - started) * 1000


def pages_until(browser: "Client", is_over: Callable[[], bool]) -> Iterator[float]:
    """Get pages as long as something runs."""
    for path in paths():
        if is_over():
            return
        yield page(browser, path)


def tell(name: str, times: list[float]) -> None:
    """Print what their times were."""
    print(f"{name:17} {stage.told(times)}")


if __name__ == "__main__":
    main()

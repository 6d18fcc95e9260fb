"""Finds code that changes an order, a cancel, a job or a panic line without recording it.

While a test runs on SQLite, triggers note every change of status in these tables; when the
transaction of the code that made it ends and no record was added within, the change is unrecorded.
What a test itself changes does not count, and neither do claims.
"""

import re
import sys
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
WATCHED = {
    "orders_order": "state",
    "orders_cancel": "status",
    "orders_canceljob": "status",
    "orders_panicline": "status",
}
# Not facts but locks, which the sender's next record or the sweep's word on its death makes good.
CLAIMS = {("orders_cancel", "queued", "sending")}
WRITES = re.compile(r'\s*(INSERT INTO|UPDATE|DELETE FROM) "?(orders_\w+)', re.IGNORECASE)


def install(raw):
    """Have this connection, as long as it lives, note every change of status."""
    raw.execute("CREATE TEMP TABLE watched (place, old, new)")
    for table, column in WATCHED.items():
        note = f"INSERT INTO watched VALUES ('{table}', {{}}, NEW.{column}); END"
        raw.execute(
            f"CREATE TEMP TRIGGER watch_{table} AFTER UPDATE OF {column} ON main.{table} "
            f"WHEN OLD.{column} IS NOT NEW.{column} BEGIN {note.format(f'OLD.{column}')}"
        )
        raw.execute(
            f"CREATE TEMP TRIGGER watch_{table}_new AFTER INSERT ON main.{table} "
            f"BEGIN {note.format('NULL')}"
        )


class Watch:
    """One test's connection, statement by statement."""

    def __init__(self, raw):
        self.raw, self.depth, self.tip, self.culprit = raw, 0, 0, ""
        self.found = []
        self.raw.execute("DELETE FROM watched")

    def __call__(self, execute, sql, params, many, context):
        word = sql.split(None, 1)[0].upper() if sql.strip() else ""
        if word == "SAVEPOINT":
            self._enter()
        written = WRITES.match(sql)
        if self.depth == 0 and written:
            self._begin()
        if written and written[2] in WATCHED:
            self.culprit = self.culprit or nearest()
        result = execute(sql, params, many, context)
        if word == "RELEASE":
            self.depth = max(0, self.depth - 1)
        if self.depth == 0 and (written or word == "RELEASE"):
            self._judge()
        return result

    def _enter(self):
        if self.depth == 0:
            self._begin()
        self.depth += 1

    def _begin(self):
        self.tip, self.culprit = self._newest(), ""

    def _judge(self):
        changes = set(self.raw.execute("SELECT place, old, new FROM watched")) - CLAIMS
        self.raw.execute("DELETE FROM watched")
        if changes and self.culprit and self._newest() == self.tip:
            self.found.append(f"{self.culprit}: {sorted(changes, key=str)}")

    def _newest(self):
        return self.raw.execute("SELECT MAX(position) FROM orders_auditrecord").fetchone()[0]


def nearest() -> str:
    """The innermost line of ours on the stack, if it is the product's and no test's."""
    frame = sys._getframe(2)
    while frame is not None:
        path = frame.f_code.co_filename
        if path.startswith(str(ROOT / "tests")):
            return ""
        if path.startswith((str(ROOT / "orders"), str(ROOT / "desk"))):
            return f"{Path(path).relative_to(ROOT)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


@contextmanager
def watching(connection):
    """Watch within the block; gives the `Watch`, whose ``found`` says what went unrecorded."""
    watch = Watch(connection.connection)
    with connection.execute_wrapper(watch):
        yield watch

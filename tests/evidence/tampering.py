"""`-m tests.evidence.tampering --count 1000 --seed N`: change the log as a superuser, see it found.

Each tampering is one seeded change of records under a checkpoint, made past the triggers in a
transaction that is rolled back. Found means: the changed record is named, or, where the whole chain
was rebuilt after it, the span up to the checkpoint that shows it.
"""

import argparse
import random
import sys
import time
from dataclasses import dataclass

from django.db import connection, transaction

from orders.audit.hashing import chained, content_hash

RECORD, LINE, PAYLOAD = "orders_auditrecord", "orders_auditrecordorder", "orders_auditpayload"
TEXTS = [
    "outcome", "operator_name", "session_hash", "address", "desk_name", "account_name",
    "account_address", "data", "body_sha256", "kept_sha256", "salt", "content_hash",
    "previous_hash", "hash",
]  # fmt: skip
NUMBERS = ["operator_id", "desk_id", "account_id", "job_id", "body_length"]
LINE_FIELDS = [
    "row", "cancel_id", "account_id", "symbol", "order_id", "client_order_id", "outcome", "data",
]  # fmt: skip


@dataclass(frozen=True)
class Done:
    """What was changed. ``first``, ``last``: positions that the finding may name."""

    what: str
    first: int
    last: int


def unlock():
    """Drop the triggers, as a database superuser can."""
    from orders.models.append_only import TABLES, TRIGGERS

    for table in TABLES:
        for name in TRIGGERS[connection.vendor]:
            on = f" ON {table}" if connection.vendor == "postgresql" else ""
            _sql(f"DROP TRIGGER IF EXISTS {table}_{name}{on}")


def try_one(seed, *, covered) -> tuple[Done, list]:
    """Tamper once, verify, roll back; what was done and the faults that name it."""
    from orders.evidence import verify

    chance, found = random.Random(seed), None
    try:
        with transaction.atomic():
            unlock()
            done = chance.choice(KINDS)(chance, covered)
            report = verify.verify()
            found = [fault for fault in report.faults if _names(fault, done)]
            raise _RolledBack
    except _RolledBack:
        return done, found


class _RolledBack(Exception):
    pass


def _names(fault, done):
    if fault.until is None:
        return done.first <= fault.position <= done.last
    return fault.position <= done.last and fault.until >= done.first


def _sql(statement, params=()):
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.rowcount


def _rows(statement, params=()):
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall()


def _other(chance, value):
    """Something else of the same kind."""
    if isinstance(value, int):
        return value + chance.choice([-1, 1, 1000])
    text = value or ""
    if not text or (len(text) < 30 and chance.random() < 0.3):  # columns are bounded
        return text + chance.choice("0fx ")
    place = chance.randrange(len(text))
    changed = "0" if text[place] != "0" else "1"
    return text[:place] + changed + text[place + 1 :]


def edit_record(chance, covered):
    """Any column of a record."""
    position, name = chance.randint(1, covered), chance.choice(TEXTS + NUMBERS)
    ((value,),) = _rows(f"SELECT {name} FROM {RECORD} WHERE position = %s", [position])
    new = _reference(chance, name, value) if name in NUMBERS else _other(chance, value)
    _sql(f"UPDATE {RECORD} SET {name} = %s WHERE position = %s", [new, position])
    return Done(f"edit {name}", position, position + 1)


def _reference(chance, name, value):
    """Another number that the database takes: references must point at something."""
    if name == "body_length":
        return (value or 0) + 1
    return None if value is not None else _existing(name)


def _existing(name):
    table = {
        "operator_id": "auth_user",
        "desk_id": "orders_desk",
        "account_id": "orders_account",
        "job_id": "orders_canceljob",
    }[name]
    return _rows(f"SELECT MIN(id) FROM {table}")[0][0]


def edit_event(chance, covered):
    """Call a fact something else."""
    position = chance.randint(1, covered)
    ((event,),) = _rows(f"SELECT event FROM {RECORD} WHERE position = %s", [position])
    new = "login" if event != "login" else "logout"
    _sql(f"UPDATE {RECORD} SET event = %s WHERE position = %s", [new, position])
    return Done("edit event", position, position + 1)


def back_date(chance, covered):
    """Move a record in time."""
    position = chance.randint(1, covered)
    ((at,),) = _rows(f"SELECT CAST(at AS text) FROM {RECORD} WHERE position = %s", [position])
    new = f"{int(at[:4]) - chance.randint(1, 5)}{at[4:]}".replace("-02-29", "-02-28")
    _sql(f"UPDATE {RECORD} SET at = %s WHERE position = %s", [new, position])
    return Done("back-date", position, position + 1)


def edit_line(chance, covered):
    """Any column of an order row."""
    ids = _rows(f"SELECT id, record_id FROM {LINE} WHERE record_id <= %s", [covered])
    (pk, position), name = chance.choice(sorted(ids)), chance.choice(LINE_FIELDS)
    ((value,),) = _rows(f"SELECT {name} FROM {LINE} WHERE id = %s", [pk])
    new = 5000 + chance.randint(1, 99) if name == "row" else _other(chance, value)
    if name == "order_id":
        new = (value or 0) + 1
    elif name in {"cancel_id", "account_id"}:
        new = _another(name, value)
    _sql(f"UPDATE {LINE} SET {name} = %s WHERE id = %s", [new, pk])
    return Done(f"edit order row {name}", position, position)


def _another(name, value):
    """Another row that the reference can point at."""
    table = {"cancel_id": "orders_cancel", "account_id": "orders_account"}[name]
    return _rows(f"SELECT MAX(id) FROM {table} WHERE id <> %s", [value or 0])[0][0]


def move_line(chance, covered):
    """Let a record's order row belong to another record."""
    ids = _rows(f"SELECT id, record_id FROM {LINE} WHERE record_id <= %s", [covered])
    pk, position = chance.choice(sorted(ids))
    other = position + 1 if position < covered else position - 1
    _sql(f"UPDATE {LINE} SET record_id = %s, row = 7000 WHERE id = %s", [other, pk])
    return Done("move order row", min(position, other), max(position, other))


def drop_line(chance, covered):
    """Take an order row out."""
    ids = _rows(f"SELECT id, record_id FROM {LINE} WHERE record_id <= %s", [covered])
    pk, position = chance.choice(sorted(ids))
    _sql(f"DELETE FROM {LINE} WHERE id = %s", [pk])
    return Done("delete order row", position, position)


def add_line(chance, covered):
    """Slip an order row in."""
    position = chance.randint(1, covered)
    account = _existing("account_id")
    _sql(
        f"INSERT INTO {LINE} (record_id, row, account_id, symbol, order_id, outcome, data) "
        "VALUES (%s, %s, %s, 'BTC', 1, '', '')",
        [position, 9000, account],
    )
    return Done("insert order row", position, position)


def edit_payload(chance, covered):
    """Change one byte that was sent or received."""
    found = _rows(f"SELECT record_id, body FROM {PAYLOAD} WHERE record_id <= %s", [covered])
    position, body = chance.choice(sorted((pk, bytes(body)) for pk, body in found))
    place = chance.randrange(len(body) or 1)
    changed = body[:place] + bytes([(body[place] + 1) % 256 if body else 0]) + body[place + 1 :]
    _sql(f"UPDATE {PAYLOAD} SET body = %s WHERE record_id = %s", [changed, position])
    return Done("edit payload", position, position)


def drop_payload(chance, covered):
    """Take the bytes away."""
    found = _rows(f"SELECT record_id FROM {PAYLOAD} WHERE record_id <= %s", [covered])
    (position,) = chance.choice(sorted(found))
    _sql(f"DELETE FROM {PAYLOAD} WHERE record_id = %s", [position])
    return Done("delete payload", position, position)


def delete(chance, covered):
    """Take a record out, with all that belongs to it."""
    position = chance.randint(1, covered)
    _delete("= %s", position)
    return Done("delete", position, position)


def _delete(which, position):
    for table, column in ((LINE, "record_id"), (PAYLOAD, "record_id"), (RECORD, "position")):
        _sql(f"DELETE FROM {table} WHERE {column} {which}", [position])


def truncate(chance, covered):
    """Cut the tail off."""
    position = chance.randint(2, covered)
    _delete(">= %s", position)
    return Done("truncate the tail", position, covered)


def delete_and_close(chance, covered):
    """Take a record out and move the later ones up, hashes left alone."""
    position = chance.randint(1, covered - 1)
    _delete("= %s", position)
    _shift(position, -1)
    return Done("delete and close the gap", position, position)


def insert(chance, covered):
    """Slip a record in: copy one, and move the later ones down."""
    position = chance.randint(2, covered)
    _shift(position - 1, 1)
    names = ", ".join(name for name in _columns() if name != "position")
    _sql(
        f"INSERT INTO {RECORD} (position, {names}) SELECT %s, {names} FROM {RECORD} "
        "WHERE position = %s",
        [position, position - 1],
    )
    return Done("insert", position, position)


def swap(chance, covered):
    """Let two records change places."""
    first, second = sorted(chance.sample(range(1, covered + 1), 2))
    for old, new in ((first, -1), (second, first), (-1, second)):
        _move(old, new)
    return Done("swap", first, second + 1)


def rebuild(chance, covered):
    """Change a record and make every later hash anew: all but the key."""
    position = chance.randint(1, covered)
    name = chance.choice(["operator_name", "address", "outcome", "account_name"])
    _sql(f"UPDATE {RECORD} SET {name} = %s WHERE position = %s", ["somebody", position])
    _rechain(position)
    return Done("rebuild the chain", position, position)


def relink(chance, covered):
    """Hang one record on another past, its own hash made to fit."""
    position = chance.randint(1, covered)
    wanted = "SELECT content_hash FROM orders_auditrecord WHERE position = %s"
    ((own,),) = _rows(wanted, [position])
    previous = f"{chance.getrandbits(256):064x}"
    _sql(
        f"UPDATE {RECORD} SET previous_hash = %s, hash = %s WHERE position = %s",
        [previous, chained(previous, own), position],
    )
    return Done("relink", position, position)


def rebuild_without(chance, covered):
    """Take a record out and rebuild the chain over the gap, positions closed."""
    position = chance.randint(1, covered - 1)
    _delete("= %s", position)
    _shift(position, -1)
    _rechain(position)
    return Done("delete and rebuild the chain", position, covered)


def rebuild_checkpoint(chance, covered):
    """Rebuild the chain, and the database's copies of the checkpoints with another key."""
    from orders.models import AuditCheckpoint

    done = rebuild(chance, covered)
    for one in AuditCheckpoint.objects.all():
        line = one.line.replace('"head":"', '"head":"0')
        _sql("UPDATE orders_auditcheckpoint SET line = %s WHERE number = %s", [line, one.pk])
    return Done("rebuild chain and copies", done.first, done.last)


KINDS = [
    edit_record, edit_record, edit_record, edit_event, back_date, edit_line, edit_line, drop_line,
    move_line, add_line, edit_payload, drop_payload, delete, truncate, delete_and_close, insert,
    swap, relink, rebuild, rebuild_without, rebuild_checkpoint,
]  # fmt: skip


def _columns():
    from orders.models import AuditRecord

    return [field.column for field in AuditRecord._meta.concrete_fields]


def _move(old, new):
    """Give a record another position, with all that belongs to it."""
    names = ", ".join(name for name in _columns() if name != "position")
    _sql(
        f"INSERT INTO {RECORD} (position, {names}) "
        f"SELECT %s, {names} FROM {RECORD} WHERE position = %s",
        [new, old],
    )
    for table in (LINE, PAYLOAD):
        _sql(f"UPDATE {table} SET record_id = %s WHERE record_id = %s", [new, old])
    _sql(f"DELETE FROM {RECORD} WHERE position = %s", [old])


def _shift(after, by):
    positions = _rows(f"SELECT position FROM {RECORD} WHERE position > %s", [after])
    for (position,) in sorted(positions, reverse=by > 0):
        _move(position, position + by)


def _rechain(first):
    """Make content hashes and chain anew from a position on."""
    from orders.audit import reader

    before = _rows(f"SELECT hash FROM {RECORD} WHERE position = %s", [first - 1])
    head = before[0][0] if before else "0" * 64
    for entry in reader.entries(after=first - 1):
        own = content_hash(entry.values, entry.rows)
        previous, head = head, chained(head, own)
        _sql(
            f"UPDATE {RECORD} SET content_hash = %s, previous_hash = %s, hash = %s "
            "WHERE position = %s",
            [own, previous, head, entry.position],
        )


def build(*, cycles=30, every=5) -> int:
    """A small log with checkpoints every few cycles; how many records they cover."""
    from orders.evidence import checkpoints
    from tests.helpers.make_records import Maker

    maker = Maker(seed=1)
    for cycle in range(cycles):
        maker.single()
        if cycle % every == every - 1:
            checkpoints.make()
    maker.bulk(20)
    covered = checkpoints.make().count
    maker.single()  # what no checkpoint covers yet
    return covered


def run(*, count, seed, covered, seconds) -> int:
    """Try so many tamperings, at most so long; how many were missed."""
    ends_at, missed, kinds = time.monotonic() + seconds, [], {}
    for number in range(count):
        if time.monotonic() > ends_at:
            print(f"Stopped after {number} of {count}: the time is over.")
            count = number
            break
        done, found = try_one(seed * 1_000_003 + number, covered=covered)
        kinds[done.what] = kinds.get(done.what, 0) + 1
        if not found:
            missed.append((number, done))
    for what, times in sorted(kinds.items()):
        print(f"{times:5} {what}")
    for number, done in missed:
        print(f"MISSED {number}: {done}")
    print(f"{count} tamperings with seed {seed}, {count - len(missed)} found and named.")
    return len(missed)


def main():
    """Make a database for it, run, drop it."""
    parser = argparse.ArgumentParser(prog="python -m tests.evidence.tampering")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=280)
    options = parser.parse_args()
    from tests.helpers.scratch import scratch_database

    with scratch_database():
        covered = build()
        print(f"{connection.vendor}: a log with {covered} records under checkpoints.")
        missed = run(
            count=options.count, seed=options.seed, covered=covered, seconds=options.seconds
        )
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()

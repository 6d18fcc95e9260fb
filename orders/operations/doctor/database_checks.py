"""What the database tells: itself, migrations, triggers, keys, checkpoints, senders, stream."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from desk import startup_checks
from desk.databases import why_unusable
from desk.startup_checks import CannotStart
from orders.access import names
from orders.accounts import key_rotation
from orders.audit import reader
from orders.evidence import checkpoint_file, checkpoint_line
from orders.keys import key_settings
from orders.keys.key_settings import KeySettingsWrong
from orders.lifecycle import restored_copy
from orders.models import Account, AccountStream, AuditCheckpoint, Sender
from orders.operations.doctor.findings import Asked, Finding, Limits, not_asked, ok, trouble

MIGRATE = "Stop every process, then run: python manage.py migrate"


def check_database(asked: Asked, limits: Limits) -> Finding:
    """Whether it answers, and how old it is. No file is made where SQLite's is missing."""
    if connection.vendor == "sqlite" and not _has_file():
        return trouble("database", "DATABASE_URL: there is no such file.", MIGRATE)
    try:
        with connection.cursor() as cursor:
            cursor.execute(READS[connection.vendor])
        version = connection.get_database_version()
    except DatabaseError as error:
        return trouble(
            "database",
            f"DATABASE_URL: it cannot be used ({why_unusable(error)}).",
            "Start it, and check host, name, user and password in DATABASE_URL.",
        )
    if _is_pooled_and_prepares():
        todo = "Add ?prepare_threshold=none to DATABASE_URL, or have the pooler keep sessions."
        return trouble("database", "a pooler is in between, and statements are prepared.", todo)
    least = connection.features.minimum_database_version
    words = f"{connection.display_name} {'.'.join(map(str, version))}"
    if least and version < least:
        return trouble("database", f"{words} is too old.", f"Use {'.'.join(map(str, least))}.")
    return ok("database", f"{words} answers.")


READS = {"sqlite": "SELECT COUNT(*) FROM sqlite_master", "postgresql": "SELECT 1"}


def _is_pooled_and_prepares() -> bool:
    """Whether a pooler such as PgBouncer answers for the server, and statements would go astray.

    In transaction mode the next statement may reach a server connection that never prepared it. A
    pooler shows by the number of the process: it tells another than the server does.
    """
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (served_by,) = cursor.fetchone()
    is_pooled = connection.connection.info.backend_pid != served_by
    return is_pooled and connection.settings_dict["OPTIONS"].get("prepare_threshold", 0) is not None


def _has_file() -> bool:
    name = str(connection.settings_dict["NAME"])
    return name.startswith("file:") or Path(name).exists()


def check_migrations(asked: Asked, limits: Limits) -> Finding:
    """Whether the tables are those of this version."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        names = ", ".join(f"{step.app_label}.{step.name}" for step, _ in plan[:3])
        return trouble("migrations", f"{len(plan)} not applied: {names} …", MIGRATE)
    return ok("migrations", "all are applied.")


def check_log(asked: Asked, limits: Limits) -> Finding:
    """Network, triggers, and a probe that must not be changed; nothing of it stays."""
    try:
        startup_checks.check_network()
        startup_checks.check_append_only()
    except CannotStart as error:
        return trouble("audit log", str(error), "docs/troubleshooting.md has this sentence.")
    return ok("audit log", f"{reader.tip()} records, and nobody can change one.")


def check_stored_keys(asked: Asked, limits: Limits) -> Finding:
    """Whether this sender holds the opening key of everything that is sealed."""
    name = "stored keys"
    if not key_settings.can_open():
        return not_asked(name, "no opening keys here.")
    counts = key_rotation.stored()
    try:
        unheld = sorted(set(counts) - set(key_settings.opening_keys()))
    except KeySettingsWrong as error:
        return trouble(name, str(error), "Mend AGENT_KEY_OPENING_KEYS first.")
    if unheld:
        number = sum(counts[key_id] for key_id in unheld)
        said = f"{number} sealed to {', '.join(map(repr, unheld))}, which is not held here."
        todo = "Add that opening key to AGENT_KEY_OPENING_KEYS, after the newest one."
        return trouble(name, said, todo)
    return ok(name, f"{sum(counts.values())} sealed, each to a key that is held here.")


def check_restored(asked: Asked, limits: Limits) -> Finding:
    """Whether an older copy of the database was put back; nothing is written."""
    behind = restored_copy.look(asked.now)
    if behind is not None:
        return trouble("restored copy", restored_copy.words(behind), restored_copy.HOW)
    if restored_copy.newest_signed() is None:
        said = "no checkpoint that counts is on this host; an older copy is not noticed here."
        return not_asked("restored copy", said)
    return ok("restored copy", "the database has all that this host's checkpoint file tells of.")


def check_checkpoints(asked: Asked, limits: Limits) -> Finding:
    """Whether this host's file is there and sound, and new records come under a checkpoint."""
    name = "checkpoints"
    if not key_settings.can_open():
        return not_asked(name, "only the senders' hosts have the file.")
    try:
        lines = checkpoint_file.tail()
    except OSError as error:
        said = f"AUDIT_CHECKPOINT_FILE: cannot be read ({error.strerror})."
        return trouble(name, said, "Give this process's user its file.")
    if not lines:
        return _without_file(name)
    try:
        last = checkpoint_line.read(lines[-1])
    except ValueError as error:
        said = f"AUDIT_CHECKPOINT_FILE: its last line is no checkpoint: {error}."
        return trouble(name, said, "Run audit_verify, and keep the file as evidence.")
    if restored_copy.newest_signed() is None:
        said = "AUDIT_CHECKPOINT_FILE: another key signed it, or it is of another network."
        todo = "If the key was yours, list its public half in AUDIT_CHECKPOINT_PUBLIC_KEYS."
        return trouble(name, said, todo)
    age = asked.now - datetime.fromisoformat(last.at)
    new = reader.tip() - last.count
    if new > 0 and age > limits.checkpoint_age:
        said = f"{new} records are under none; the last is {age.total_seconds() / 60:.0f} min old."
        return trouble(name, said, "Start a sweep that has AUDIT_CHECKPOINT_KEY.")
    return ok(name, f"number {last.number} signs {last.count} records.")


def _without_file(name: str) -> Finding:
    if AuditCheckpoint.objects.exists():
        said = "the database has checkpoints, and AUDIT_CHECKPOINT_FILE has none."
        todo = "Put the file in place: without it nobody here notices an older copy of the database"
        return trouble(name, said, f"{todo}.")
    said = "none was ever signed: a changed log or an older copy would not be noticed."
    return trouble(name, said, "Make a pair with new_checkpoint_key and start a sweep.")


def check_people(asked: Asked, limits: Limits) -> Finding:
    """Whether the log's readers can tell people apart by their names."""
    pairs = [f"{one} and {other}" for one, other in names.alike()]
    if not pairs:
        return ok("people", "no two names read the same.")
    todo = "Give one of each two another name, on the person's page."
    return trouble("people", f"names that read the same: {'; '.join(pairs)}.", todo)


def check_senders(asked: Asked, limits: Limits) -> Iterator[Finding]:
    """Which kinds of senders were heard of within fifteen seconds."""
    kinds = list(Sender.objects.fresh(asked.now).values_list("kind", flat=True))
    for kind, todo in KINDS.items():
        count = kinds.count(kind)
        if count:
            yield ok(kind, f"{count} alive.")
        else:
            yield trouble(kind, "none was heard of for 15 s.", todo)


KINDS = {
    "sweep": "Start one: python manage.py sweep. Without it no panic is sent.",
    "worker": "Start one: docs/operations.md has the command. The sweep sends alone meanwhile.",
}


def check_stream(asked: Asked, limits: Limits) -> Finding:
    """Whether a living process follows each active account, and of how many changes come in."""
    name = "stream"
    if not settings.STREAM:
        return not_asked(name, "STREAM is false: reads alone tell what changed.")
    accounts = Account.objects.active()
    if not (count := accounts.count()):
        return not_asked(name, "no account is active.")
    streams = AccountStream.objects.filter(account__in=accounts)
    followed = sum(stream.is_leased(asked.now) for stream in streams)
    if followed < count:
        return trouble(name, f"no process follows {count - followed} of {count} accounts.", FOLLOW)
    live = sum(stream.is_healthy(asked.now) for stream in streams)
    return ok(name, f"accounts followed: {count}, live: {live}.")


FOLLOW = (
    "Start one: python manage.py stream; on SQLite with the embedded broker the sweep follows. "
    "Reads alone tell what changed meanwhile."
)

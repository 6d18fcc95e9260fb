"""Which database a site stands on, from one address, and how it is opened."""

import sqlite3
from typing import Any
from urllib.parse import urlparse

import environ
from django.db import DEFAULT_DB_ALIAS, connections

from desk.reasons import reason_of
from desk.setting_values import wrong

POSTGRES = {"postgres", "postgresql"}
READ = {"ENGINE", "NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS"}
CODED = "In a password, / ? # @ : % are written as %2F %3F %23 %40 %3A %25."
UNREADABLE = f"cannot be read: postgres://user:password@host:port/name. {CODED}"
# How soon each side notices that the other's host is gone, which says nothing: in three seconds. By
# themselves both wait for 15 minutes where something was sent, and for two hours where not. A panic
# waits for it; a network that rests for three seconds only has connections made anew.
LOOKS_FOR_SERVER = {
    "connect_timeout": 2,  # seconds, for each host that the address names
    "keepalives_idle": 1,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 3000,  # ms
}
OFTEN, HOT_ONLY = 2, 2**31  # after how often a statement is prepared
LOOKS_FOR_CLIENT = {
    "tcp_keepalives_idle": 1,
    "tcp_keepalives_interval": 1,
    "tcp_keepalives_count": 2,
    "tcp_user_timeout": 3000,
}
UNKNOWN_OPTION = f"has an option after its ? that PostgreSQL does not know. {CODED}"


def database(url: str) -> dict[str, Any]:
    """Django's settings of the database that ``DATABASE_URL`` names, or a named error."""
    found = _read(url)
    found["CONN_MAX_AGE"] = 600
    if found["ENGINE"].endswith("sqlite3"):
        return found | {"ENGINE": "desk.sqlite3"}
    options = LOOKS_FOR_SERVER | _sound_options(found.get("OPTIONS", {}))
    found |= {"ENGINE": "desk.postgresql", "CONN_HEALTH_CHECKS": True, "OPTIONS": options}
    if found["OPTIONS"].get("prepare_threshold", "") is None:  # a pooler's transactions wander
        found["DISABLE_SERVER_SIDE_CURSORS"] = True
    return found


def _read(url: str) -> dict[str, Any]:
    """What the address says. No error repeats any of it: it may be the password."""
    try:
        parts = urlparse(url)
        is_file = parts.scheme == "sqlite" and not (parts.netloc or parts.query)
        is_readable = is_file or parts.scheme in POSTGRES
        found = environ.Env.db_url_config(parts) if is_readable else {}
    except Exception:
        wrong("DATABASE_URL", UNREADABLE)
    if parts.scheme == "sqlite" and found.get("NAME", ":memory:") == ":memory:":
        wrong("DATABASE_URL", "SQLite takes a file alone: sqlite:////srv/desk/desk.sqlite3.")
    if not is_readable:
        wrong("DATABASE_URL", "only sqlite:///… and postgres://… are supported.")
    if not found["NAME"]:
        wrong("DATABASE_URL", UNREADABLE)
    if set(found) - READ:
        wrong("DATABASE_URL", UNKNOWN_OPTION)
    return found


def _sound_options(options: dict[str, Any]) -> dict[str, Any]:
    """What stands after the ``?``, as the driver takes it, or a named error."""
    if "pool" in options:
        wrong("DATABASE_URL", "takes no ?pool: connections are kept anyway; or use PgBouncer.")
    ours = {name: options[name] for name in ("prepare_threshold",) if name in options}
    if ours.get("prepare_threshold") == "none":
        ours["prepare_threshold"] = None
    elif type(ours.get("prepare_threshold", 0)) is not int:
        wrong("DATABASE_URL", "prepare_threshold must be a whole number or none.")
    theirs = {name: value for name, value in options.items() if name not in ours}
    from psycopg import ProgrammingError  # here: SQLite needs none of it
    from psycopg.conninfo import make_conninfo

    try:
        make_conninfo(**theirs)
    except (ProgrammingError, TypeError):
        wrong("DATABASE_URL", UNKNOWN_OPTION)
    return theirs | ours


def why_unusable(error: Exception) -> str:
    """Say why the database cannot be used; never its password."""
    return reason_of(error, str(connections.settings[DEFAULT_DB_ALIAS].get("PASSWORD") or ""))


def prepare_statements(*, after: int = OFTEN) -> None:
    """Have PostgreSQL prepare what this process asks often: a fifth to a quarter less work for it.

    To be called as one starts. Workers ask a few statements again and again. The web searches too:
    with `HOT_ONLY` no more is prepared than what `orders.models.prepared` holds.

    A prepared statement's plan knows no values, so what searches the log must not be prepared; and
    it may have been made while a table was small, so no connection keeps it for more than a minute.
    It takes 65,535 parameters: a long list is one of them, by ``pk__any``. ``?prepare_threshold=…``
    in ``DATABASE_URL`` stands.
    """
    ours = connections.settings[DEFAULT_DB_ALIAS]
    if ours["ENGINE"].endswith("postgresql") and "prepare_threshold" not in ours["OPTIONS"]:
        ours["OPTIONS"] |= {"server_side_binding": True, "prepare_threshold": after}
        ours["CONN_MAX_AGE"] = 60


def has_wal_bug() -> bool:
    """SQLite 3.7.0 to 3.51.2 can, rarely, corrupt a database in WAL mode (fixed in 3.51.3)."""
    return sqlite3.sqlite_version_info < (3, 51, 3)


def sqlite_options(journal: str) -> dict[str, Any]:
    """How SQLite is opened. ``journal``: its journal mode.

    What a statement could have to undo stays in memory: in a file, those pages were four fifths
    of all that a bulk cancel wrote.
    """
    pragmas = f"journal_mode={journal}", "synchronous=FULL", "temp_store=MEMORY"
    return {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": " ".join(f"PRAGMA {pragma};" for pragma in pragmas),
    }

"""Which database a site stands on, from one address, and how it is opened."""

import sqlite3
from urllib.parse import urlsplit

import environ

from desk.given import wrong


def database(url) -> dict:
    """Django's settings of the database that ``DATABASE_URL`` names, or a named error."""
    if urlsplit(url).scheme not in {"sqlite", "postgres", "postgresql"}:
        wrong("DATABASE_URL", "only sqlite:///… and postgres://… are supported.")
    try:
        found = environ.Env.db_url_config(url)
    except Exception:  # whatever it is, its text may hold the password
        found = {"NAME": ""}
    if not found["NAME"]:
        wrong("DATABASE_URL", "cannot be read: postgres://user:password@host:port/name.")
    found["CONN_MAX_AGE"] = 600
    if found["ENGINE"].endswith("sqlite3"):
        return found | {"ENGINE": "desk.sqlite3"}
    return found | {"CONN_HEALTH_CHECKS": True, "OPTIONS": _postgresql_options(found)}


def _postgresql_options(found):
    """Statements asked often are prepared once a connection: a quarter of the server's work.

    ``?prepare_threshold=none`` in the address: never, for a pooler that gives each transaction
    another connection.
    """
    options = {"server_side_binding": True, "prepare_threshold": 2} | found.get("OPTIONS", {})
    if options["prepare_threshold"] == "none":
        options["prepare_threshold"] = None
    return options


def has_wal_bug() -> bool:
    """SQLite 3.7.0 to 3.51.2 can, rarely, corrupt a database in WAL mode (fixed in 3.51.3)."""
    return sqlite3.sqlite_version_info < (3, 51, 3)


def sqlite_options(journal) -> dict:
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

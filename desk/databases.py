"""Which database a site stands on, from one address, and how it is opened."""

import sqlite3
from urllib.parse import urlsplit

import environ
from django.db import DEFAULT_DB_ALIAS, connections

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
    found |= {"CONN_HEALTH_CHECKS": True, "OPTIONS": found.get("OPTIONS", {})}
    if found["OPTIONS"].get("prepare_threshold") == "none":  # a pooler's transactions wander
        found["OPTIONS"]["prepare_threshold"] = None
        found["DISABLE_SERVER_SIDE_CURSORS"] = True
    return found


def prepare_statements():
    """Have PostgreSQL prepare what this process asks more than once: a fifth to a quarter less work
    for it. For workers, which ask a few statements again and again; to be called as one starts.

    A prepared statement's plan knows no values, so what searches the log must not be prepared; and
    it may have been made while a table was small, so no connection keeps it for more than a minute.
    It takes 65,535 parameters: a long list is one of them, by ``pk__any``. ``?prepare_threshold=…``
    in ``DATABASE_URL`` stands.
    """
    ours = connections.settings[DEFAULT_DB_ALIAS]
    if ours["ENGINE"].endswith("postgresql") and "prepare_threshold" not in ours["OPTIONS"]:
        ours["OPTIONS"] |= {"server_side_binding": True, "prepare_threshold": 2}
        ours["CONN_MAX_AGE"] = 60


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

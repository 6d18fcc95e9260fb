"""A new installation, made in one step, has what one has that went through every migration."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from orders.models import Installation
from tests.conftest import connected_to
from tests.upgrade.test_upgrade import checkpoint_file as checkpoint_file
from tests.upgrade.test_upgrade import kept as kept
from tests.upgrade.test_upgrade import upgrade as upgrade
from tests.upgrade.test_upgrade import vendor as vendor

POSTGRESQL = """
SELECT table_name, column_name, data_type, character_maximum_length, numeric_precision,
       numeric_scale, is_nullable, column_default, is_identity
  FROM information_schema.columns WHERE table_schema = 'public';
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace = 'public'::regnamespace;
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public';
SELECT pg_get_triggerdef(oid), tgenabled FROM pg_trigger WHERE NOT tgisinternal;
SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace;
SELECT pg_get_statisticsobjdef(oid) FROM pg_statistic_ext;
SELECT relname, reloptions FROM pg_class WHERE relnamespace = 'public'::regnamespace
"""
SQLITE = "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
# A row of the log is held by no foreign key; in SQLite's older files it is, until it is copied.
UNHELD, HELD_BY = "orders_auditrecordorder", re.compile(r' REFERENCES "\w+" \("\w+"\)[A-Z ]*')

# A rule that was written out and read in again has its casts and brackets elsewhere.
ONLY_WRITING = re.compile(r"::[a-z ]+(\[\])?|[()]")


def found():
    """What the database of now is made of, each column and rule on its own: (where, what)."""
    rows = [row for asked in _questions() for row in _asked(asked)]
    return {part for row in rows for part in (_parts(*row) if _is_sqlite() else [row])}


def _is_sqlite():
    return connection.vendor == "sqlite"


def _questions():
    return [SQLITE] if _is_sqlite() else POSTGRESQL.split(";")


def _asked(question):
    with connection.cursor() as cursor:
        cursor.execute(question)
        rows = cursor.fetchall()
    if _is_sqlite():
        return rows
    return [tuple(ONLY_WRITING.sub("", str(each)) for each in row) for row in rows]


def _parts(name, sql):
    if name == UNHELD:
        sql = HELD_BY.sub("", sql)
    return [(name, part.strip(" ()")) for part in sql.split(", ")]


def permissions():
    return set(Permission.objects.values_list("content_type__model", "codename"))


@pytest.mark.django_db
def test_a_new_installation_is_made_in_one_step():
    plan = MigrationLoader(None).graph.forwards_plan(
        ("orders", "0001_squashed_0042_what_an_alert_covers")
    )
    assert sum(app == "orders" for app, _ in plan) == 1
    assert Installation.objects.get().network == "paper"


def test_it_has_the_tables_and_rules_of_an_upgraded_one(template, upgrade):
    upgraded, rights = found(), permissions()
    with connected_to(NAME=template):
        new, rights_of_new = found(), permissions()
    assert new - upgraded == set()
    assert upgraded - new == set()
    assert rights == rights_of_new
    assert len(new) > 500

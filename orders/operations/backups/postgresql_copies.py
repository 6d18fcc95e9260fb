"""A PostgreSQL database: dumped in one snapshot, put back in one transaction that drops nothing.

What stands in the schema is moved into another schema first, in the same transaction. So a restore
that fails or is killed has touched nothing, and one that ends can be undone by hand. It needs no
right but that of the tables' owner.
"""

import subprocess
from pathlib import Path
from typing import IO

from django.db import DatabaseError, connection, transaction

from desk import private
from orders.models import append_only
from orders.operations.backups import files, postgresql_programs, snapshot
from orders.operations.backups.refusals import STOP, CannotCopy

FILE = "database.dump"
KEPT = "before_restore_"
CHUNK = 1024 * 1024


def copy(folder: Path, *, holds_writers: bool = False) -> snapshot.Facts:
    """Write the dump as `FILE`, without sessions. Raises `CannotCopy`. No writer is ever held."""
    target = folder / FILE
    try:
        server = postgresql_programs.server_major()
        postgresql_programs.refuse_older("pg_dump", server, "the server")
        private.make_file(target)
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SELECT pg_export_snapshot()")
            (name,) = cursor.fetchone()
            facts = snapshot.facts(cursor, "postgresql")
            _dump(target, name)  # the snapshot lasts as long as this transaction
    except DatabaseError as error:
        raise CannotCopy(f"The database cannot be copied ({error}).") from None
    files.sync(target)
    return facts


def _dump(target: Path, snapshot_name: str) -> None:
    command = [
        postgresql_programs.path_of("pg_dump"),
        "--format=custom",
        f"--compress={COMPRESSION}",
        "--no-password",
        f"--snapshot={snapshot_name}",
        f"--exclude-schema={KEPT}*",
        "--exclude-table-data=public.django_session",  # who reads it must not be signed in
        f"--file={target}",
    ]
    ended = subprocess.run(  # noqa: S603
        command, env=postgresql_programs.environment(), capture_output=True, check=False
    )
    if ended.returncode:
        raise CannotCopy(f"pg_dump failed: {postgresql_programs.last_words(ended.stderr)}")


COMPRESSION = 1  # measured: the default 6 takes three times the processor for an eighth less


def programs_version() -> int:
    """Return the major version of the program that dumps."""
    return postgresql_programs.major_of("pg_dump")


def tables_with_rows() -> list[str]:
    """Name the tables that a restore would replace and that hold rows of somebody's."""
    with connection.cursor() as cursor:
        tables = [one.name for one in connection.introspection.get_table_list(cursor)]
        return snapshot.tables_with_rows(cursor, tables)


def refuse_used() -> None:
    """Raise `CannotCopy` where somebody else is connected to the database."""
    with connection.cursor() as cursor:
        cursor.execute(OTHERS)
        names = [name for (name,) in cursor.fetchall()]
    if names:
        raise CannotCopy(
            f"Others are connected to the database ({', '.join(sorted(names))}). "
            f"{STOP}, and end every other connection."
        )


OTHERS = """
    SELECT COALESCE(NULLIF(application_name, ''), usename, '?') FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND (backend_type = 'client backend' OR backend_type IS NULL AND usesysid IS NOT NULL)
"""


def put_back(part: Path, sha256: str, triggers: set[str], kept: str) -> str:
    """Put a dump in the place of what the schema holds; return where the old is, "" for none."""
    schema = kept.replace("-", "_").lower()
    with connection.cursor() as cursor:
        holds = bool(connection.introspection.get_table_list(cursor))
    connection.close()
    before = BEGIN + (MOVE_AWAY.replace("%KEPT%", schema) if holds else "")
    after = CHECK.replace("%TRIGGERS%", _array(triggers)) + SHUT + "COMMIT;\n"
    _pipe(part, before, after)
    return f"schema {schema}" if holds else ""


def _array(names: set[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names) if name.isidentifier()) or "''"


def _pipe(part: Path, before: str, after: str) -> None:
    """Have psql run the dump's statements between ours. Raises `CannotCopy`; then nothing changed.

    psql reads them all from this process. It gets the COMMIT only once the dump was read to its
    end: without it the server takes everything back.
    """
    env = postgresql_programs.environment()
    reading = [postgresql_programs.path_of("pg_restore"), "--no-owner", "--schema=public"]
    reading += ["--file=-", str(part)]
    writing = [postgresql_programs.path_of("psql"), "--no-psqlrc", "--quiet", "--no-password"]
    writing += ["--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file=-"]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(writing, stdin=pipe, stderr=pipe, env=env) as psql,  # noqa: S603
        subprocess.Popen(reading, stdout=pipe, stderr=pipe, env=env) as dump,  # noqa: S603
    ):
        assert psql.stdin and psql.stderr and dump.stdout and dump.stderr
        has_read = _pour(before, dump.stdout, psql.stdin)
        dump.stdout.close()
        unread = dump.stderr.read()
        if dump.wait() == 0 and has_read:
            _write(psql.stdin, after.encode())
        _close(psql.stdin)
        said = psql.stderr.read()
    if dump.returncode and has_read:
        raise CannotCopy(f"pg_restore failed: {postgresql_programs.last_words(unread)}")
    if psql.returncode or not has_read:
        words = postgresql_programs.last_words(said)
        raise CannotCopy(f"Nothing was changed: the database refused the copy. {words}")


def _pour(before: str, source: IO[bytes], target: IO[bytes]) -> bool:
    """Write all of it; whether it was taken to the end."""
    is_taken = _write(target, before.encode())
    while is_taken and (chunk := source.read(CHUNK)):
        is_taken = _write(target, chunk)
    return is_taken


def _write(target: IO[bytes], text: bytes) -> bool:
    try:
        target.write(text)
    except BrokenPipeError:  # it has ended; what it said tells why
        return False
    return True


def _close(target: IO[bytes]) -> None:
    try:
        target.close()
    except BrokenPipeError:
        return


def refuse_unreadable(programs: int) -> None:
    """Raise `CannotCopy` where the programs at hand cannot put back what these versions wrote."""
    postgresql_programs.refuse_older("pg_restore", programs, "the backup")
    postgresql_programs.refuse_older("psql", postgresql_programs.server_major(), "the server")


def tidy() -> None:
    """Have the planner know what came back: a dump holds no statistics."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


BEGIN = "BEGIN;\nSET LOCAL lock_timeout = '10s';\n"
# Tables take their indexes, triggers and own sequences along; what an extension made stays.
MOVE_AWAY = """
CREATE SCHEMA "%KEPT%";
DO $move$
DECLARE one record;
BEGIN
    FOR one IN
        SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' ELSE 'TABLE' END
            AS kind, c.oid::regclass::text AS name
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p', 'S', 'v')
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass
                AND d.objid = c.oid AND d.deptype IN ('a', 'i', 'e'))
        UNION ALL
        SELECT 'STATISTICS', format('public.%I', s.stxname)
        FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
        WHERE n.nspname = 'public'
        UNION ALL
        SELECT 'ROUTINE', p.oid::regprocedure::text
        FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = 'public'
            AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass
                AND d.objid = p.oid AND d.deptype = 'e')
    LOOP
        EXECUTE format('ALTER %s %s SET SCHEMA "%KEPT%"', one.kind, one.name);
    END LOOP;
END
$move$;
"""
CHECK = """
DO $check$
DECLARE missing text;
BEGIN
    SELECT string_agg(name, ', ') INTO missing FROM unnest(ARRAY[%TRIGGERS%]::text[]) AS name
    WHERE name <> '' AND NOT EXISTS (
        SELECT FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND t.tgname = name AND t.tgenabled = 'A');
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'the copy lacks triggers: %', missing;
    END IF;
END
$check$;
"""
# Default privileges of a second role give it more than the dump took back.
SHUT = (
    """
DO $shut$
DECLARE one record;
BEGIN
    FOR one IN
        SELECT DISTINCT c.oid::regclass::text AS name,
            CASE WHEN c.relname = '%CANCELS%' THEN 'DELETE, TRUNCATE'
                ELSE 'UPDATE, DELETE, TRUNCATE' END AS rights,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
                AS who
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
            aclexplode(c.relacl) a
        WHERE n.nspname = 'public' AND c.relname IN (%TABLES%) AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('REVOKE %s ON %s FROM %s', one.rights, one.name, one.who);
    END LOOP;
END
$shut$;
""".replace("%CANCELS%", append_only.CANCELS)
).replace("%TABLES%", ", ".join(f"'{name}'" for name in [*append_only.TABLES, append_only.CANCELS]))

"""Put a backup back: checked whole before anything is touched, and nothing of the old is dropped.

The old database is kept beside, and so is the backup's checkpoint file where this host has one:
only a file that is newer than the copy shows what the copy lacks. Where it shows that, nothing is
sent until an administrator accepts the copy (`orders.lifecycle.restored_copy`).
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from orders.lifecycle import restored_copy
from orders.models import append_only
from orders.operations.backups import backup, engines, files, manifest
from orders.operations.backups.manifest import Manifest
from orders.operations.backups.refusals import CannotCopy


@dataclass(frozen=True)
class Restored:
    """What was put back, where the old database is kept ("" for none), and what to know now.

    ``is_behind``: the checkpoint file shows that the copy lacks records, and sending is locked.
    """

    manifest: Manifest
    kept: str
    notes: tuple[str, ...]
    is_behind: bool


def check(folder: Path) -> Manifest:
    """Verify a backup, its every hash, and that this site could take it. Raises `CannotCopy`."""
    with _in_words():
        found = manifest.read(folder)
        manifest.verify(folder, found)
        _refuse_foreign(found)
        engines.engine().refuse_unreadable(found.programs_version)
    return found


def put_back(
    *,
    folder: Path,
    is_told: bool = False,
    archives: Path | None = None,
    clock: Callable[[], datetime] = timezone.now,
) -> Restored:
    """Make the backup in ``folder`` this site's database. Raises `CannotCopy`; nothing is changed.

    ``is_told``: even though the database holds rows. ``archives``: the folder its archives go to.
    """
    found = check(folder)
    kept = f"before-restore-{clock():%Y%m%dT%H%M%SZ}"
    with _in_words():
        _refuse_archives(found, archives)
        _refuse_rows(is_told)
        engines.engine().refuse_used()
        has_own = Path(settings.AUDIT_CHECKPOINT_FILE).exists()
        note, aside = _swap(found, folder, kept, has_own)
    notes = [note, *_put_archives(found, folder, archives)]
    behind, more = _compared(found, clock(), has_own)
    return Restored(found, aside, (*filter(None, notes), *more), behind)


@contextlib.contextmanager
def _in_words() -> Iterator[None]:
    """Turn what a disk or a database refuses into a sentence, as long as nothing was changed."""
    try:
        yield
    except OSError as error:
        raise CannotCopy(f"{error.filename} cannot be used ({error.strerror}).") from None
    except DatabaseError as error:
        said = f"DATABASE_URL: the database cannot be used ({type(error).__name__})."
        raise CannotCopy(said) from None


def _swap(found: Manifest, folder: Path, kept: str, has_own: bool) -> tuple[str, str]:
    """Put file and database in place, both or none; a note on the file, and what is kept where.

    ``has_own``: a checkpoint file is in place. The backup's comes there last, where there is none:
    if it were there after a restore that was killed, the next would take it for this site's own.
    """
    engine = engines.engine()
    database = found.part(engine.FILE)
    if database is None:
        raise CannotCopy("No database is in the backup.")
    note, beside = _put_checkpoint_file(found, folder, kept, has_own)
    try:
        wanted = set(found.triggers)
        aside = engine.put_back(folder / database.name, database.sha256, wanted, kept)
    except BaseException:
        if beside:
            beside.unlink(missing_ok=True)
        raise
    if beside and not has_own:
        beside.replace(settings.AUDIT_CHECKPOINT_FILE)
    return note, aside


def _refuse_foreign(found: Manifest) -> None:
    if found.network != settings.PACIFICA_NETWORK:
        raise CannotCopy(
            f"The backup is of {found.network}, and PACIFICA_NETWORK is "
            f"{settings.PACIFICA_NETWORK}. Nothing was touched."
        )
    if found.engine != engines.vendor():
        raise CannotCopy(
            f"The backup is of {found.engine}, and DATABASE_URL is of {engines.vendor()}."
        )
    known = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    newer = [f"{app}.{name}" for app, name in found.migrations.items() if (app, name) not in known]
    if newer:
        raise CannotCopy(
            f"The backup was made by a newer version ({', '.join(newer)}): install that one first."
        )


def _refuse_rows(is_told: bool) -> None:
    tables = engines.engine().tables_with_rows()
    if tables and not is_told:
        some = ", ".join(tables[:3]) + (" and others" if len(tables) > 3 else "")
        raise CannotCopy(
            f"The database holds rows already ({some}). Nothing was touched. With --replace it is "
            "kept under another name and the backup takes its place."
        )


def _put_checkpoint_file(
    found: Manifest, folder: Path, kept: str, has_own: bool
) -> tuple[str, Path | None]:
    """Put the backup's file beside where this site has its own; that one is never changed.

    Returns a note, and the file that was made.
    """
    part, place = found.part(backup.CHECKPOINTS), Path(settings.AUDIT_CHECKPOINT_FILE)
    if part is None:
        return ("" if has_own else UNKNOWN), None
    beside = place.with_name(f"{place.name}.{kept}-of-backup")
    files.copied(folder / part.name, beside)
    files.give_to_owner(beside, place.parent)
    if has_own:
        note = f"The backup's checkpoint file is kept as {beside}; the one in place stays."
        return note, beside
    return f"No checkpoint file was in place: the backup's is there now. {UNKNOWN}", beside


UNKNOWN = (
    "Nothing tells what was recorded after the backup, so sending is not locked. If a newer "
    "checkpoint file exists anywhere, put it in place before you start a sender."
)
UNBELIEVED = (
    "Nothing in the checkpoint file in place counts here: it cannot be read, or another key signed "
    f"it. {UNKNOWN}"
)


def _refuse_archives(found: Manifest, target: Path | None) -> None:
    """Raise `CannotCopy` where an archive would meet another of its name."""
    if target is not None and not target.is_dir():
        raise CannotCopy(f"--archives: {target} is no folder.")
    for name, sha256 in _archived(found):
        there = target / name if target else None
        if there and there.exists() and files.measured(there)[1] != sha256:
            raise CannotCopy(f"{there} is another archive of the same name. Nothing was touched.")


def _put_archives(found: Manifest, folder: Path, target: Path | None) -> list[str]:
    archived = _archived(found)
    if archived and target is None:
        return [f"{len(archived)} archives stay in the backup; --archives FOLDER copies them."]
    try:
        for name, _ in archived:
            if target and not (target / name).exists():
                files.copied(folder / backup.ARCHIVES / name, target / name)
                files.give_to_owner(target / name, target)
    except OSError as error:
        return [f"The archives could not be copied ({error.strerror}); they are in the backup."]
    return [f"{len(archived)} archives are in {target}."] if archived else []


def _archived(found: Manifest) -> list[tuple[str, str]]:
    """Return name and hash of each archive."""
    inside = f"{backup.ARCHIVES}/"
    return [(p.name[len(inside) :], p.sha256) for p in found.parts if p.name.startswith(inside)]


def _compared(found: Manifest, now: datetime, has_own: bool) -> tuple[bool, list[str]]:
    """Do what comes after the swap; it is done, whatever fails here."""
    connection.close()
    try:
        engines.engine().tidy()
        return _look(found, now, has_own)
    except DatabaseError as error:
        return False, [f"It is in place, but could not be looked at ({type(error).__name__})."]


def _look(found: Manifest, now: datetime, has_own: bool) -> tuple[bool, list[str]]:
    """Compare what was put back with the checkpoint file in place; hold back what waited."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return False, [MIGRATE]
    if missing := append_only.missing_triggers(connection):
        return False, [f"The audit log is not protected: missing {', '.join(missing)}."]
    if not restored_copy.is_behind(now):
        return False, _nothing_newer(found) if has_own else []  # else it is said already
    behind = restored_copy.look(now)
    if behind is None:  # accepted in between
        return False, []
    lost = "" if behind.is_other else _lost(found.records, behind.count)
    return True, [f"{restored_copy.words(behind)}{lost} {restored_copy.HOW}"]


def _nothing_newer(found: Manifest) -> list[str]:
    if restored_copy.newest_signed() is None:
        return [UNBELIEVED]
    return [f"The checkpoint file in place tells of nothing after {found.records}."]


def _lost(records: int, signed: int) -> str:
    if signed <= records:
        return ""
    return f" The copy has {records} records and the file tells of {signed}."


MIGRATE = (
    "The backup was made by an older version: run `python manage.py migrate`. A sender compares "
    "the database with the checkpoint file before it sends anything."
)

"""Copy all that the desk remembers into a new folder, while the site runs.

In it: the database, the checkpoint file, the archives of a folder, a manifest. The checkpoint file
is copied first: then it tells of nothing that the copy of the database lacks. No key is in it.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from desk import private
from orders.operations.backups import engines, files, manifest
from orders.operations.backups.manifest import Manifest, Part
from orders.operations.backups.refusals import CannotCopy
from orders.pacifica.client import VERSION

CHECKPOINTS, ARCHIVES, README = "checkpoints.jsonl", "archives", "README.txt"
WORDS = """\
A backup of Pacifica Desk, network {network}, made at {made_at} by version {app}.

It is whole: manifest.json was written last, and lists every file with its size and SHA-256.
Put it back with:  python manage.py restore THIS_FOLDER
The drill, step by step, is in docs/operations.md under "Backup".

No key is in it. Agent keys, API config keys and second factors are sealed, passwords are hashed,
and nobody's session is in it. Keep elsewhere, for nothing of this can be made again:
  - the opening keys (AGENT_KEY_OPENING_KEYS): without them no sealed key opens;
  - SECRET_KEY: without it everybody sets up the second factor anew;
  - the checkpoint key (AUDIT_CHECKPOINT_KEY) and its public half;
  - the files of settings.
Keep it private all the same: it holds orders, people, and every request and answer.
"""


def take(
    *,
    folder: Path,
    archives: Path | None = None,
    in_checkout: bool = False,
    holds_writers: bool = False,
    clock: Callable[[], datetime] = timezone.now,
) -> Manifest:
    """Write a whole backup into a new ``folder``, or none. Raises `CannotCopy`.

    ``archives``: a folder whose zip files are copied too. A backup in the folder of the code is
    only written ``in_checkout``: from there it gets into other copies and commits.
    ``holds_writers``: even where nobody can write meanwhile.
    """
    refuse_place(folder, in_checkout=in_checkout)
    try:
        with files.finished_folder(folder) as work:
            return _write(work, archives, holds_writers, clock())
    except OSError as error:
        raise CannotCopy(f"The backup cannot be written ({error.strerror}).") from None


def refuse_place(folder: Path, *, in_checkout: bool) -> None:
    """Raise `CannotCopy` where no backup may be written."""
    if not folder.parent.is_dir():
        raise CannotCopy(f"{folder.parent} is no folder: make it first.")
    if folder.resolve().is_relative_to(settings.BASE_DIR) and not in_checkout:
        raise CannotCopy(
            f"{folder} is in the folder of the code, from where it gets into copies and commits. "
            "Name another folder, such as /var/backups/pacifica-desk-2026-11-28, or add "
            "--in-checkout."
        )


def _write(work: Path, archives: Path | None, holds_writers: bool, now: datetime) -> Manifest:
    """Write every file, the manifest last."""
    parts = [*_checkpoint_file(work), *_archives(work, archives)]
    engine = engines.engine()
    try:
        facts, version = engine.copy(work, holds_writers=holds_writers), engines.version()
    except DatabaseError as error:
        raise CannotCopy(f"The database cannot be copied ({type(error).__name__}).") from None
    about = {
        "app": VERSION,
        "made_at": now.isoformat(timespec="seconds"),
        "network": facts.network,
    }
    private.write(work / README, WORDS.format(**about).encode())
    parts += [_measured(work, engine.FILE), _measured(work, README)]
    whole = Manifest(
        **about | asdict(facts),
        engine=engines.vendor(),
        engine_version=version,
        programs_version=engine.programs_version(),
        parts=tuple(parts),
    )
    manifest.write(work, whole)
    return whole


def _checkpoint_file(work: Path) -> Iterator[Part]:
    """Copy the checkpoint file of this host, where there is one, byte for byte."""
    source = Path(settings.AUDIT_CHECKPOINT_FILE)
    if source.exists():
        yield Part(CHECKPOINTS, *files.copied(source, work / CHECKPOINTS))


def _archives(work: Path, folder: Path | None) -> Iterator[Part]:
    """Copy the zip files of a folder of archives."""
    if folder is None:
        return
    if not folder.is_dir():
        raise CannotCopy(f"--archives: {folder} is no folder.")
    (work / ARCHIVES).mkdir(mode=0o700)
    for source in sorted(folder.glob("*.zip")):
        name = f"{ARCHIVES}/{source.name}"
        yield Part(name, *files.copied(source, work / name))
    files.sync(work / ARCHIVES)


def _measured(work: Path, name: str) -> Part:
    return Part(name, *files.measured(work / name))

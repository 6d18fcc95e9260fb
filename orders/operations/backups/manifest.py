"""The list of what is in a backup, with sizes and hashes: written last, checked before all else.

Format, version 1, ``manifest.json``::

    {"format": "pacifica-desk-backup", "version": 1, "app", "made_at", "network", "engine",
     "engine_version", "programs_version", "records", "head", "checkpoint", "migrations",
     "triggers": [name], "parts": [{"name", "bytes", "sha256"}]}

``records``, ``head``: position and hash of the newest record; ``checkpoint``: number of the newest
in the database, 0 where there is none; ``migrations``: the newest of each app that was applied;
``triggers``: those of the app that stood, and must stand again;
``programs_version``: major version of the PostgreSQL programs, 0 on SQLite.
"""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from desk import private
from orders.operations.backups import files
from orders.operations.backups.refusals import CannotCopy

NAME = "manifest.json"
FORMAT, VERSION = "pacifica-desk-backup", 1
MAX_BYTES = 16 * 1024 * 1024
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Part:
    """One file of a backup: its name within the folder, length in bytes, SHA-256 as hex."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a backup holds; the module says what each field means."""

    app: str
    made_at: str
    network: str
    engine: str
    engine_version: str
    programs_version: int
    records: int
    head: str
    checkpoint: int
    migrations: dict[str, str]
    triggers: tuple[str, ...]
    parts: tuple[Part, ...]

    def part(self, name: str) -> Part | None:
        """Find the file of this name."""
        return next((part for part in self.parts if part.name == name), None)

    @property
    def bytes(self) -> int:
        """Length of all files together."""
        return sum(part.bytes for part in self.parts)


def write(folder: Path, manifest: Manifest) -> None:
    """Write it into the folder, on the disk when this returns."""
    facts = {"format": FORMAT, "version": VERSION} | asdict(manifest)
    private.write(folder / NAME, json.dumps(facts, indent=1, sort_keys=True).encode() + b"\n")


def read(folder: Path) -> Manifest:
    """Read a backup's manifest. Raises `CannotCopy` where the folder is no whole backup."""
    try:
        with (folder / NAME).open("rb") as file:
            raw = file.read(MAX_BYTES)
    except FileNotFoundError:
        raise CannotCopy(
            f"{folder} is no backup, or one that was never finished: it has no {NAME}."
        ) from None
    try:
        return _manifest(json.loads(raw))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise CannotCopy(f"{folder / NAME} cannot be read: it was changed or damaged.") from None


def _manifest(facts: dict[str, Any]) -> Manifest:
    if (facts.pop("format"), facts.pop("version")) != (FORMAT, VERSION):
        raise CannotCopy("The backup is of another format: use the version that made it.")
    parts = tuple(Part(**part) for part in facts.pop("parts"))
    triggers = tuple(map(str, facts.pop("triggers")))
    manifest = Manifest(**facts, triggers=triggers, parts=parts)
    texts = (manifest.app, manifest.made_at, manifest.network, manifest.engine, manifest.head)
    numbers = (manifest.records, manifest.checkpoint, manifest.programs_version)
    is_typed = all(type(text) is str for text in texts) and all(type(n) is int for n in numbers)
    if not (is_typed and all(map(_is_sound, parts)) and manifest.migrations.items()):
        raise ValueError
    return manifest


def _is_sound(part: Part) -> bool:
    """Whether a part names a file within the folder."""
    path = PurePosixPath(part.name)
    is_within = not path.is_absolute() and ".." not in path.parts and "\0" not in part.name
    return is_within and type(part.bytes) is int and bool(SHA256.fullmatch(part.sha256))


def verify(folder: Path, manifest: Manifest) -> None:
    """Compare every file with its size and hash. Raises `CannotCopy` naming the first that is off.

    Nothing outside the folder is read, whatever links lie in it.
    """
    for part in manifest.parts:
        if fault := _fault(folder, part):
            raise CannotCopy(f"{part.name}: {fault} Nothing was touched. Use another backup.")


def _fault(folder: Path, part: Part) -> str:
    path = folder / part.name
    if not path.resolve().is_relative_to(folder.resolve()):
        return "leads out of the backup."
    if not path.is_file():
        return "is missing."
    length, sha256 = files.measured(path)
    if length != part.bytes:
        return f"has {length} bytes, and the manifest says {part.bytes}."
    return "" if sha256 == part.sha256 else "is not what was backed up: its hash is another."

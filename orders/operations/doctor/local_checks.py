"""What this host alone tells: warnings of settings, pairs of keys, modes of files, free disk."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from django.conf import settings

from desk import private
from orders.evidence import checkpoints
from orders.evidence.checkpoints import CheckpointKeyWrong
from orders.keys import key_settings
from orders.keys.key_settings import KeySettingsWrong
from orders.operations.doctor.findings import Asked, Finding, Limits, not_asked, ok, trouble

AS_PRINTED = "Set what new_opening_key printed, in the web's and the senders' files of settings."


def check_settings(asked: Asked, limits: Limits) -> Iterator[Finding]:
    """What was warned of when the settings were read, and what real money should not stand on."""
    for said in settings.SETTING_WARNINGS:
        yield trouble("settings", said, "Mend it in the file of settings: docs/settings.md.")
    if settings.IS_SQLITE and settings.HAS_WAL_BUG and settings.IS_REAL_MONEY:
        yield trouble("settings", "this SQLite is older than 3.51.3.", "Use PostgreSQL.")
    if not settings.SETTING_WARNINGS:
        role = "a sender's" if key_settings.can_open() else "the web's"
        yield ok("settings", f"{role} settings of {settings.PACIFICA_NETWORK}.")


def check_agent_keys(asked: Asked, limits: Limits) -> Iterator[Finding]:
    """The pair that seals agent keys: readable, and two halves of one where both are held."""
    name = "opening keys"
    try:
        key_id, _ = key_settings.sealing_key()
        if not key_settings.can_open():
            yield not_asked(name, "none here; run doctor with the senders' file to compare.")
            yield ok("sealing key", f"{key_id!r} seals.")
            return
        key_settings.opening_keys()
        key_settings.newest_key()
    except KeySettingsWrong as error:
        yield trouble(name, str(error), AS_PRINTED)
        return
    yield ok(name, f"{key_id!r} seals, and its other half is held here.")


def check_checkpoint_key(asked: Asked, limits: Limits) -> Finding:
    """The pair that signs checkpoints: readable, and its public half is one that counts."""
    name = "checkpoint key"
    try:
        private_half = checkpoints.signing_key()
        listed = settings.AUDIT_CHECKPOINT_PUBLIC_KEYS
        checkpoints.trusted_keys()
    except CheckpointKeyWrong as error:
        return trouble(name, str(error), "Set what new_checkpoint_key printed.")
    if private_half is None:
        why = "AUDIT_CHECKPOINT_KEY is not set here; only a sweep signs."
        if not listed:
            return trouble(name, "no public key is set.", "Set AUDIT_CHECKPOINT_PUBLIC_KEYS.")
        return not_asked(name, why)
    if listed and checkpoints.public_half(private_half) not in listed.split(","):
        return trouble(
            name,
            "AUDIT_CHECKPOINT_KEY: its public half is not in AUDIT_CHECKPOINT_PUBLIC_KEYS.",
            "Add the new public half there, for every process; keep the old ones.",
        )
    return ok(name, "it signs, and its public half counts.")


def check_files(asked: Asked, limits: Limits) -> Iterator[Finding]:
    """Who else may open what is ours. A key file that others can read stops each start."""
    open_ones = [path for path in _ours() if path.exists() and private.is_open(path)]
    for path in open_ones:
        mode = "0700" if path.is_dir() else "0600"
        yield trouble("files", f"{path} is open to others.", f"chmod {mode} {path}")
    if not open_ones:
        yield ok("files", "nobody else may open the data, the exports or the checkpoint file.")


def _ours() -> Iterator[Path]:
    yield Path(settings.DATA_DIR)
    yield Path(settings.EXPORT_DIR)
    yield Path(settings.AUDIT_CHECKPOINT_FILE)
    if settings.IS_SQLITE:
        yield Path(str(settings.DATABASES["default"]["NAME"]))


def check_disks(
    asked: Asked, limits: Limits, usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage
) -> Iterator[Finding]:
    """Free room where data, exports, checkpoints and archives are written."""
    for name, path in _places(asked):
        try:
            total, _, free = usage(path)
        except OSError as error:
            yield trouble("disk", f"{name} cannot be looked at ({error.strerror}).", "Make it.")
            continue
        percent = 100 * free / total if total else 0.0
        said = f"{name}: {free / 1024**3:.1f} GiB free, {percent:.0f} %."
        if free < limits.free_bytes or percent < limits.free_percent:
            yield trouble("disk", said, "Make room: on a full disk nothing is recorded or sent.")
        else:
            yield ok("disk", said)


def _places(asked: Asked) -> Iterator[tuple[str, Path]]:
    yield "DATA_DIR", Path(settings.DATA_DIR)
    if Path(settings.EXPORT_DIR).exists():
        yield "EXPORT_DIR", Path(settings.EXPORT_DIR)
    yield "AUDIT_CHECKPOINT_FILE", Path(settings.AUDIT_CHECKPOINT_FILE).parent
    if asked.archives:
        yield "archives", asked.archives

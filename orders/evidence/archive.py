"""Archives: the whole log until a day, verified and self-contained. Nothing is ever deleted."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.utils import timezone

from orders.audit import log, reader
from orders.evidence import bundle, checkpoints, verify
from orders.evidence.checkpoint_file import CannotCheckpoint
from orders.models import AuditRecord, Event

BY = "(terminal)"


class CannotArchive(Exception):
    """No archive was written; the text says why."""


class CannotWrite(Exception):
    """No archive was written, because the folder does not take it; the text says why."""


@dataclass(frozen=True)
class Archive:
    """A written archive: its file, how many records, bytes, SHA-256 as hex."""

    path: Path
    count: int
    length: int
    sha256: str


def archive(
    *, before: datetime, folder: Path, clock: Callable[[], datetime] = timezone.now
) -> Archive:
    """Write every record before a moment into one zip file in ``folder``, and record that.

    All positions up to the last one before that moment: a chain without gaps. Raises
    `CannotArchive` where there are none, or where the log is not whole, and `CannotWrite`.
    """
    last = _last_before(before)
    _refuse_broken(last)
    _cover()
    try:
        made = _written(before, folder, last, clock)
    except OSError as error:
        said = f"{error.filename or folder}: {error.strerror or type(error).__name__}."
        raise CannotWrite(said) from None
    data = {"before": before.isoformat(), "count": made.count, "last": last}
    data |= {"file_sha256": made.sha256}
    log.record(log.Fact(Event.ARCHIVED, log.Actor(operator_name=BY), data=data))
    return made


def _written(before: datetime, folder: Path, last: int, clock: Callable[[], datetime]) -> Archive:
    """Write the records up to ``last`` into the file. Raises `OSError`; then none is there."""
    name = f"pacifica-desk-archive-until-{before:%Y-%m-%d}"
    work, path = folder / f"{name}.work", folder / f"{name}.zip"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    try:
        count = bundle.write_records(work, reader.entries(until=last))
        words = f"every record before {before:%Y-%m-%d %H:%M} UTC"
        query = {"to": before.isoformat()}
        bundle.finish(work, query=query, words=words, by=BY, count=count, now=clock())
        length, sha256 = bundle.pack(work, path)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return Archive(path, count, length, sha256)


def _last_before(before: datetime) -> int:
    """Return the position of the last record before a moment. Raises `CannotArchive`.

    Times may run a little out of order.
    """
    earlier = AuditRecord.objects.filter(at__lt=before).order_by("-position")
    last = earlier.values_list("position", flat=True).first()
    if last is None:
        raise CannotArchive("There is no record before that day.")
    return last


def _refuse_broken(last: int) -> None:
    report = verify.verify(until=last)
    if not report.is_whole:
        raise CannotArchive(
            f"The log is not whole ({report.fault_count} faults, first: {report.faults[0]}) "
            "Run audit_verify; nothing was written."
        )


def _cover() -> None:
    try:
        checkpoints.make()
    except CannotCheckpoint:
        return

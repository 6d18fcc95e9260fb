"""Exports: people ask for them, the background writes them; each step is recorded."""

import json
import os
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from desk import private
from orders.access.denials import refuse
from orders.access.permissions import has_permission
from orders.audit import log, reader, search
from orders.evidence import bundle, checkpoints
from orders.evidence.checkpoint_file import CannotCheckpoint
from orders.models import ErrandStatus, Event, Export, Right

if TYPE_CHECKING:
    from orders.models.desks import Person


NOT_YOURS = "Only auditors of a desk export its records."
NO_LONGER = "Its asker may no longer export the records of each of its desks."


def ask(
    *,
    user: "Person",
    actor: log.Actor,
    query: dict[str, Any],
    clock: Callable[[], datetime] = timezone.now,
) -> Export:
    """Ask for the records that fit a query, of the desks where the person may export.

    ``query``: as `search.matching`. Raises `NotAllowed`, `search.BadQuery`.
    """
    if not has_permission(user, Right.VERIFY):
        refuse(actor=actor, what="export records", said=NOT_YOURS)
    query = {name: value for name, value in query.items() if value and name != "desks"}
    search.matching(query)
    with transaction.atomic():
        export = Export.objects.create(
            **actor.columns(),
            asked_at=clock(),
            query=json.dumps(query),
            words=search.in_words(query)[:300],
            until=reader.tip(),
        )
        log.append(_fact(export, Event.EXPORT_ASKED, {"query": query}))
    return export


def run(export: Export, *, clock: Callable[[], datetime] = timezone.now) -> None:
    """Write one claimed export to its end, or go on where another process left it."""
    query = json.loads(export.query)
    query.setdefault("desks", export.exportable_desks())
    export.renew(clock(), query=json.dumps(query))
    if not query["desks"] or export.holds_others():
        export.finish(clock(), ErrandStatus.FAILED, explanation=NO_LONGER)
        return
    try:
        _write(export, query, clock)
    except (bundle.LogBroken, OSError, checkpoints.CheckpointKeyWrong) as error:
        export.finish(clock(), ErrandStatus.FAILED, explanation=f"It could not be written: {error}")


def record_download(*, export: Export, actor: log.Actor) -> None:
    """Record that somebody takes an export away, before a byte of it leaves."""
    data = {"export": export.pk, "file_sha256": export.file_sha256, "words": export.words}
    log.record(log.Fact(Event.EXPORT_DOWNLOADED, actor, data=data))


def path_of(export: Export) -> Path:
    """Return where the export's file is: in the export folder, whatever its row says."""
    folder: Path = settings.EXPORT_DIR
    return folder / f"pacifica-desk-export-{export.pk}.zip"


def opened(export: Export) -> BinaryIO | None:
    """Open the export's file for reading; None where it is not on this host."""
    try:
        return os.fdopen(os.open(path_of(export), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
    except OSError:
        return None


def _write(export: Export, query: dict[str, Any], clock: Callable[[], datetime]) -> None:
    private.make_folder(settings.EXPORT_DIR)
    folder = settings.EXPORT_DIR / f"{export.key}.work"
    private.make_folder(folder)
    begun = json.loads(export.lengths)
    is_here = all(_length(folder / n) >= begun.get(n, 0) for n in (bundle.RECORDS, bundle.TABLE))
    if (
        begun.get("version") != bundle.VERSION or not is_here
    ):  # an earlier release's, another host's
        begun, export.done, export.record_count = {}, 0, 0
    before = export.record_count or 0

    def keep(position: int, lengths: dict[str, int], count: int) -> None:
        written = lengths | {"version": bundle.VERSION}
        so_far = before + count
        is_ours = export.renew(
            clock(), record_count=so_far, done=position, lengths=json.dumps(written)
        )
        if not is_ours:
            raise bundle.LogBroken("another process took it over")

    export.renew(clock(), total=export.until)
    records = search.matching(query)
    entries = reader.entries(after=export.done, until=export.until, queryset=records)
    count = before + bundle.write_records(folder, entries, lengths=begun, on_chunk=keep)
    _cover()
    manifest = bundle.finish(
        folder,
        query=query,
        words=search.in_words(query),
        by=export.operator_name,
        count=count,
        now=clock(),
    )
    _complete(export, folder, manifest, clock)


def _length(path: Path) -> int:
    """Return a file's bytes, 0 where it is not on this host."""
    return path.stat().st_size if path.exists() else 0


def _complete(
    export: Export, folder: Path, manifest: dict[str, Any], clock: Callable[[], datetime]
) -> None:
    path = path_of(export)
    length, sha256 = bundle.pack(folder, path)
    facts = {name: manifest[name] for name in ("count", "first", "last", "is_covered")}
    with transaction.atomic():
        is_ours = export.finish(
            clock(),
            ErrandStatus.DONE,
            file_name=path.name,
            file_length=length,
            file_sha256=sha256,
            record_count=manifest["count"],
            explanation=_said(manifest),
        )
        if is_ours:
            log.append(_fact(export, Event.EXPORTED, facts | {"file_sha256": sha256}))
    shutil.rmtree(folder, ignore_errors=True)


def _said(manifest: dict[str, Any]) -> str:
    if manifest["signature"] is None:
        return "Not signed: AUDIT_CHECKPOINT_KEY is not set for the sweep."
    if not manifest["count"]:
        return "Signed. No record fits."
    if not manifest["is_covered"]:
        return "Signed, but no checkpoint covers all of it."
    return "Signed, and covered by a checkpoint."


def _cover() -> None:
    """Make a checkpoint for what is exported, where one can be made."""
    try:
        checkpoints.make()
    except CannotCheckpoint:
        return


def _fact(export: Export, event: Event, facts: dict[str, Any]) -> log.Fact:
    actor = log.Actor(export.operator_id, export.operator_name, export.session_hash, export.address)
    data = {"export": export.pk, "words": export.words} | facts
    return log.Fact(event, actor, data=data)

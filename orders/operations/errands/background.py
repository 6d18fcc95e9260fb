"""What the sweep does for the log itself: checkpoints, and errands in a process of their own."""

import logging
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial, reduce
from operator import or_
from typing import TypeVar

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from orders.evidence import checkpoints
from orders.evidence.checkpoint_file import CannotCheckpoint
from orders.models import (
    AuditCheckpoint,
    ErrandStatus,
    Export,
    PanicLine,
    Restore,
    Verification,
)
from orders.models.clocks import is_ahead
from orders.models.errands import Errand, ErrandQuerySet
from orders.models.prepared import MOMENTS, Prepared, any_of
from orders.operations.errands import exports, verification_requests

logger = logging.getLogger(__name__)
CHECKPOINT_EVERY = timedelta(seconds=60)
Work = TypeVar("Work", bound=Errand)


def run_due(*, clock: Callable[[], datetime] = timezone.now) -> int:
    """Carry out every errand that nobody works on; return how many. One that breaks has failed."""
    run_export = partial(exports.run, clock=clock)
    run_verification = partial(verification_requests.run, clock=clock)
    exported = _run_all(Export.objects.all(), run_export, clock)
    return exported + _run_all(Verification.objects.all(), run_verification, clock)


def _run_all(
    errands: ErrandQuerySet[Work], run: Callable[[Work], None], clock: Callable[[], datetime]
) -> int:
    carried = 0
    while (errand := errands.claim(clock())) is not None:
        carried += 1
        try:
            run(errand)
        except Exception:  # whatever broke it, the next one must still get its turn
            logger.exception("%s broke.", errand)
            said = "It broke; the sweep's log says why."
            errand.finish(clock(), ErrandStatus.FAILED, explanation=said)
    return carried


_any_export = Prepared(lambda now: any_of(Export.objects.claimable(now)), now=MOMENTS)
_any_verification = Prepared(lambda now: any_of(Verification.objects.claimable(now)), now=MOMENTS)


class Errands:
    """Start a process for what is due, so that long work slows no other duty of the sweep."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def start_due(self, now: datetime) -> None:
        """Start it, unless it runs already or there is nothing to do."""
        if self._process is not None and self._process.poll() is None:
            return
        if _any_export(now=now) or _any_verification(now=now):
            command = [sys.executable, "-m", "django", "run_errands"]
            self._process = subprocess.Popen(command, cwd=settings.BASE_DIR)  # noqa: S603


def checkpoint_due(now: datetime) -> None:
    """Sign what is new, once a minute, a panic or an accepted copy at once; only with a key."""
    if not settings.AUDIT_CHECKPOINT_KEY:
        return
    last = AuditCheckpoint.objects.first()
    if last is not None and not _is_due(last, now):
        return
    try:
        checkpoints.make()
    except CannotCheckpoint as error:
        logger.error("No checkpoint: %s", error)


def _is_due(last: AuditCheckpoint, now: datetime) -> bool:
    """Whether a minute is over, or something of a panic is new: no panic may leave twice.

    Also where a copy put back was accepted: until that is signed the log looks broken.
    """
    if last.at <= now - CHECKPOINT_EVERY or is_ahead(last.at, now):
        return True
    if Restore.objects.unsigned().exists():
        return True
    steps = ("asked_at", "last_sent_at", "answered_at", "seen_empty_at")
    newer = (Q(**{f"{step}__gt": last.at}) for step in steps)
    return PanicLine.objects.filter(reduce(or_, newer)).exists()

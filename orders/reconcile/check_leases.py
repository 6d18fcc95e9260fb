"""Which open questions a settler holds, and until when: each is asked about by one at a time."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, prefetch_related_objects

from orders.models import Cancel, CancelKind

ONE_READ = timedelta(milliseconds=settings.PACIFICA_DEADLINE_MS)
CHECK_LEASE = ONE_READ + timedelta(seconds=3)  # renewed before each read
STREAM_GRACE = timedelta(seconds=1)  # from an answer that proves nothing to the first read
MAX_AT_ONCE = 10_000  # all of an account are answered by one reading


def lease_due(
    *, account_id: int, now: datetime, is_twap: bool, at_once: int = MAX_AT_ONCE
) -> list[Cancel]:
    """Questions that are due, the longest due first, each taken by one settler.

    Taking one moves its next check, so that a settler that dies holds it for seconds only.
    """
    due = Cancel.objects.due(now).filter(account_id=account_id)
    due = due.filter(kind=CancelKind.TWAP) if is_twap else due.exclude(kind=CancelKind.TWAP)
    until = now + CHECK_LEASE
    with transaction.atomic():
        skips = connection.features.has_select_for_update_skip_locked
        rows = due.order_by("next_check_at", "pk").select_for_update(skip_locked=skips, no_key=True)
        ids = list(rows.values_list("pk", flat=True)[:at_once])
        due = Cancel.objects.filter(pk__any=set(ids))
        due.update(next_check_at=until)
        taken = list(due.select_related("known_order"))
        prefetch_related_objects(taken, "account__desk", "job__desk")
    for cancel in taken:
        cancel.checks += 1  # written with what it showed
    return taken


def leave_to_stream(*, account_id: int, now: datetime) -> None:
    """Put off the first look at questions of a moment ago: the stream mostly answers them."""
    since = now - STREAM_GRACE
    young = Cancel.objects.due(now).filter(account_id=account_id, checks=0, answered_at__gt=since)
    young.filter(answered_at__lte=now).update(next_check_at=F("answered_at") + STREAM_GRACE)


def hold(cancels: list[Cancel], now: datetime) -> None:
    """Keep them for one more read, unless somebody else took them or had them checked anew."""
    held_until = cancels[0].next_check_at
    if held_until is None or held_until >= now + ONE_READ:
        return
    until = now + CHECK_LEASE
    mine = Cancel.objects.filter(pk__any={c.pk for c in cancels}, next_check_at=held_until)
    mine.update(next_check_at=until)
    for cancel in cancels:
        cancel.next_check_at = until


def still_taken(cancels: list[Cancel]) -> dict[int, str]:
    """Status by id of the cancels whose check is still ours: nobody moved them meanwhile."""
    rows = Cancel.objects.filter(pk__any={cancel.pk for cancel in cancels}).order_by("pk")
    rows = rows.select_for_update(no_key=True)
    found = {
        pk: (status, at) for pk, status, at in rows.values_list("pk", "status", "next_check_at")
    }
    return {
        cancel.pk: cancel.status
        for cancel in cancels
        if found[cancel.pk] == (cancel.status, cancel.next_check_at)
    }

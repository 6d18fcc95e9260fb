"""Take what cancelled orders had filled from the updates of the stream that the log keeps."""

from collections.abc import Callable
from datetime import datetime

from django.db import transaction

from orders.lifecycle.order_closure import Closure
from orders.models import Cancel
from orders.reconcile import closures, stream_evidence
from orders.reconcile.closures import ENDS, FILLS

COLUMNS = ["filled_amount", "cancelled_amount", "amounts_due_at"]
AT_ONCE = 200  # rows of one statement


def write(
    cancels: list[Cancel],
    still_taken: Callable[[list[Cancel], datetime], list[Cancel]],
    now: datetime,
) -> list[Cancel]:
    """Write the amounts that are kept into their cancels; return the cancels left.

    ``still_taken``: which of them nobody took over since; it locks them.
    """
    kept = stream_evidence.kept_of(cancels)
    endings = {pk: closures.of_update(row) for pk, (_, row, _) in kept.items()}
    told = {pk: ending for pk, ending in endings.items() if ending is not None and _tells(ending)}
    if not told:
        return cancels
    with transaction.atomic():
        known = [cancel for cancel in still_taken(cancels, now) if cancel.pk in told]
        for cancel in known:
            cancel.filled_amount = told[cancel.pk].filled_amount
            cancel.cancelled_amount = told[cancel.pk].cancelled_amount
            cancel.amounts_due_at = None
        Cancel.objects.bulk_update(known, COLUMNS, batch_size=AT_ONCE)
    return [cancel for cancel in cancels if cancel.pk not in told]


def _tells(ending: Closure) -> bool:
    """Whether it tells both amounts of an order that did not fill."""
    is_unfilled = ending.status in ENDS - FILLS
    return is_unfilled and bool(ending.filled_amount and ending.cancelled_amount)

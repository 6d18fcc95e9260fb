"""A job's cancels, counted in one look: what its page tells and draws is made of these groups."""

from datetime import datetime
from typing import NamedTuple

from django.db.models import Count, Q

from orders.models import CancelJob


class Group(NamedTuple):
    """Cancels of one account and symbol that are in one status since one moment, and how many.

    ``concluded_at``: None as long as they wait. ``contradicted``: later evidence spoke against so
    many of them. ``unsent``: nothing ever left for so many. The cancels of one answer conclude at
    one moment, so groups are few.
    """

    account_id: int
    status: str
    symbol: str
    concluded_at: datetime | None
    size: int
    contradicted: int
    unsent: int


def groups_of(job: CancelJob) -> list[Group]:
    """Count the job's cancels; one query that walks them once."""
    groups = job.cancels.order_by().values_list("account_id", "status", "symbol", "concluded_at")
    contradicted = Count("pk", filter=Q(has_contradiction=True))
    unsent = Count("pk", filter=Q(first_sent_at=None))
    counted = groups.annotate(n=Count("pk"), n_contradicted=contradicted, n_unsent=unsent)
    return [Group._make(row) for row in counted]

"""The newest jobs about one account, without a look at all that its desk ever did."""

from django.db.models import F

from orders.models import Account, Cancel, CancelJob, PanicLine
from orders.models.newest import Parts, count_up_to, newest
from orders.templatetags.desk import visible

REACHES = (100, 1_000)  # of its desk's newest jobs; a second look is for an account that rests


def newest_about(account: Account, many: int) -> list[CancelJob]:
    """Return the newest jobs that cancel on the account or empty it, of its desk's newest 1,000.

    The cancels of those are read: no more however many older ones there are.
    """
    found: list[int] = []
    for reach in REACHES:
        ids = newest(CancelJob.objects.all(), parts=_desk(account), many=reach)
        about = _about(account, ids)
        found = [pk for pk in ids if pk in about]
        if len(found) >= many or len(ids) < reach:
            break
    rows = CancelJob.objects.in_bulk(found[:many])
    return [rows[pk] for pk in found[:many]]


def none_found(account: Account) -> str:
    """Say that there is none, or that none of those looked at is about the account."""
    most = REACHES[-1]
    if count_up_to(CancelJob.objects.all(), parts=_desk(account), many=most) < most:
        return "Nobody has cancelled anything on this account yet."
    return (
        f"None of the newest {most:,} jobs of {visible(account.desk.name)} is about this account."
    )


def _desk(account: Account) -> Parts:
    return [{"desk": account.desk_id}]


def _about(account: Account, jobs: list[int]) -> set[int]:
    """Which of these jobs are about the account; by job, for an account may have many cancels."""
    cancels = Cancel.objects.alias(of=F("account_id") + 0).filter(of=account.pk, job__in=jobs)
    lines = PanicLine.objects.filter(account=account, job__in=jobs)
    rows = [some.order_by().values_list("job", flat=True).distinct() for some in (cancels, lines)]
    return {pk for some in rows for pk in some}

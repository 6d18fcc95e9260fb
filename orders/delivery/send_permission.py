"""Whether a job's cancels may be sent: asked before signing, and again before each request."""

from collections.abc import Callable

from django.contrib.auth import get_user_model
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from orders.access.permissions import has_permission, memberships_with
from orders.models import (
    Account,
    AgentWallet,
    CancelJob,
    Desk,
    JobStatus,
    PanicLine,
    Right,
)
from orders.models.prepared import Prepared

Holds = Callable[[int | None, Right, Desk], bool]


def asker_of(job: CancelJob, account: Account) -> CancelJob | PanicLine:
    """Who stands behind the job: behind a panic's cancels, who asked last for the account."""
    line = job.panic_lines.filter(account=account).first() if job.is_panic else None
    return job if line is None else line


_person = Prepared(lambda pk: get_user_model().objects.filter(pk=pk), pk=(1, 2))


def holds(operator_id: int | None, right: Right, desk: Desk) -> bool:
    """Whether the person has this right on the desk now."""
    (operator,) = _person(pk=operator_id)  # type: ignore[arg-type]  # of a line: null in no row
    return has_permission(operator, right, desk=desk)


def may_not_send(
    job: CancelJob | PanicLine,
    account: Account,
    *,
    panic: bool = False,
    holds: Holds = holds,
) -> str:
    """Why nothing may be sent for this job, or this line of a panic, or nothing.

    Rights are asked for again here, by ``holds``.
    """
    right = Right.PANIC if panic else Right.CANCEL
    if not account.is_active or not job.desk.is_active:
        return f"Not sent: {account.name} or its desk was deactivated."
    if job.desk != account.desk:
        return f"Not sent: {account.name} went to another desk since this was asked."
    if not holds(job.operator_id, right, job.desk):
        return f"Not sent: {job.operator_name} may no longer cancel on {job.desk.name}."
    return ""


def must_halt(job_id: int, wallet: AgentWallet) -> bool:
    """Whether nothing more may leave.

    Its job was stopped, its agent wallet disabled, its account or desk deactivated, or whoever
    asked lost the right or their own account. It is asked before each request.
    """
    sql, params = _may_go_on.statement(
        job_id=job_id, account_id=wallet.account_id, public_key=wallet.public_key
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchone() is None


def _running(job_id: int, account_id: int, public_key: str) -> QuerySet[CancelJob, int]:
    """Return the job's id if it may go on."""
    lines = PanicLine.objects.filter(job=OuterRef("pk"), account=account_id)
    asker = Coalesce(Subquery(lines.values("operator_id")[:1]), "operator_id")
    running = CancelJob.objects.filter(
        pk=job_id, status=JobStatus.RUNNING, desk__accounts=account_id
    )
    may = memberships_with(Right.CANCEL, account_id=account_id).filter(user_id=OuterRef("asker"))
    signs = signing_wallets(account_id, public_key)
    running = running.annotate(asker=asker).filter(Exists(signs), Exists(may))
    return running.order_by().values_list("pk", flat=True)


def signing_wallets(account_id: int, public_key: str) -> QuerySet[AgentWallet]:
    """The account's agent wallet of this key, while it may sign."""
    wallets = AgentWallet.objects.filter(account=account_id, public_key=public_key)
    return wallets.filter(is_active=True).order_by("pk")


_may_go_on = Prepared(_running, job_id=(1, 2), account_id=(3, 4), public_key=("a", "b"))

"""Acts of a program on orders that it names, and on a job of its desk."""

from collections.abc import Collection
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Path, Router

from orders.access import bearers, token_pace
from orders.api import acts
from orders.api.callers import Bearer, Caller, caller_of
from orders.api.problems import Refused, not_found
from orders.api.read_routes import job_of
from orders.api.shapes import RowId
from orders.cancels import jobs, requests
from orders.cancels.intake import CancelReceipt, asked_before
from orders.lifecycle.targets import CannotAsk, check_reason
from orders.models import Account, ApiAct, TokenRight
from orders.pacifica.signing import MAX_ORDER_ID

MOST = 200  # orders that one request names
URGENT = 1  # so many of a program go before bulk jobs: clicks of people come first
UUID = r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"

cancelling = Router(auth=Bearer(TokenRight.CANCEL, pace=token_pace.acts), tags=["acts"])
stopping = Router(
    auth=Bearer(TokenRight.CANCEL, TokenRight.BULK, pace=token_pace.acts), tags=["acts"]
)


class CancelGiven(acts.Given):
    """Orders of one account and one symbol, by order id or by client order id."""

    account_id: RowId
    symbol: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[!-~]+$")]
    kind: Literal["order", "stop", "twap"] = "order"
    order_ids: list[Annotated[int, Field(ge=1, le=MAX_ORDER_ID)]] = Field([], max_length=MOST)
    client_order_ids: list[Annotated[str, Field(pattern=UUID)]] = Field([], max_length=MOST)
    reason: acts.Reason = ""


@cancelling.post("/cancels", response={202: acts.Recorded})
def cancel(
    request: HttpRequest, given: CancelGiven, key: acts.Key, wait: acts.Wait = 0
) -> acts.Told:
    """Cancel orders by their ids: one goes at once, more as a bulk job."""
    caller = caller_of(request)
    own_accounts(caller, [given.account_id], "cancel an order")
    act = acts.begin(caller, key, "cancel", given)
    recorded = acts.once(act, lambda: acts.of_receipt(_cancel(caller, given, act)))
    return acts.told(request, recorded, wait)


def _cancel(caller: Caller, given: CancelGiven, act: ApiAct) -> CancelReceipt:
    """Ask for the cancels. What this act asked for before stands, whatever changed since."""
    if before := asked_before(caller.actor, [caller.desk], acts.request_key(act)):
        return before
    ids: list[tuple[int | None, str | None]] = [(number, None) for number in given.order_ids]
    ids += [(None, name) for name in given.client_order_ids]
    if not 0 < len(ids) <= MOST:
        raise CannotAsk(f"Name 1 to {MOST} orders.", field="order_ids")
    check_reason([caller.desk], given.reason)
    return requests.cancel_by_ids(
        user=caller.user,
        actor=caller.actor,
        account_id=given.account_id,
        symbol=given.symbol,
        kind=given.kind,
        ids=ids,
        reason=plain(given.reason),
        request_key=acts.request_key(act),
        urgent_up_to=URGENT,
    )


@stopping.post("/jobs/{job_id}/stop", response={202: acts.Recorded})
def stop(
    request: HttpRequest, job_id: Path[RowId], key: acts.Key, wait: acts.Wait = 0
) -> acts.Told:
    """Send nothing new of a job; what is under way is followed to its end. 409 for a panic."""
    caller = caller_of(request)
    job = job_of(caller, job_id)
    act = acts.begin(caller, key, f"stop {job_id}")

    def do() -> dict[str, Any]:
        said = jobs.stop(user=caller.user, actor=caller.actor, job_id=job.pk)
        if job.is_panic:
            raise Refused(409, said)
        return acts.of_job(said, job)

    recorded = acts.once_together(act, do)
    return acts.told(request, recorded, wait)


def own_accounts(caller: Caller, ids: Collection[int], what: str) -> None:
    """Raise `Refused` where one of these is no account of the caller's desk, and record it."""
    wanted = set(ids)
    if Account.objects.filter(pk__in=wanted, desk=caller.desk).count() < len(wanted):
        what, where = f"{what} of another desk's account", caller.actor.address
        bearers.refuse(token=caller.token, address=where, what=what, now=timezone.now())
        raise not_found()


def plain(text: str) -> str:
    """Return a text on one line, without control characters, as forms take it."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())

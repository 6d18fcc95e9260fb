"""Pull a panic: empty the desk's books, or some of them."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Field, Router

from orders.access import token_pace
from orders.api import acts
from orders.api.callers import Bearer, Caller, caller_of
from orders.api.cancel_routes import own_accounts, plain
from orders.api.shapes import RowId
from orders.models import ApiAct, CancelJob, TokenRight
from orders.panic import decision

router = Router(auth=Bearer(TokenRight.PANIC, pace=token_pace.panics), tags=["acts"])


class PanicGiven(acts.Given):
    """Which books to empty; none named means every active account of the desk."""

    account_ids: list[RowId] = Field([], max_length=1000)
    symbol: Annotated[str, Field(max_length=64, pattern=r"^[!-~]*$")] = ""
    keep_reduce_only: bool = False
    is_drill: bool = Field(False, description="On drill accounts alone.")
    reason: acts.Reason = ""


@router.post("/panics", response={202: acts.Recorded})
def panic(request: HttpRequest, given: PanicGiven, key: acts.Key, wait: acts.Wait = 0) -> acts.Told:
    """Pull a panic: it is recorded, and the sweep sends it without a broker."""
    caller = caller_of(request)
    own_accounts(caller, given.account_ids, "panic")
    act = acts.begin(caller, key, "panic", given)

    def do() -> dict[str, Any]:
        job = _panic(caller, given, act)
        return acts.of_job(f"Recorded: {job.scope}.", job)

    return acts.told(request, acts.once(act, do), wait)


def _panic(caller: Caller, given: PanicGiven, act: ApiAct) -> CancelJob:
    """Pull the panic. What this act pulled before stands, whatever accounts there are since."""
    key = acts.request_key(act)
    if before := decision.asked_before(caller.actor, caller.desk, key):
        return before
    return decision.record_panic(
        user=caller.user,
        actor=caller.actor,
        desk_id=caller.desk.pk,
        account_ids=given.account_ids,
        symbol=given.symbol,
        keep_reduce_only=given.keep_reduce_only,
        reason=plain(given.reason),
        is_drill=given.is_drill,
        request_key=key,
        key_says_all=True,
    )

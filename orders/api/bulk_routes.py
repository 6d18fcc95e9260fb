"""Cancel whatever matches a scope: by a preview and its hash, or in one step within a bound."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Field, Path, Router, Schema
from ninja.responses import Status

from orders.access import token_pace
from orders.api import acts
from orders.api.callers import Bearer, Caller, caller_of
from orders.api.cancel_routes import URGENT, own_accounts, plain
from orders.api.problems import not_found
from orders.api.shapes import RowId
from orders.cancels.bulk import previews
from orders.cancels.bulk.scope import Scope
from orders.cancels.intake import CancelReceipt
from orders.lifecycle.targets import CannotAsk, check_case
from orders.models import ApiAct, Order, Preview, TokenRight

Price = Annotated[str, Field(pattern=r"^[0-9]{1,14}(\.[0-9]{1,12})?$")]
Symbol = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[!-~]+$")]
Type = Annotated[str, Field(pattern=r"^[a-z_]{1,64}$")]
router = Router(auth=Bearer(TokenRight.BULK, pace=token_pace.acts), tags=["acts"])


class ScopeGiven(acts.Given):
    """Which open orders of the desk; what is left out means *any*."""

    account_ids: list[RowId] = Field([], max_length=100)
    symbols: list[Symbol] = Field([], max_length=50)
    side: Literal["", "bid", "ask"] = ""
    order_types: list[Type] = Field([], max_length=20)
    min_age_s: Annotated[int, Field(ge=1, le=10**6)] | None = None
    min_price: Price | None = None
    max_price: Price | None = None
    spare_reduce_only: bool = False
    spare_stops: bool = False
    order_of_work: Literal["oldest", "best_price", "largest"] = "oldest"

    def scope(self, desk_id: int) -> Scope:
        """Return the scope that this means on a desk."""
        return Scope(
            desk_id=desk_id,
            account_ids=tuple(self.account_ids),
            symbols=tuple(self.symbols),
            side=self.side,
            order_types=tuple(self.order_types),
            min_age_s=self.min_age_s,
            min_price=Decimal(self.min_price) if self.min_price else None,
            max_price=Decimal(self.max_price) if self.max_price else None,
            spare_reduce_only=self.spare_reduce_only,
            spare_stops=self.spare_stops,
            order_of_work=self.order_of_work,
        )


class OneStepGiven(ScopeGiven):
    """A scope, and how many orders it holds at most; with more, nothing is done."""

    expect_at_most: Annotated[int, Field(ge=1, le=previews.LIMITS.orders)]
    reason: acts.Reason = ""


class ConfirmGiven(acts.Given):
    """The hash of the frozen set, as the preview told it."""

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    reason: acts.Reason = ""


class PreviewTold(Schema):
    """A frozen set of orders. Making it cancels nothing."""

    id: UUID
    scope: str
    count: int
    sha256: str
    is_everything: bool = Field(description="Nothing narrows it down: the whole desk.")
    made_at: datetime
    confirm_before: datetime


@router.post("/previews", response={201: PreviewTold})
def preview(request: HttpRequest, given: ScopeGiven) -> acts.Told:
    """Freeze the open orders that match a scope. Nothing is cancelled by that."""
    caller = caller_of(request)
    own_accounts(caller, given.account_ids, "preview")
    made = _preview(caller, given)
    told = {name: getattr(made, name) for name in ("id", "scope", "count", "is_everything")}
    told |= {"made_at": made.made_at, "confirm_before": made.made_at + previews.VALID_FOR}
    return Status(201, told | {"sha256": made.targets_sha256})


@router.post("/previews/{preview_id}/confirm", response={202: acts.Recorded})
def confirm(
    request: HttpRequest,
    preview_id: Path[UUID],
    given: ConfirmGiven,
    key: acts.Key,
    wait: acts.Wait = 0,
) -> acts.Told:
    """Cancel exactly the frozen set of a preview, once."""
    caller = caller_of(request)
    frozen = Preview.objects.filter(pk=preview_id, desk=caller.desk, made_by=caller.user).first()
    if frozen is None:
        raise not_found()
    if frozen.targets_sha256 != given.sha256:
        raise CannotAsk("This is not the hash of the frozen set.", field="sha256")
    act = acts.begin(caller, key, f"confirm {preview_id}", given)
    recorded = acts.once(act, lambda: acts.of_receipt(_confirm(caller, frozen, given.reason)))
    return acts.told(request, recorded, wait)


@router.post("/cancels/scope", response={202: acts.Recorded})
def cancel_scope(
    request: HttpRequest, given: OneStepGiven, key: acts.Key, wait: acts.Wait = 0
) -> acts.Told:
    """Cancel whatever matches a scope in one step, if it is no more than expected."""
    caller = caller_of(request)
    own_accounts(caller, given.account_ids, "cancel by scope")
    act = acts.begin(caller, key, "cancel scope", given)

    def do() -> dict[str, Any]:
        return acts.of_receipt(_confirm(caller, _frozen(caller, act, given), given.reason))

    return acts.told(request, acts.once(act, do), wait)


def _frozen(caller: Caller, act: ApiAct, given: OneStepGiven) -> Preview:
    """Return the set that this act froze first; of two that come at once, one counts."""
    if act.preview_id is None:
        made = _preview(caller, given)
        if made.count > given.expect_at_most:
            said = f"The scope holds {made.count} orders, more than {given.expect_at_most}."
            raise CannotAsk(f"{said} Nothing was cancelled.", field="expect_at_most")
        ApiAct.objects.filter(pk=act.pk, preview=None).update(preview=made)
        act.refresh_from_db()
    assert act.preview is not None  # previews are never deleted
    return act.preview


def _preview(caller: Caller, given: ScopeGiven) -> Preview:
    if given.symbols:
        of_desk = Order.objects.open().filter(account__desk=caller.desk, account__is_active=True)
        known = of_desk.order_by().values_list("symbol", flat=True).distinct()
        check_case(given.symbols, set(known))
    scope = given.scope(caller.desk.pk)
    return previews.of_scope(user=caller.user, actor=caller.actor, scope=scope)


def _confirm(caller: Caller, frozen: Preview, reason: str) -> CancelReceipt:
    """Confirm with what a person would have typed: the hash, or the bound, says as much."""
    return previews.confirm(
        user=caller.user,
        actor=caller.actor,
        preview_id=frozen.pk,
        reason=plain(reason),
        typed=previews.must_type(frozen),
        urgent_up_to=URGENT,
    )

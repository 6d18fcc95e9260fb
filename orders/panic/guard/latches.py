"""The mark that a halt leaves: what appears on the account afterwards is told of, and cancelled.

The exchange cannot keep new orders out. A latch is the next best: each order that appears after the
halt is alarmed and, where the desk wants it so, cancelled at once, once, at a bounded rate.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from orders.access import four_eyes
from orders.access.denials import refuse
from orders.audit import log
from orders.cancels import requests
from orders.exchange import clock as exchange_clock
from orders.exchange import credits
from orders.lifecycle.targets import demanded_reason
from orders.models import (
    Account,
    Cancel,
    CancelJob,
    CancelStatus,
    Desk,
    Event,
    Latch,
    Order,
    PanicLine,
    ProposalKind,
    Right,
)
from orders.models.desks import LatchMode
from orders.models.guards import idle
from orders.models.orders import OrderQuerySet, OrderState
from orders.models.prepared import Prepared
from orders.panic.guard import facts

if TYPE_CHECKING:
    from orders.models.desks import Person

NAME = "latch"  # under which it cancels
NO_LATCH = "There is no such latch, or it is not yours to release."


def set_on(
    job: CancelJob,
    desk: Desk,
    accounts: Sequence[Account],
    symbol: str,
    actor: log.Actor,
    now: datetime,
) -> list[log.Fact]:
    """Latch the accounts of a panic where the desk wants it; return the record of it.

    Call it in the panic's own transaction. ``symbol``: which alone is latched; empty for every one.
    A drill leaves no mark. A latch that stands on the same stays, but this panic takes it over,
    dated anew, where it only alarms and the desk wants cancels by now, or where it cancels and who
    is behind it may not. No latch is made to alarm alone.
    """
    if job.is_drill or desk.latch_mode == LatchMode.OFF:
        return []
    is_cancelling = desk.latch_mode == LatchMode.CANCEL
    held = Latch.objects.holding().filter(account__in=accounts, symbol=symbol)
    standing = list(held.select_related("account", "job__operator"))
    weak = idle(standing)
    taken = [one for one in standing if one.pk in weak or is_cancelling > one.is_cancelling]
    _take_over(taken, job, now)
    before = {latch.account_id for latch in standing}
    fresh = [account for account in accounts if account.pk not in before]
    about = {"job": job, "symbol": symbol, "is_cancelling": is_cancelling, "set_at": now}
    rows = [Latch(account=account, **about) for account in fresh]
    Latch.objects.bulk_create(rows, ignore_conflicts=True)
    told = partial(facts.of_accounts, Event.LATCHED, desk, actor, now, job=job)
    named = {"symbol": symbol} if symbol else {}
    found = [told(fresh, data=named | {"is_cancelling": is_cancelling})] if fresh else []
    if taken:
        anew = named | {"is_cancelling": True, "is_anew": True}
        found.append(told([latch.account for latch in taken], data=anew))
    return found


def _take_over(latches: Sequence[Latch], job: CancelJob, now: datetime) -> None:
    """Let a new panic stand behind latches; what appeared before it is that panic's own."""
    if not latches:
        return
    same = Latch.objects.holding().filter(pk__in=[latch.pk for latch in latches])
    list(same.locked())
    same.update(job=job, is_cancelling=True, set_at=now, appeared=0)


_holding = Prepared(lambda: Latch.objects.holding().values_list("pk", flat=True)[:1])


def any_holds(_: datetime) -> bool:
    """Whether any latch holds. The moment that duties are given is not used."""
    return bool(_holding())


def due(now: datetime) -> list[int]:
    """Return the latches with new open orders, by id; two queries, however many hold.

    What a panic at work is about, that panic takes.
    """
    if not any_holds(now):
        return []
    clock = exchange_clock.offset_and_error(now)
    placed = _placed_after(OuterRef("set_at"), *clock)
    spared = _made_of_a_spared_stop(OuterRef(OuterRef("job")), OuterRef(OuterRef("set_at")), *clock)
    fresh = _left(Order.objects.open()).filter(placed, ~spared, account=OuterRef("account"))
    meant = Q(Exists(fresh), symbol="") | Q(Exists(fresh.filter(symbol=OuterRef("symbol"))))
    found = Latch.objects.holding().filter(meant)
    return list(found.order_by("pk").values_list("pk", flat=True))


def look_at(latch_id: int) -> None:
    """Count what appeared on a latched account, and cancel it where the desk wants that."""
    latch = Latch.objects.select_related(
        "account__desk", "account__api_config_key", "job__operator"
    ).get(pk=latch_id)
    if latch.is_cancelling:
        _cancel(latch, _left(appeared(latch).open()))
    count = appeared(latch).count()
    Latch.objects.filter(pk=latch.pk).exclude(appeared=count).update(appeared=count)


def release(*, user: "Person", actor: log.Actor, latch_id: int, reason: str) -> str:
    """Release a latch, with a reason. `NotAllowed`, `CannotAsk`, `Waits`."""
    found = Latch.objects.allowing(user, Right.SET_GUARDS).filter(pk=latch_id)
    latch = found.select_related("account__desk").first()
    if latch is None:
        refuse(actor=actor, what=f"release latch {latch_id}", said=NO_LATCH)
    reason = demanded_reason(reason)
    four_eyes.wait_if_needed(
        kind=ProposalKind.GUARD,
        desk=latch.account.desk,
        about=f"latch {latch.pk}",
        content={"latch": latch.pk, "reason": reason},
        words=f"Release the latch on {latch.where} of {latch.account.desk}: {reason}",
        user=user,
        actor=actor,
    )
    return write_release(latch.pk, actor, reason)


def write_release(latch_id: int, actor: log.Actor, reason: str) -> str:
    """Write and record a release that was permitted."""
    latch, now = Latch.objects.select_related("account__desk").get(pk=latch_id), timezone.now()
    with transaction.atomic():
        values = {"released_at": now, "released_by_name": actor.operator_name}
        holding = Latch.objects.holding().filter(pk=latch.pk)
        if not holding.update(**values, release_reason=reason):
            return f"{latch.where} was released before."
        desk, named = latch.account.desk, {"symbol": latch.symbol} if latch.symbol else {}
        told = named | {"reason": reason}
        log.append(
            facts.of_accounts(Event.LATCH_RELEASED, desk, actor, now, [latch.account], data=told)
        )
    return f"{latch.where} is released: what appears there is nobody's alarm any more."


def appeared(latch: Latch) -> OrderQuerySet:
    """Return the orders that were placed on what is latched after its halt, as the exchange dates.

    Dated and undated ones are asked for apart, in each state: so an index by age leads to them.
    """
    offset, error = exchange_clock.offset_and_error(timezone.now())
    own = Order.objects.filter(account=latch.account_id, state__in=OrderState.values).order_by()
    dated = own.filter(created_at__gt=latch.set_at + offset - error).values("pk")
    undated = own.filter(created_at=None).values("pk")
    by_age = Order.objects.filter(pk__in=dated.union(undated))
    spared = _made_of_a_spared_stop(latch.job_id, latch.set_at, offset, error)
    found = by_age.filter(_placed_after(latch.set_at, offset, error), ~spared)
    return found.filter(symbol=latch.symbol) if latch.symbol else found


def _left(orders: OrderQuerySet) -> OrderQuerySet:
    """Return those of the orders that no panic at work takes."""
    meant = Q(symbol="") | Q(symbol=OuterRef("symbol"))
    taking = PanicLine.objects.unfinished().filter(meant, account=OuterRef("account"))
    return orders.filter(~Exists(taking))


def _placed_after(halt: Any, offset: timedelta, error: timedelta) -> Q:
    """Where an order was placed after a halt. ``halt``: our time of it, or the column that has it.

    The exchange dates orders by its own clock, ``offset`` ahead of ours. Too near to the halt to be
    told by that, an order counts if it was first seen after it: rather one too many than one that
    nobody cancels.
    """
    surely = Q(created_at__gt=halt + offset + error)
    perhaps = Q(created_at=None) | Q(created_at__gt=halt + offset - error)
    return surely | (perhaps & Q(first_seen_at__gt=halt))


def _made_of_a_spared_stop(job: Any, halt: Any, offset: timedelta, error: timedelta) -> Q:
    """Where the exchange made an order of a stop that the panic ``job`` spared: it spares both.

    A stop that was placed after the halt was not spared, nor is what is made of it.
    """
    spares = PanicLine.objects.filter(job=job, account=OuterRef("account"), keep_stops=True)
    stop = Order.objects.filter(
        account=OuterRef("account"), order_id=OuterRef("stop_parent_order_id")
    )
    younger = stop.filter(_placed_after(halt, offset, error))
    return Q(Exists(spares), ~Exists(younger), stop_parent_order_id__isnull=False)


def _cancel(latch: Latch, fresh: OrderQuerySet) -> None:
    """Cancel each once: at most an urgent request's worth in a look, and what credits pay for.

    What is being cancelled already, by its id or by its client order id alone, holds up no other.
    """
    own = Cancel.objects.filter(account=latch.account_id, order_id=OuterRef("order_id"))
    asked = Exists(own.filter(requested_at__gte=latch.set_at)) | Exists(own.live())
    unnumbered = Cancel.objects.live().filter(account=latch.account_id, order_id=None)
    by_name = Exists(unnumbered.filter(client_order_id__iexact=OuterRef("client_order_id")))
    due = fresh.filter(~asked, ~by_name).order_by(F("created_at").asc(nulls_last=True), "pk")
    ids = list(due.values_list("pk", flat=True)[: settings.URGENT_UP_TO])
    who = latch.job.operator
    if not ids or idle([latch]):
        return
    with transaction.atomic():
        if ids := ids[: _affordable(latch.account)]:
            requests.cancel_orders(
                user=who,
                actor=log.Actor(who.pk, who.get_username(), guard_name=NAME),
                order_ids=ids,
                reason=f"Appeared after the halt of job {latch.job_id}; the account is latched.",
                is_click=False,
            )


def _affordable(account: Account) -> int:
    """Count the cancels that the credits of its pool pay for, within a transaction.

    They are sent before bulk, and our count withholds nothing that is urgent; so no more are asked
    for than that. Those of latches that have no answer yet are not booked and count too.
    """
    price, now = settings.CREDIT_PRICES["cancel"], timezone.now()
    count = credits.affordable(account=account, price=price, now=now)
    waiting = Cancel.objects.filter(
        job__guard_name=NAME, status__in=(CancelStatus.QUEUED, CancelStatus.SENDING)
    )
    pool = credits.pool_of(account)
    accounts = [each.account for each in waiting.select_related("account__api_config_key")]
    return max(0, count - sum(credits.pool_of(each) == pool for each in accounts))

"""One decision, empty book: who may ask for it, and the record of it.

What is asked here is carried out by `orders.panic.worker`, in a sender that needs neither Celery
nor a broker.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, transaction
from django.db.models import Count, Q
from django.utils import timezone

from orders.access.denials import refuse
from orders.audit import log
from orders.lifecycle import restored_copy
from orders.lifecycle.targets import CannotAsk, check_symbol
from orders.models import Account, CancelJob, Desk, Event, Market, Order, PanicLine, Right
from orders.models.cancel_jobs import MAX_REASON, MAX_SCOPE
from orders.models.orders import IS_STOP
from orders.panic import bells, spared
from orders.panic.guard import latches

if TYPE_CHECKING:
    from orders.models.desks import Person


NO_DESK = "There is no such desk, or panic is not yours to pull there."


@dataclass(frozen=True)
class Warned:
    """What a panic would do to protective orders, for the page that asks for it.

    ``is_new``: no order of these accounts that we know of, open or over, has the symbol.
    """

    open_orders: int
    stops: int
    reduce_only: int
    is_new: bool = False


def scope(
    *, user: "Person", desk_id: int, account_ids: Collection[int] = ()
) -> tuple[Desk | None, list[Account]]:
    """The desk and the active accounts that a panic would empty; None where the person may not."""
    desk = Desk.objects.allowing(user, Right.PANIC).filter(pk=desk_id).first()
    if desk is None:
        return None, []
    accounts = desk.accounts.filter(is_active=True)
    if account_ids:
        accounts = accounts.filter(pk__in=account_ids)
    return desk, list(accounts.order_by("name"))


def left_out(*, desk: Desk) -> list[Account]:
    """The desk's deactivated accounts, whose books no panic empties."""
    return list(desk.accounts.filter(is_active=False).order_by("name"))


def warned(*, accounts: list[Account], symbol: str = "") -> Warned:
    """How many orders the scope holds by our last look, and how many protect a position."""
    orders = Order.objects.open().filter(account__in=accounts)
    is_new = False
    if symbol:
        orders = orders.filter(symbol=symbol)
        known = Order.objects.filter(account__in=accounts)
        is_new = not known.of_symbol(symbol).exists()
    counts = orders.aggregate(
        all=Count("pk"),
        stops=Count("pk", filter=IS_STOP),
        reduce_only=Count("pk", filter=Q(reduce_only=True)),
    )
    return Warned(counts["all"], counts["stops"], counts["reduce_only"], is_new)


def record_panic(
    *,
    user: "Person",
    actor: log.Actor,
    desk_id: int,
    account_ids: Collection[int] = (),
    symbol: str = "",
    keep_reduce_only: bool = False,
    keep_stops: bool = False,
    reason: str = "",
    is_drill: bool = False,
    request_key: uuid.UUID | None = None,
    key_says_all: bool = False,
) -> CancelJob:
    """Record a panic: a job with one line an account. The same ``request_key`` is the same panic.

    Raises `NotAllowed`, or `CannotAsk` with a sentence. A drill takes only drill accounts.
    ``keep_stops``: cancel one by one, for the exchange's cancel-all takes stop orders too.
    ``key_says_all``: the key belongs to one request for ever, whatever accounts it means by now;
    else the same key for other accounts is another panic.
    """
    restored_copy.is_behind(timezone.now())  # before: what waits by then is older than this panic
    desk, accounts = _permitted(user, actor, desk_id, account_ids)
    check_spelling(symbol, desk)
    accounts = _emptied(desk, accounts, is_drill=is_drill)
    about: dict[str, Any] = {"symbol": symbol, "keep_reduce_only": keep_reduce_only}
    if keep_stops:
        about["keep_stops"] = True
    which = sorted(account.pk for account in accounts)
    asked = request_key or uuid.uuid4()
    key = uuid.uuid5(asked, f"panic {desk.pk} {which} {about} {is_drill}")
    earlier = CancelJob.objects.filter(request_key=key, operator_id=actor.operator_id).first()
    if earlier is not None:
        return earlier
    key = _key_alone(asked, desk) if key_says_all else key
    try:
        return _insert(
            actor, desk, accounts, about, _cut(reason.strip(), MAX_REASON), is_drill, key
        )
    except IntegrityError:  # the same click was recorded between our look and our insert
        return CancelJob.objects.get(request_key=key, operator_id=actor.operator_id)


def asked_before(actor: log.Actor, desk: Desk, request_key: uuid.UUID) -> CancelJob | None:
    """Find what this person pulled with a key that says all, whatever became of it since."""
    mine = CancelJob.objects.filter(operator_id=actor.operator_id)
    return mine.filter(request_key=_key_alone(request_key, desk)).first()


def _key_alone(request_key: uuid.UUID, desk: Desk) -> uuid.UUID:
    return uuid.uuid5(request_key, f"panic {desk.pk}")


def _permitted(
    user: "Person", actor: log.Actor, desk_id: int, account_ids: Collection[int]
) -> tuple[Desk, list[Account]]:
    """The desk and its accounts in this scope; else it is recorded. Raises `NotAllowed`.

    Where an account is the desk's own and deactivated, it raises `CannotAsk`.
    """
    desk, accounts = scope(user=user, desk_id=desk_id, account_ids=account_ids)
    missing = set(account_ids) - {account.pk for account in accounts}
    off = [row.name for row in left_out(desk=desk) if row.pk in missing] if desk and missing else []
    if desk is None or len(off) < len(missing):
        refuse(actor=actor, what=f"panic on desk {desk_id}", said=NO_DESK)
    if off:
        verb, them = ("is", "it") if len(off) == 1 else ("are", "them")
        said = f"{', '.join(off)} {verb} deactivated: no panic empties {them}."
        raise CannotAsk(said, field="accounts")
    return desk, accounts


def _emptied(desk: Desk, accounts: list[Account], *, is_drill: bool) -> list[Account]:
    """Those of the accounts that the panic is about. Raises `CannotAsk` where it is about none."""
    if is_drill:
        accounts = [account for account in accounts if account.is_drill]
    if not accounts:
        what = "drill account" if is_drill else "active account"
        raise CannotAsk(f"{desk.name} has no {what} in this scope.", field="accounts")
    return accounts


def _insert(
    actor: log.Actor,
    desk: Desk,
    accounts: list[Account],
    about: dict[str, Any],
    reason: str,
    is_drill: bool,
    key: uuid.UUID,
) -> CancelJob:
    now = timezone.now()
    with transaction.atomic():
        job = CancelJob.objects.create(
            desk=desk,
            **actor.act_columns(),
            request_key=key,
            scope=_cut(in_words(desk, accounts, is_drill=is_drill, **about), MAX_SCOPE),
            reason=reason,
            is_panic=True,
            is_drill=is_drill,
            created_at=now,
        )
        about_line = about | actor.act_columns() | {"asked_at": now}
        lines = [PanicLine(job=job, account=account, **about_line) for account in accounts]
        PanicLine.objects.bulk_create(lines)
        about = about | {"reason": reason, "is_drill": is_drill, "scope": job.scope}
        latched = latches.set_on(job, desk, accounts, about["symbol"], actor, now)
        log.append(fact(actor, desk, job, now, about, accounts), *latched)
        bells.ring()
    return job


def check_spelling(symbol: str, desk: Desk) -> None:
    """Raise `CannotAsk` where the desk's orders or the markets show that the case is wrong.

    Of orders that are over, those in the exchange's usual spellings: capitals, or as kBONK. A
    symbol that we never met is no reason to hold up a panic: the exchange refuses a wrong one.
    """
    if not symbol:
        return
    check_symbol(symbol)
    met = _met(symbol, desk)
    if met and symbol not in met:
        said = f"Symbols keep their case: write {min(met)}, not {symbol}."
        raise CannotAsk(said, field="symbol")


def _met(symbol: str, desk: Desk) -> set[str]:
    """Spellings of a symbol that we met: by indexes, however many orders are over."""
    orders = Order.objects.on(desk.accounts.all())
    if orders.of_symbol(symbol).exists():
        return {symbol}
    usual = {symbol.upper(), symbol[:1].lower() + symbol[1:].upper()}  # BTC, kBONK
    found = {name for name in usual if orders.of_symbol(name).exists()}
    for rows in (orders.not_closed(), Market.objects.all()):
        alike = rows.filter(symbol__iexact=symbol).order_by()
        found |= set(alike.values_list("symbol", flat=True).distinct())
    return found


def _cut(words: str, limit: int) -> str:
    """Cut words to so many characters, as fits their column: a panic never fails for its words."""
    words = words.replace("\0", "")
    return words if len(words) <= limit else words[: limit - 1] + "…"


def in_words(
    desk: Desk,
    accounts: list[Account],
    *,
    symbol: str,
    keep_reduce_only: bool,
    is_drill: bool,
    keep_stops: bool = False,
) -> str:
    """*Panic: every BTC order on 3 accounts of Momentum, sparing reduce-only*."""
    what = "Drill" if is_drill else "Panic"
    where = accounts[0].name if len(accounts) == 1 else f"{len(accounts)} accounts"
    kept = spared.clause(reduce_only=keep_reduce_only, stops=keep_stops)
    return f"{what}: every {symbol + ' ' if symbol else ''}order on {where} of {desk}{kept}"


def fact(
    actor: log.Actor,
    desk: Desk,
    job: CancelJob,
    now: datetime,
    about: dict[str, Any],
    accounts: list[Account],
) -> log.Fact:
    """The record of what a person said of a panic, on these accounts of it.

    Who asks the log about an account, or a symbol, finds the panics that were about it alone.
    """
    data = about | {"accounts": [account.address for account in accounts]}
    symbol = str(about.get("symbol") or "")
    lines = tuple(log.OrderLine(account.pk, symbol) for account in accounts)
    return log.Fact(
        event=Event.PANIC,
        actor=actor,
        at=now,
        desk=desk,
        account=accounts[0] if len(accounts) == 1 else None,
        job=job,
        data=data,
        lines=lines,
    )

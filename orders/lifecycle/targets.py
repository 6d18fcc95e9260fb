"""What a cancel is aimed at: one order of one account, known to us or only by name."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from typing import Protocol

from orders.audit import reasons
from orders.lifecycle.routes import kind_of
from orders.models import Account, CancelKind, Desk, Order, OrderState
from orders.models.guards import MAX_SYMBOL
from orders.pacifica import signing

OTHER_CASE = "{} matches nothing. Symbols keep their case: {}."
DEACTIVATED = "its account is deactivated"  # why an order is skipped


class CannotAsk(ValueError):
    """The instruction makes no sense as it stands. The text says why; ``field`` names the input."""

    def __init__(self, sentence: str, *, field: str | None = None) -> None:
        super().__init__(sentence)
        self.field = field


class KnownOrder(Protocol):
    """What a target looks at in an order that we know: an `Order`, or these columns of it."""

    @property
    def pk(self) -> int: ...

    @property
    def side(self) -> str: ...

    @property
    def state(self) -> str: ...


@dataclass(frozen=True)
class Target:
    """One order to cancel, known to us (``order``) or only by name."""

    account: Account
    symbol: str
    kind: str
    order_id: int | None = None
    client_order_id: str | None = None
    order: KnownOrder | None = None


class _LookUp(Enum):
    LOOK_UP = "look up"


LOOK_UP = _LookUp.LOOK_UP  # the caller has not looked the order up


def named_target(
    *,
    account: Account,
    symbol: str,
    kind: str,
    order_id: int | None = None,
    client_order_id: str | None = None,
    known: Order | _LookUp | None = LOOK_UP,
) -> Target:
    """A checked target. What we know of the order fills in the id the operator did not give.

    ``known``: the order of this name or None, where the caller has looked it up already.
    """
    if not account.is_active:
        raise CannotAsk(f"{account.name} is deactivated: nothing is sent for it.", field="account")
    if kind not in CancelKind.values:
        raise CannotAsk("Choose order, stop or TWAP.", field="kind")
    check_symbol(symbol)
    check_ids(order_id, client_order_id)
    if known is LOOK_UP and kind != CancelKind.TWAP:
        known = _known(account, order_id, client_order_id)
    if known is None or known is LOOK_UP or kind == CancelKind.TWAP:
        client_order_id = client_order_id.lower() if client_order_id else None
        return Target(account, symbol, kind, order_id, client_order_id)
    check_same_symbol(known, symbol)
    return replace(target_of(known), kind=kind)


def target_of(order: Order) -> Target:
    """Aim at a known order, through the route that its type asks for."""
    return Target(
        order.account, order.symbol, kind_of(order), order.order_id, order.client_order_id, order
    )


def unusual(target: Target) -> str:
    """Say that a known order is cancelled by a route that its type does not suggest, or nothing."""
    order = target.order
    if not isinstance(order, Order) or target.kind == kind_of(order):
        return ""
    asked, other = (CancelKind(kind).label.lower() for kind in (target.kind, kind_of(order)))
    words = order.order_type.replace("_", " ")
    return f"{order.order_id} is a {words} order: sent as {asked}, then as {other} if not found."


def open_targets(orders: Iterable[Order]) -> tuple[list[Target], list[tuple[Target, str]]]:
    """Targets of the orders that can be cancelled, and (target, why) of the others."""
    targets, skipped = [], []
    for order in orders:
        if order.state != OrderState.OPEN:
            skipped.append((target_of(order), "no longer open"))
        elif not order.account.is_active:
            skipped.append((target_of(order), DEACTIVATED))
        else:
            targets.append(target_of(order))
    return targets, skipped


def check_reason(desks: Iterable[Desk], reason: str) -> None:
    """Raise `CannotAsk` where one of the desks asks for a reason and none is given."""
    for desk in desks:
        if desk.needs_reason and not reasons.seen(reason):
            raise CannotAsk(f"{desk} asks for a reason.", field="reason")


def demanded_reason(text: str) -> str:
    """Return a reason as it is kept. Raises `CannotAsk` where there is none."""
    reason = reasons.one_line(text)
    if len(reasons.seen(reason)) < reasons.MIN_REASON:
        raise CannotAsk(reasons.SAY_WHY, field="reason")
    return reason


def check_symbol(symbol: str) -> None:
    """Raise `CannotAsk` unless it can stand in a signed request as a symbol."""
    if not symbol or not symbol.isascii() or not symbol.isprintable() or " " in symbol:
        raise CannotAsk(
            "Write the symbol as on Pacifica, case kept: BTC, kBONK, SOL-USDC.", field="symbol"
        )
    if len(symbol) > MAX_SYMBOL:  # no column holds it
        raise CannotAsk(f"A symbol has at most {MAX_SYMBOL} characters.", field="symbol")


def check_case(symbols: Iterable[str], known: Collection[str]) -> None:
    """Raise `CannotAsk` where open orders are known of a symbol in another case alone."""
    for symbol in symbols:
        alike = [name for name in known if name.lower() == symbol.lower()]
        if alike and symbol not in alike:
            said = OTHER_CASE.format(symbol, ", ".join(sorted(alike)))
            raise CannotAsk(said, field="symbols")


def check_same_symbol(known: Order, symbol: str) -> None:
    """Raise `CannotAsk` where an order that we know is on another symbol than the one given."""
    if known.symbol != symbol:
        raise CannotAsk(
            f"That order is on {known.symbol}, not {symbol}. Symbols keep their case.",
            field="symbol",
        )


def check_ids(order_id: int | None, client_order_id: str | None) -> None:
    """Raise `CannotAsk` unless one of them is given, and could stand in a signed request."""
    if (order_id is None) == (not client_order_id):
        raise CannotAsk("Give the order id or the client order id: one of them.", field="order_id")
    if order_id is not None and not 0 < order_id <= signing.MAX_ORDER_ID:
        raise CannotAsk("An order id is a whole number from 1 to 2^53.", field="order_id")
    if client_order_id and signing.FULL_UUID.fullmatch(client_order_id) is None:
        raise CannotAsk(
            "A client order id is a full UUID with dashes, such as "
            "f47ac10b-58cc-4372-a567-0e02b2c3d479.",
            field="client_order_id",
        )


def _known(account: Account, order_id: int | None, client_order_id: str | None) -> Order | None:
    orders = account.orders.select_related("account__desk")
    if order_id is not None:
        return orders.filter(order_id=order_id).first()
    named = orders.filter(client_order_id__iexact=client_order_id)
    return named.order_by("-state", "-order_id").filter(state=OrderState.OPEN).first()

"""The cancels that updates of the stream may speak of, locked before their orders are."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from orders.models import Account, Cancel, CancelKind, CancelStatus, Proof
from orders.models.cancels import LIVE, OPEN_QUESTIONS
from orders.reconcile import closures, stream_evidence, update_order
from orders.reconcile.closures import FILLS
from orders.reconcile.order_pasts import SAME_MOMENT
from orders.reconcile.received_frames import ToldUpdate
from orders.reconcile.stream_evidence import Kept

AT_ONCE = 200  # rows of one statement
Named = tuple[bool, int]  # whether it is a TWAP order, and its id: both kinds may count alike


class _Named(NamedTuple):
    """What is looked at before anything is locked."""

    pk: int
    account_id: int
    status: str
    proof: int
    kind: str
    order_id: int | None
    client_order_id: str | None
    amounts_due_at: datetime | None
    filled_amount: str

    @property
    def order(self) -> Named | None:
        """Which order it names, where it does by an id."""
        return None if self.order_id is None else (self.kind == CancelKind.TWAP, self.order_id)


@dataclass
class ToldCancels:
    """Cancels by what an update may do to them.

    ``questions``: open ones. ``untold``: called cancelled, their amounts still to be read.
    ``live``: the live cancel of an order, by the order. ``cancelled``: the cancels that are called
    cancelled, by the order. ``gone``: whether some were gone by the open orders alone. ``lately``:
    what the stream showed in the last seconds.
    """

    questions: list[Cancel] = field(default_factory=list)
    untold: list[Cancel] = field(default_factory=list)
    live: dict[Named, int] = field(default_factory=dict)
    cancelled: dict[Named, set[int]] = field(default_factory=dict)
    gone: bool = False
    lately: list[Kept] = field(default_factory=list)

    def asked_of(self, ends: Iterable[ToldUpdate]) -> list[tuple[Cancel, ToldUpdate]]:
        """Pair each question with the update that ends its order."""
        return _paired(self.questions, ends)

    def write_amounts(self, ends: Iterable[ToldUpdate]) -> list[tuple[Cancel, ToldUpdate]]:
        """Write the amounts of cancelled orders into their cancels; return those that were told."""
        told = []
        for cancel, each in _paired(self.untold, ends):
            ending = closures.of_update(each.row)
            if ending is None or ending.status in FILLS:
                continue
            if ending.filled_amount and ending.cancelled_amount:
                cancel.filled_amount = ending.filled_amount
                cancel.cancelled_amount = ending.cancelled_amount
                cancel.amounts_due_at = None
                told.append((cancel, each))
        columns = ["filled_amount", "cancelled_amount", "amounts_due_at"]
        Cancel.objects.bulk_update([one for one, _ in told], columns, batch_size=AT_ONCE)
        return told


def lock(account: Account, told: Sequence[ToldUpdate], now: datetime) -> ToldCancels:
    """Find the cancels that these updates may speak of, and lock those that may change."""
    found = ToldCancels()
    if any(_may_be_an_edits(each) for each in told):
        found.lately = stream_evidence.kept_lately(account, now)
    named = _named(account, told)
    by_id = [(one.order, one) for one in named if one.order is not None]
    found.live = {order: one.pk for order, one in by_id if one.status in LIVE}
    for order, one in by_id:
        if one.status == CancelStatus.CANCELLED:
            found.cancelled.setdefault(order, set()).add(one.pk)
    found.gone = any(_is_gone_by_book(one) for one in named)
    filled = {each.order for each in told if each.row.order_status in FILLS}
    pks = {one.pk for one in named if _may_change(one, filled)}
    pks |= {pk for pk, *_ in found.lately if pk is not None}
    if pks:
        _sort(found, _locked(pks))
    return found


def _may_be_an_edits(each: ToldUpdate) -> bool:
    """Whether an edit may just have made the order in the place of one that it closed."""
    made_at, at = closures.made_at(each.row), closures.changed_at(each.row)
    is_young = made_at is None or at is None or at - made_at <= SAME_MOMENT
    return is_young and not each.is_twap


def _named(account: Account, told: Sequence[ToldUpdate]) -> list[_Named]:
    """The account's cancels of these orders, by id or, while they are live, by name alone."""
    cancels = Cancel.objects.order_by("pk")
    by_id = cancels.filter(order_id__any={each.order_id for each in told})
    rows = [_Named(*row) for row in by_id.values_list(*_Named._fields)]
    names = {each.row.client_order_id for each in told} | {each.name for each in told}
    if names := names - {None, ""}:
        unnumbered = cancels.filter(account=account, status__in=LIVE, order_id=None)
        by_name = unnumbered.filter(client_order_id__in=sorted(filter(None, names)))
        rows += [_Named(*row) for row in by_name.values_list(*_Named._fields)]
    return [row for row in rows if row.account_id == account.pk]


def _may_change(one: _Named, filled: set[Named]) -> bool:
    if one.status == CancelStatus.CANCELLED:
        return one.amounts_due_at is not None or one.order in filled
    return one.status in OPEN_QUESTIONS or _is_gone_by_book(one)


def _is_gone_by_book(one: _Named) -> bool:
    is_gone = one.status == CancelStatus.GONE and one.proof == Proof.BOOK
    return is_gone and not one.filled_amount


def _locked(pks: set[int]) -> list[Cancel]:
    rows = Cancel.objects.filter(pk__any=pks).order_by("pk")
    rows = rows.select_for_update(of=("self",), no_key=True)
    return list(rows.select_related("account__desk", "job__desk"))


def _sort(found: ToldCancels, cancels: list[Cancel]) -> None:
    found.questions = [one for one in cancels if one.status in OPEN_QUESTIONS]
    found.untold = [
        one
        for one in cancels
        if one.status == CancelStatus.CANCELLED and one.amounts_due_at is not None
    ]


def _paired(
    cancels: Iterable[Cancel], ends: Iterable[ToldUpdate]
) -> list[tuple[Cancel, ToldUpdate]]:
    """Pair cancels with the last update that ends their order: by its id, or by its name alone.

    An order of that name on another symbol, or on none that can be read, is not the one meant.
    """
    newest: dict[tuple[bool, int | tuple[str | None, str]], ToldUpdate] = {}
    for each in sorted(ends, key=lambda each: update_order.place(each.row)):
        newest[each.order] = each
        if each.name:
            newest[each.is_twap, (each.row.symbol, each.name)] = each
    pairs = []
    for cancel in cancels:
        name = cancel.order_id or (cancel.symbol, (cancel.client_order_id or "").lower())
        last = newest.get((cancel.kind == CancelKind.TWAP, name))
        if last is not None:
            pairs.append((cancel, last))
    return pairs

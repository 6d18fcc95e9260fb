"""The frozen orders of a preview: as text that a hash covers, and back."""

import hashlib
import json
from typing import NamedTuple

from orders.lifecycle.targets import CannotAsk, Target
from orders.models import Account, Order, Preview


class Frozen(NamedTuple):
    """One order of a frozen set, by our row ids and by its names on the exchange."""

    account_pk: int
    symbol: str
    kind: str
    order_id: int | None
    client_order_id: str | None
    order_pk: int | None


def frozen(preview: Preview) -> list[Frozen]:
    """Read the frozen rows. Raises `CannotAsk` where they do not match their hash."""
    if hashlib.sha256(preview.targets.encode()).hexdigest() != preview.targets_sha256:
        raise CannotAsk("The frozen set was changed after it was shown. Make the preview anew.")
    return [Frozen(*row) for row in json.loads(preview.targets)]


def row_of(t: Target) -> Frozen:
    """Return what of a target is frozen."""
    order_pk = t.order.pk if t.order else None
    return Frozen(t.account.pk, t.symbol, t.kind, t.order_id, t.client_order_id, order_pk)


def targets(preview: Preview) -> list[Target]:
    """Return the frozen orders as targets. Raises `CannotAsk` as `frozen` does."""
    rows = frozen(preview)
    accounts = Account.objects.select_related("desk").in_bulk({row.account_pk for row in rows})
    pks = [row.order_pk for row in rows if row.order_pk]
    orders = {row.pk: row for row in Order.objects.columns(OrderColumns, pks)}
    return [
        Target(
            accounts[row.account_pk],
            row.symbol,
            row.kind,
            row.order_id,
            row.client_order_id,
            orders.get(row.order_pk) if row.order_pk else None,
        )
        for row in rows
    ]


class OrderColumns(NamedTuple):
    """What a target looks at in an order: a `KnownOrder`."""

    pk: int
    side: str
    state: str

"""Freeze a list of order ids of one account, pasted or uploaded; or say what is wrong with it."""

from dataclasses import dataclass

from orders.models import Account, Preview, Right
from orders.previews import GONE, MOST_ORDERS, freeze
from orders.refusing import refuse
from orders.targets import CannotAsk, kind_of, named_target

PER_QUERY = 500


@dataclass(frozen=True)
class BadLine:
    """One line of a list that names no order, and why."""

    number: int
    text: str
    why: str


def of_list(*, user, actor, account_id, symbol, text) -> tuple[Preview | None, list[BadLine]]:
    """Freeze a pasted or uploaded list of order ids of one account: one a line, or CSV.

    A line may carry its own symbol and kind: ``28000000042``, ``28000000042,BTC``,
    ``f47ac10b-…,kBONK,stop``. Nothing is frozen while a line is bad: all bad lines are returned.
    """
    account = Account.objects.allowing(user, Right.CANCEL).filter(pk=account_id, is_active=True)
    account = account.select_related("desk").first()
    if account is None:
        refuse(actor=actor, what=f"list for account {account_id}", said=GONE)
    lines = text.splitlines()
    if len(lines) > MOST_ORDERS:
        why = f"More than {MOST_ORDERS:,} lines: cut the list."
        return None, [BadLine(MOST_ORDERS + 1, "", why)]
    known = _known(account, lines)
    targets, bad, seen = [], [], {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#") or (number == 1 and _is_head(line)):
            continue
        try:
            target = _target_of_line(line, account, symbol, known)
            name = target.order_id or target.client_order_id
            if name in seen:
                raise CannotAsk(f"is the same order as line {seen[name]}")
            seen[name] = number
            targets.append(target)
        except CannotAsk as error:
            bad.append(BadLine(number, line.strip()[:80], str(error)))
    if not targets and not bad:
        bad.append(BadLine(1, "", "The list holds no order id."))
    if bad:
        return None, bad
    words = f"a list of {len(targets)} orders on {account.name}"
    return freeze(user, account.desk, targets, words=words), []


def _order_id(name):
    return int(name) if name.isascii() and name.isdigit() and len(name) < 20 else None


def _known(account, lines) -> dict:
    """The orders of the account that the lines name, by order id or by client order id.

    A query for each 500 of them. Of a client order id's orders only the open one is meant.
    """
    names = [line.split(",")[0].strip() for line in lines]
    ids = [one for one in map(_order_id, names) if one is not None and one < 2**63]
    client_ids = {name for name in names if "-" in name}
    client_ids = sorted(client_ids | {name.lower() for name in client_ids})
    known = {order.order_id: order for order in _found(account.orders, "order_id", ids)}
    for order in _found(account.orders.open().order_by("order_id"), "client_order_id", client_ids):
        known[order.client_order_id.lower()] = order
    return known


def _found(orders, column, values):
    for start in range(0, len(values), PER_QUERY):
        yield from orders.filter(**{f"{column}__in": values[start : start + PER_QUERY]})


def _target_of_line(line, account, symbol, known):
    name, own_symbol, kind = ([part.strip() for part in line.split(",")] + ["", "", ""])[:3]
    order_id = _order_id(name)
    order = known.get(name.lower() if order_id is None else order_id)
    if order is not None:
        order.account = account
    if order_id is None and "-" not in name:
        raise CannotAsk("is neither an order id nor a client order id")
    return named_target(
        account=account,
        symbol=own_symbol or (order.symbol if order else symbol),
        kind=kind or (kind_of(order) if order else "order"),
        order_id=order_id,
        client_order_id=None if order_id is not None else name,
        known=order,
    )


def _is_head(line):
    return "order_id" in line.lower()

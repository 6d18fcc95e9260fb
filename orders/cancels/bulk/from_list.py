"""Freeze a list of order ids of one account, pasted or uploaded; or say what is wrong with it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orders.access.denials import refuse
from orders.audit.log import Actor
from orders.cancels.bulk import list_parser
from orders.cancels.bulk.previews import GONE, LIMITS, Limits, freeze
from orders.lifecycle.routes import kind_of
from orders.lifecycle.targets import CannotAsk, Target, named_target
from orders.models import Account, CancelKind, Order, Preview, Right
from orders.models.lookups import portions
from orders.models.orders import OrderQuerySet
from orders.pacifica.signing import FULL_UUID

if TYPE_CHECKING:
    from orders.models.desks import Person


@dataclass(frozen=True)
class BadLine:
    """One line of a list that names no order, and why."""

    number: int
    text: str
    why: str


def of_list(
    *,
    user: "Person",
    actor: Actor,
    account_id: int,
    symbol: str,
    text: str,
    limits: Limits = LIMITS,
) -> tuple[Preview | None, list[BadLine]]:
    """Freeze a pasted or uploaded list of order ids of one account: one a line, or CSV.

    A line may carry its own symbol and kind: ``28000000042``, ``28000000042,BTC``,
    ``f47ac10b-…,kBONK,stop``; or a first line names the columns. ``symbol``: for orders that the
    app does not know and lines that name none. A column may name another account of the same desk,
    as the download of a job does. Nothing is frozen while a line is bad: all bad ones are returned.
    """
    allowed = Account.objects.allowing(user, Right.CANCEL).filter(pk=account_id, is_active=True)
    account = allowed.select_related("desk").first()
    if account is None:
        refuse(actor=actor, what=f"list for account {account_id}", said=GONE)
    lines = list_parser.read(text)
    if len(lines) > limits.orders:
        too_many = f"More than {limits.orders:,} lines: cut the list."
        return None, [BadLine(lines[limits.orders].number, "", too_many)]
    targets, bad = _targets(account, _beside(user, account), symbol, lines)
    if not lines:
        bad.append(BadLine(1, "", "The list holds no order id."))
    if bad:
        return None, bad
    words = f"a list of {len(targets)} orders on {_names(targets)}"
    return freeze(user, account.desk, targets, words=words, limits=limits), []


def _beside(user: "Person", account: Account) -> dict[str, Account]:
    """The accounts of the desk on which the person may cancel, by all that a list may call them.

    The app's own download puts an apostrophe before a name that a spreadsheet might run.
    """
    of_desk = Account.objects.allowing(user, Right.CANCEL).filter(desk=account.desk, is_active=True)
    others = [other for other in of_desk.select_related("desk") if other.pk != account.pk]
    called = [(name, one) for one in (*others, account) for name in (one.name, f"'{one.name}")]
    return dict(called) | {one.address: one for one in (*others, account)} | {"": account}


def _names(targets: list[Target]) -> str:
    accounts = {target.account.pk: target.account for target in targets}
    one = next(iter(accounts.values()))
    return one.name if len(accounts) == 1 else f"{len(accounts)} accounts of {one.desk}"


def _targets(
    account: Account, beside: dict[str, Account], symbol: str, lines: list[list_parser.Line]
) -> tuple[list[Target], list[BadLine]]:
    """Make the targets that the lines name, and say which lines name none."""
    owners = [beside.get(line.account) for line in lines]
    of_account: dict[Account, list[list_parser.Line]] = {}
    for line, owner in zip(lines, owners, strict=True):
        of_account.setdefault(owner or account, []).append(line)
    known = {owner: _known(owner, some) for owner, some in of_account.items()}
    targets: list[Target] = []
    bad: list[BadLine] = []
    seen: dict[tuple[int, int | str | None], int] = {}  # the line that named an order first
    for line, owner in zip(lines, owners, strict=True):
        try:
            if owner is None:
                raise CannotAsk(f"is an order of {line.account[:64]}, not of {account.name}")
            target = _target_of(line, owner, symbol, known[owner])
            name = (owner.pk, target.order_id or target.client_order_id)
            if name in seen:
                raise CannotAsk(f"is the same order as line {seen[name]}")
            seen[name] = line.number
            targets.append(target)
        except CannotAsk as error:
            bad.append(BadLine(line.number, line.text[:80], str(error)))
    return targets, bad


def _order_id(name: str) -> int | None:
    return int(name) if name.isascii() and name.isdigit() and len(name) < 20 else None


def _known(account: Account, lines: list[list_parser.Line]) -> dict[int | str, Order]:
    """Find the orders of the account that the lines name, by order id or by client order id.

    A query for each 500 of them. Of a client order id's orders only the open one is meant.
    """
    names = [name for line in lines for name in (line.name, line.other)]
    ids = [number for number in map(_order_id, names) if number is not None and number < 2**63]
    client_ids = {name.lower() for name in names if FULL_UUID.fullmatch(name)}
    known: dict[int | str, Order] = {}
    for order in _found(account.orders.all(), "order_id", ids):
        known[order.order_id] = order
    for order in _found(account.orders.order_by("order_id"), "pk", _so_named(account, client_ids)):
        if order.client_order_id is not None:
            known[order.client_order_id.lower()] = order
    return known


def _so_named(account: Account, client_ids: set[str]) -> list[int]:
    """Return row ids of the open orders with these client order ids, in whatever case."""
    if not client_ids:
        return []
    named = account.orders.open().exclude(client_order_id=None)
    rows = named.values_list("pk", "client_order_id")
    return [pk for pk, name in rows if name is not None and name.lower() in client_ids]


def _found(orders: OrderQuerySet, column: str, values: list[int]) -> Iterator[Order]:
    for some in portions(values):
        yield from orders.filter(**{f"{column}__in": some})


def _target_of(
    line: list_parser.Line, account: Account, symbol: str, known: dict[int | str, Order]
) -> Target:
    """Find the order that a line names. Raises `CannotAsk` with what is wrong about it."""
    if line.why:
        raise CannotAsk(line.why)
    order_id = _checked_id(line)
    is_twap = line.kind.lower() == CancelKind.TWAP  # no order of that number is meant
    order = None if is_twap else known.get(line.name.lower() if order_id is None else order_id)
    if order is not None:
        _check_same_order(order, known.get(line.other.lower()))
        order.account = account
    symbol = line.symbol or (order.symbol if order else symbol)
    if not symbol:
        raise CannotAsk(f"This app does not know that order on {account.name}: add its symbol.")
    return named_target(
        account=account,
        symbol=symbol,
        kind=line.kind.lower() or (kind_of(order) if order else "order"),
        order_id=order_id,
        client_order_id=None if order_id is not None else line.name,
        known=order,
    )


def _check_same_order(order: Order, other: Order | None) -> None:
    """Raise `CannotAsk` where the client order id of a line names another order than its id."""
    if other is not None and other.pk != order.pk:
        raise CannotAsk(
            f"names two orders: {order.order_id}, and {other.order_id} by its client order id"
        )


def _checked_id(line: list_parser.Line) -> int | None:
    """Read the order id of a line; None for a client order id. Raises `CannotAsk`."""
    for text in (line.name, line.symbol, line.kind):
        if hidden := next((character for character in text if not _is_plain(character)), None):
            raise CannotAsk(HIDDEN.get(hidden) or f"holds U+{ord(hidden):04X}, which is not seen")
    if CHANGED.fullmatch(line.name):
        raise CannotAsk("a spreadsheet changed this id: make its column text and save anew")
    order_id = _order_id(line.name)
    if order_id is None and "-" not in line.name:
        raise CannotAsk("is neither an order id nor a client order id")
    if FULL_UUID.fullmatch(line.symbol):
        raise CannotAsk(f"names {line.symbol} as its symbol: {TWO_IDS}")
    if line.symbol and not _may_be_symbol(line.symbol):
        raise CannotAsk(f"names {line.symbol[:64]} as its symbol: write one order a line")
    return order_id


def _may_be_symbol(text: str) -> bool:
    """Whether a text has a letter and no separator; further ids hide where separators are mixed."""
    separators = f"{list_parser.DELIMITERS}# "
    return any(map(str.isalpha, text)) and not any(mark in text for mark in separators)


def _is_plain(character: str) -> bool:
    return character.isprintable() and character not in HIDDEN


TWO_IDS = "give one id a line, or name the columns in the first line"
HIDDEN = {"\ufffd": "holds a byte that is no UTF-8 text: type it again"}
CHANGED = re.compile(r"[\d.,]+[eE][+-]?\d+|\d+[.,]0*|\d{1,3}([.,' ]\d{3})+")

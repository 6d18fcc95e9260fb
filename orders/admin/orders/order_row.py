"""The row of an order: what each of its cells says, for the list and for pages that follow."""

import re
from decimal import Decimal, InvalidOperation

from django.http import HttpRequest
from django.utils.safestring import SafeString

from orders.admin.orders import cancel_cell, mark_distance
from orders.admin.shared import rows
from orders.admin.shared.markup import joined, put
from orders.audit import sentences
from orders.models import Order
from orders.templatetags.desk import grouped, time_tag, usd, visible

LIMIT = "limit"
EMPTY = SafeString("–")
PLAIN = re.compile(r"[0-9]+([.][0-9]*)?")
MAX_PLACES = 18  # decimals that a step pads a number to
NARROW = {"reduce only": " dk-ro"}  # the class of a mark that a narrow list shortens


def symbol(order: Order) -> SafeString:
    """The symbol, which names the row, and what is special about the order."""
    badges = joined(
        put(' <span class="dk-badge{}">{}</span>', NARROW.get(mark, ""), mark)
        for mark in _marks(order)
    )
    return put("{}{}", visible(order.symbol) or "–", badges)


def _marks(order: Order) -> list[str]:
    marks = ["reduce only"] if order.reduce_only else []
    marks += ["contradicted"] if order.has_contradiction else []
    return marks + (["not read whole"] if order.trouble else [])


def side(order: Order) -> str:
    """The side; one that is no bid and no ask as the exchange wrote it."""
    return visible(sentences.SIDES.get(order.side, order.side)) or "–"


def account(order: Order) -> SafeString:
    """The account, after its desk."""
    desk, name = visible(order.account.desk), visible(order.account)
    return put("<small>{} ·</small> {}", desk, name)


def price(order: Order) -> str:
    """The limit price; of a stop first what it is and where it triggers."""
    limit = grouped(_stepped(order, visible(order.price)))
    kind = sentences.of_type(order.order_type)
    if order.order_type == LIMIT and not order.stop_price:
        return limit or "–"
    if not order.stop_price:
        return f"{visible(kind)} {limit}".strip()
    kind = visible(kind.removesuffix(" limit").removesuffix(" market"))
    at = grouped(_stepped(order, visible(order.stop_price)))
    trigger = f"{'stop' if kind == LIMIT else kind} {at}"
    return f"{trigger}, limit {limit}" if limit else f"{trigger}, market"


def _stepped(order: Order, price: str) -> str:
    """A price with as many decimals as all have in its market."""
    return padded(price, order.market.tick_size if order.market else "")


def _lots(order: Order, amount: str) -> str:
    """An amount with as many decimals as all have in its market."""
    return padded(amount, order.market.lot_size if order.market else "")


def padded(number: str, step: str) -> str:
    """A decimal text with at least the decimals of a step: none that was sent is ever cut."""
    places = min(len(step.rstrip("0").partition(".")[2]), MAX_PLACES)
    whole, _, fraction = number.partition(".")
    if not places or not PLAIN.fullmatch(number):
        return number
    return f"{whole}.{fraction.ljust(places, '0')}"


def open_amount(order: Order) -> str:
    """What is left to cancel, without the zeros the decimal column pads it with."""
    number = order.open_amount_number
    if number is None or order.state == "closed":
        return "–"
    return grouped(_lots(order, f"{number.normalize():f}"))


def worth(order: Order) -> str:
    """What is left times its price, in USD; by the stop price where there is no other."""
    number, at = order.open_amount_number, order.price_number
    if at is None:
        at = _number(order.stop_price)
    return "–" if number is None or at is None or order.state == "closed" else usd(number * at)


def filled(order: Order) -> SafeString:
    """How much has traded, or why that is not known."""
    if order.amounts_note:
        word = order.amounts_note.removeprefix("amounts ").removesuffix(" by the exchange")
        return put('<i title="{}">{}</i>', order.amounts_note, word)
    amount = visible(order.filled_amount)
    return put("{}", grouped(amount if amount == "0" else _lots(order, amount)) or "–")


def age(order: Order) -> SafeString:
    """How old it is, as the exchange dates it."""
    return time_tag(order.created_at, "age") if order.created_at else EMPTY


def order_id(order: Order) -> SafeString:
    """The id; a click copies it."""
    return put('<button type="button" data-copy>{}</button>', order.order_id)


def complete(request: HttpRequest, orders: list[Order]) -> None:
    """Attach to orders all that their rows show: three queries."""
    cancel_cell.complete(request, orders)
    mark_distance.attach(orders)


#: The cells of a row by the class that they bear, by which a page finds what to replace.
CELLS = {
    "c-symbol": symbol,
    "c-side": side,
    "c-account": account,
    "c-price": price,
    mark_distance.CSS: mark_distance.text,
    "c-open": open_amount,
    "c-worth": worth,
    "c-filled": filled,
    "c-age": age,
    "c-id": order_id,
    "c-cancel": cancel_cell.html,
}


def html(order: Order, *, has_box: bool = False) -> SafeString:
    """The whole row; one that ended is marked. A hundred rows are sent at a time: no byte idles."""
    cells = [rows.box(visible(order), order.pk)] if has_box else []
    for css, draw in CELLS.items():
        if css == "c-symbol":
            shown = put('<a href="{}/change/">{}</a>', order.pk, draw(order))
            cells.append(rows.cell(shown, css, tag="th"))
        else:
            cells.append(rows.cell(draw(order), f"{css}{_tone(css, order)}"))
    tr = "<tr>" if order.state == "open" else '<tr class="dk-ended">'
    return put(f"{tr}{{}}</tr>", joined(cells))


def _tone(css: str, order: Order) -> str:
    """The further class of a cell, if any."""
    if css == "c-side" and order.side in sentences.SIDES:
        return f" dk-{order.side}"
    if css == mark_distance.CSS:
        return mark_distance.tone(order)
    return " dk-stop" if css == "c-price" and order.stop_price else ""


def _number(text: str | None) -> Decimal | None:
    try:
        return Decimal(text or "")
    except InvalidOperation:
        return None

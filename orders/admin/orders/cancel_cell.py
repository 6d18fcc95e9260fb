"""The cell of an order in which it is cancelled, and in which one sees how that goes."""

from collections.abc import Collection

from django.http import HttpRequest
from django.utils.safestring import SafeString

from orders.admin.shared.markup import put
from orders.admin.shared.row_address import row_address
from orders.audit import sentences
from orders.models import Cancel, CancelKind, CancelStatus, Desk, Order, OrderState, Right
from orders.models.cancels import LIVE
from orders.models.desks import is_active_person, sees_everything
from orders.models.prepared import Prepared
from orders.templatetags.desk import tone, visible

#: Outcomes that say by themselves that the order is no more.
TELLS_THE_END = {*LIVE, CancelStatus.CANCELLED, CancelStatus.FILLED, CancelStatus.GONE}
VIEW_ONLY = SafeString(
    '<span class="dk-muted" title="Your role on this desk sees orders and does not cancel them.">'
    "view only</span>"
)


_visible = Prepared(
    lambda user_id, pks: (
        Order.objects.held_by(user_id, Right.VIEW)
        .filter(pk__any=pks)
        .select_related("account__desk")
    ),
    user_id=(1, 2),
    pks=({3}, {4}),
)
_may_cancel = Prepared(
    lambda user_id: Desk.objects.held_by(user_id, Right.CANCEL).values_list("pk", flat=True),
    user_id=(1, 2),
)
#: No account is asked for: its index would be read instead, with every cancel it ever had.
_of_orders = Prepared(
    lambda order_ids: (
        Cancel.objects.filter(order_id__any=order_ids).exclude(kind=CancelKind.TWAP).order_by("pk")
    ),
    order_ids=({1}, {2}),
)


def visible_orders(request: HttpRequest, pks: Collection[int]) -> list[Order]:
    """Return those of the orders, by our row ids, that this person may see; one query.

    What is prepared is `visible_to` as it is for whoever sees some desks.
    """
    user = request.user
    if is_active_person(user) and not sees_everything(user):
        return _visible(user_id=user.pk, pks=set(pks))
    orders = Order.objects.filter(pk__in=pks).visible_to(user)
    return list(orders.select_related("account__desk"))


def complete(request: HttpRequest, orders: list[Order]) -> None:
    """Attach to orders their latest cancel and whether this person may cancel them: two queries.

    A third where orders have client order ids.
    """
    user = request.user
    allowed = set(_may_cancel(user_id=user.pk)) if is_active_person(user) else set()
    latest = latest_cancels(orders)
    for order in orders:
        order.may_cancel = order.account.desk_id in allowed
        order.cancel_shown = latest.get((order.account_id, order.order_id))


def latest_cancels(orders: list[Order]) -> dict[tuple[int, int | None], Cancel]:
    """The newest cancel of each order that has one, by (account id, order id).

    A cancel asked for by client order id alone names the order only by that.
    """
    by_client_id: dict[tuple[int, str | None], int] = {
        (o.account_id, o.client_order_id.lower()): o.order_id for o in orders if o.client_order_id
    }
    cancels = _of_orders(order_ids={order.order_id for order in orders})
    if by_client_id:
        nameless = Cancel.objects.filter(
            order_id=None,
            client_order_id__in=[name for _, name in by_client_id],
            account__in={account_id for account_id, _ in by_client_id},
        )
        cancels += nameless.exclude(kind=CancelKind.TWAP)
        cancels.sort(key=lambda cancel: cancel.pk)
    latest: dict[tuple[int, int | None], Cancel] = {}
    for cancel in cancels:
        order_id = cancel.order_id or by_client_id.get((cancel.account_id, cancel.client_order_id))
        latest[cancel.account_id, order_id] = cancel
    return latest


def html(order: Order, *, sentence: str = "") -> SafeString:
    """The cell as it stands; ``sentence``: for the person who just clicked."""
    cancel = order.cancel_shown
    since = cancel.requested_at.isoformat() if cancel and cancel.status in LIVE else ""
    beside = _beside(order, cancel, is_live=bool(since))
    status = _status(cancel, is_alone=not beside) if cancel else ""
    line = ""
    if sentence:
        line = put('<span class="dk-refusal">{}</span>', sentence)
    elif cancel and cancel.explanation and cancel.status != CancelStatus.CANCELLED:
        line = put('<span class="dk-why">{}</span>', visible(cancel.explanation))
    return put(
        '<div class="dk-cell" id="cell-{}" data-order="{}-{}"{}>{}{}{}</div>',
        *(order.pk, order.account_id, order.order_id),
        put(' data-live="{}"', since) if since else "",
        *(status, beside, line),
    )


def _beside(order: Order, cancel: Cancel | None, *, is_live: bool) -> str:
    """The button, or why there is none, or how the order ended."""
    if order.state == OrderState.OPEN:
        if order.may_cancel and not is_live:
            return _button(order, "Again" if cancel else "Cancel")
        return "" if cancel else VIEW_ONLY
    if cancel and cancel.status in TELLS_THE_END:
        return ""
    said = sentences.of_type(order.order_status) if order.state == OrderState.CLOSED else ""
    word = visible(said).capitalize() or order.get_state_display()
    return put('<span class="dk-muted">{}</span>', word)


def _status(cancel: Cancel, *, is_alone: bool) -> SafeString:
    word = cancel.get_status_display()
    if cancel.status == CancelStatus.QUEUED and not cancel.explanation:
        word = "Recorded, waiting to be sent"
    took = sentences.took(cancel) if is_alone else ""
    return put(
        '<span class="dk-status dk-{}">{}{}</span>',
        tone(cancel.status),
        word,
        f" · {took}" if took else "",
    )


def _button(order: Order, word: str) -> SafeString:
    """The button; what its request is like stands once around all of them (`_cancelling.html`)."""
    return put(
        '<button type="button" hx-post="{}" aria-label="{} {}">{}</button>',
        row_address("admin:orders_order_cancel", order.pk),
        "Cancel" if word == "Cancel" else "Cancel again",
        visible(order),
        word,
    )


def fresh(request: HttpRequest, orders: list[Order], *, sentence: str = "") -> str:
    """The cells of these orders as they stand now, one after another."""
    complete(request, orders)
    return "".join(html(order, sentence=sentence) for order in orders)

"""Bulk cancels as a person asks for them in the browser, for tests."""

from orders.models import Order, Preview
from tests.helpers.screens import known_order, signed_in, url


def a_book(firm, count=30, first=71_000_000_000, **fields):
    """Orders of the app alone, all alike; the first one leads."""
    lead = known_order(firm.account, first, **fields)
    columns = {f.attname: getattr(lead, f.attname) for f in Order._meta.fields if f.name != "id"}
    rows = [Order(**columns | {"order_id": first + n}) for n in range(1, count)]
    Order.objects.bulk_create(rows)
    return list(Order.objects.filter(order_id__gte=first, order_id__lt=first + count))


def tick(client, orders, across=False, **query):
    """Tick rows, or all that match, and press *Cancel selected*."""
    data = {
        "action": "cancel_selected",
        "_selected_action": [order.pk for order in orders],
        "select_across": "1" if across else "0",
        "index": "0",
    }
    answer = client.post(url("orders_order_changelist"), data, query_params=query)
    led_on = answer.status_code == 302 and answer.url.startswith(
        url("orders_order_cancel_selected")
    )
    return client.get(answer.url) if led_on else answer


def ask_by_scope(client, firm, **fields):
    form = {"desk": firm.momentum.pk, "order_of_work": "oldest", **fields}
    return client.post(url("orders_preview_scope"), form)


def send_list(firm, client=None, **fields):
    """Give a list of ids, pasted or as a file."""
    client = client or signed_in(firm.operator)
    form = {"account": firm.account.pk, "symbol": "BTC"} | fields
    return client.post(url("orders_preview_list"), form)


def confirm(client, preview, **fields):
    return client.post(url("orders_preview_confirm", preview.pk), fields)


def frozen(firm) -> Preview:
    """Three bids, frozen by the desk head."""
    a_book(firm, 3)
    ask_by_scope(signed_in(firm.head), firm, side="bid")
    return Preview.objects.get()

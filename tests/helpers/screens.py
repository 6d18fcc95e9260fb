"""Signed-in browsers for the tests of the screens."""

import re
import uuid

from django.test import Client
from django.urls import reverse
from django.utils.timezone import now

from orders.models import Cancel, CancelJob, Order


def signed_in(user) -> Client:
    """A browser in which this person is signed in."""
    client = Client()
    client.force_login(user)
    return client


def url(name, *args):
    """The address of a screen."""
    return reverse(f"admin:{name}", args=args)


def page(client, name, *args, **query):
    """The text of a page, which must be there."""
    answer = client.get(url(name, *args), query)
    assert answer.status_code == 200, answer.status_code
    return folded(answer)


def folded(answer) -> str:
    """The text of an answer, its line breaks as a browser reads them: a blank, or at a tag none."""
    text = re.sub(r"(<\w[^<>]*>)\s*\n\s*|\s*\n\s*(?=</)", r"\1", answer.content.decode())
    return re.sub(r"\s+", " ", re.sub(r"(?<=>)\s*\n\s*(?=<)", "", text))


def known_order(account, order_id, **fields) -> Order:
    """A row of the app alone, for tests that need no exchange."""
    usual = {
        "symbol": "BTC",
        "side": "bid",
        "order_type": "limit",
        "price": "50000",
        "price_number": 50000,
        "initial_amount": "0.5",
        "open_amount_number": "0.5",
    }
    times = dict.fromkeys(("created_at", "updated_at", "first_seen_at", "last_seen_at"), now())
    return Order.objects.create(account=account, order_id=order_id, **usual | times | fields)


def click(client, order, key=None):
    """Press *Cancel* on an order's row."""
    data = {"request_key": str(key or uuid.uuid4())}
    return client.post(url("orders_order_cancel", order.pk), data)


def nothing_asked() -> bool:
    """Whether no cancel stands in the database."""
    return not Cancel.objects.exists() and not CancelJob.objects.exists()

"""Ids in a forged form that are none: nothing is done, not even to those beside them."""

import uuid

import pytest
from django.utils.timezone import now

from orders.cancels import requests
from orders.models import Cancel, CancelStatus
from tests.helpers.screens import known_order, nothing_asked, signed_in, url

ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
NO_IDS = {
    "one of two": "{pk},,x",
    "negative": "-{pk}",
    "too many digits": "9" * 40,
    "more digits than Python reads": "9" * 5000,
    "a float": "{pk}e0",
    "other digits": "{pk}",
    "NUL": "{pk}\0",
    "more": "{pk};DROP",
    "a space": " {pk}",
    "nothing": ",",
}


@pytest.mark.parametrize("what", NO_IDS)
def test_ids_that_are_none_cancel_nothing(firm, what):
    order = known_order(firm.account, 71_000_000_001)
    digits = str(order.pk).translate(ARABIC) if what == "other digits" else order.pk
    form = {"ids": NO_IDS[what].format(pk=digits), "reason": "x"}
    form["request_key"] = str(uuid.uuid4())
    answer = signed_in(firm.head).post(url("orders_order_cancel_selected"), form)
    assert answer.status_code in {302, 400}
    assert nothing_asked()


@pytest.mark.parametrize("what", NO_IDS)
def test_ids_that_are_none_close_nothing(firm, what):
    ids = [known_order(firm.account, 71_000_000_001).pk]
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)
    Cancel.objects.update(status=CancelStatus.UNKNOWN, next_check_at=now())
    pk = Cancel.objects.get().pk
    digits = str(pk).translate(ARABIC) if what == "other digits" else pk
    form = {"ids": NO_IDS[what].format(pk=digits), "reason": "x"}
    assert signed_in(firm.head).post(url("orders_cancel_close"), form).status_code in {302, 400}
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN


TICKS = ["abc", "", "1.5", "\0", "9" * 40, "9" * 5_000, "1 OR 1", "\u0661"]


@pytest.mark.parametrize("tick", TICKS)
def test_a_forged_tick_is_refused_in_words(firm, tick):
    known_order(firm.account, 71_000_000_001)
    client = signed_in(firm.head)
    client.raise_request_exception = False
    form = {"action": "cancel_selected", "_selected_action": [tick], "index": "0"}
    answer = client.post(url("orders_order_changelist"), form)
    assert answer.status_code in {200, 302, 400}
    assert answer.status_code != 400 or "cannot be read" in answer.content.decode()
    assert nothing_asked()

"""Cancel selected: nothing is asked before it is confirmed, and then exactly what was shown."""

import re
import uuid
from html import unescape

from orders.models import AuditRecord, CancelJob, Desk, Event, Membership, Role
from tests.helpers.bulk import tick
from tests.helpers.screens import click, folded, known_order, nothing_asked, page, signed_in, url


def confirm(client, answer, **changes):
    """Press the button of the confirmation page."""
    text = folded(answer)
    form = {
        name: re.search(rf'name="{name}" value="([^"]*)"', text)[1]
        for name in ("ids", "request_key")
    }
    return client.post(url("orders_order_cancel_selected"), form | changes)


def test_the_confirmation_says_what_will_be_cancelled_and_asks_nothing(firm):
    orders = [
        known_order(firm.account, 71_000_000_001),
        known_order(firm.account, 71_000_000_002, reduce_only=True, symbol="ETH", side="ask"),
        known_order(firm.account, 71_000_000_003, order_type="stop_limit"),
    ]
    text = folded(tick(signed_in(firm.operator), orders))
    assert "Cancel 3 orders?" in text
    assert "1 reduce-only" in text
    assert "1 stop or take-profit" in text
    assert "ETH" in text
    assert nothing_asked()


def test_each_of_a_few_orders_is_shown_with_price_size_and_notional(firm):
    order = known_order(firm.account, 71_000_000_001)
    stop = {"order_type": "stop_limit", "stop_price": "61000", "price": "60900"}
    text = folded(tick(signed_in(firm.operator), [order, known_order(firm.account, 72, **stop)]))
    for said in ("71000000001", "50,000", ">0.5<", "25,000", "stop 61,000, limit 60,900"):
        assert said in text
    assert "<details>" not in text.split("Cancel 2 orders?")[1].split("<footer")[0]


def test_confirming_makes_one_job_of_exactly_these_orders_with_the_reason(firm):
    orders = [known_order(firm.account, 71_000_000_001 + n) for n in range(3)]
    operator = signed_in(firm.operator)
    shown = tick(operator, orders)
    known_order(firm.account, 71_000_000_009)  # appeared since
    answer = confirm(operator, shown, reason="flat for the night")
    job = CancelJob.objects.get()
    assert answer.url == url("orders_canceljob_change", job.pk)
    assert job.reason == "flat for the night"
    assert set(job.cancels.values_list("known_order", flat=True)) == {o.pk for o in orders}
    assert "3 cancels recorded." in page(operator, "orders_canceljob_change", job.pk)


def test_a_desk_that_asks_for_a_reason_gets_one_for_a_few_orders_too(firm):
    Desk.objects.update(needs_reason=True)
    operator, order = signed_in(firm.operator), known_order(firm.account, 71_000_000_001)
    shown = tick(operator, [order])
    assert "required" in re.search(r"<input[^>]*name=.reason.[^>]*>", folded(shown))[0]
    for blank in ("  ", "\u200b", "\u00ad\u2060", "\u3164"):
        refused = confirm(operator, shown, reason=blank)
        assert refused.status_code == 422, blank
    assert "Momentum asks for a reason." in folded(refused)
    assert nothing_asked()
    confirm(operator, refused, reason="fed day")
    assert CancelJob.objects.get().reason == "fed day"


def test_a_single_click_is_never_asked_for_a_reason(firm):
    Desk.objects.update(needs_reason=True)
    click(signed_in(firm.operator), known_order(firm.account, 71_000_000_001))
    assert CancelJob.objects.count() == 1


def test_confirming_twice_is_one_job(firm):
    operator = signed_in(firm.operator)
    shown = tick(operator, [known_order(firm.account, 71_000_000_001)])
    assert confirm(operator, shown).url == confirm(operator, shown).url
    assert CancelJob.objects.count() == 1


def test_the_same_key_with_other_orders_is_another_job(firm):
    operator = signed_in(firm.operator)
    first, second = (tick(operator, [known_order(firm.account, n)]) for n in (41, 42))
    key = first.context["request_key"]
    answers = [confirm(operator, page, request_key=str(key)) for page in (first, second)]
    assert answers[0].url != answers[1].url
    assert CancelJob.objects.count() == 2


def test_closed_and_foreign_rows_are_left_out_and_said_so(firm):
    orders = [
        known_order(firm.account, 71_000_000_001),
        known_order(firm.account, 71_000_000_002, state="closed"),
        known_order(firm.foreign_account, 66_000_000_001, symbol="CANARY"),
    ]
    text = folded(tick(signed_in(firm.operator), orders, state="every"))
    assert "Cancel 1 order?" in text
    assert "1 of your selection is no longer open" in text
    assert "CANARY" not in text


def test_rows_one_may_only_look_at_are_left_out_and_said_so(firm):
    Membership.objects.create(user=firm.operator, desk=firm.basis, role=Role.VIEWER)
    orders = [
        known_order(firm.account, 71_000_000_001),
        known_order(firm.foreign_account, 66_000_000_001),
    ]
    text = folded(tick(signed_in(firm.operator), orders))
    assert "Cancel 1 order?" in text
    assert "1 of your selection is on a desk where you may not cancel" in text


def test_a_forged_confirmation_with_foreign_ids_is_refused_on_the_record(firm):
    foreign = known_order(firm.foreign_account, 66_000_000_001)
    form = {"ids": str(foreign.pk), "request_key": str(uuid.uuid4())}
    signed_in(firm.operator).post(url("orders_order_cancel_selected"), form)
    assert nothing_asked()
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).count() == 1


def test_leaving_and_refusals_lead_back_to_the_list_as_it_was(firm):
    client, order = signed_in(firm.operator), known_order(firm.account, 71_000_000_001)
    shown = tick(client, [order], symbol="BTC", o="-2")
    back = f"{url('orders_order_changelist')}?symbol=BTC&o=-2"
    assert f'href="{back}"' in unescape(folded(shown))
    form = {"ids": "x", "list": "symbol=BTC&o=-2"}
    assert client.post(url("orders_order_cancel_selected"), form).url == back


def test_the_page_has_an_address_that_one_comes_back_to(firm):
    order = known_order(firm.account, 71_000_000_001)
    address = f"{url('orders_order_cancel_selected')}?ids={order.pk}"
    assert "Cancel 1 order?" in folded(signed_in(firm.operator).get(address))
    assert signed_in(firm.viewer).get(address).status_code == 403
    assert nothing_asked()


def test_a_viewer_is_offered_nothing_and_a_forged_post_is_refused(firm):
    order = known_order(firm.account, 71_000_000_001)
    viewer = signed_in(firm.viewer)
    assert 'value="cancel_selected"' not in page(viewer, "orders_order_changelist")
    tick(viewer, [order])
    form = {"ids": str(order.pk), "request_key": str(uuid.uuid4())}
    viewer.post(url("orders_order_cancel_selected"), form)
    assert nothing_asked()


def test_no_list_offers_to_delete(firm):
    for user in (firm.operator, firm.administrator):
        client = signed_in(user)
        for name in ("order", "account", "canceljob", "auditrecord", "agentwallet"):
            assert "delete_selected" not in page(client, f"orders_{name}_changelist")

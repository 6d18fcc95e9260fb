"""The list of orders: what it shows, what it finds, and its one-click Cancel."""

import uuid

import pytest
from django.test import Client
from django.utils.timezone import now

from orders.models import AuditRecord, Cancel, CancelJob, CancelStatus, Event, Order, Role
from tests.helpers.screens import click, folded, known_order, nothing_asked, page, signed_in, url


@pytest.fixture
def order(firm):
    return known_order(firm.account, 28_000_000_042)


def test_open_orders_are_shown_unless_another_state_is_chosen(firm, order):
    known_order(firm.account, 28_000_000_043, state="closed", order_status="filled")
    operator = signed_in(firm.operator)
    assert "28000000043" not in page(operator, "orders_order_changelist")
    every = page(operator, "orders_order_changelist", state="every")
    assert "28000000042" in every
    assert "28000000043" in every


@pytest.mark.parametrize("term", ["28000000042", "280000", "F47AC10B-58CC", "f47ac10b"])
def test_a_search_finds_ids_by_their_beginning(firm, term):
    uuid_text = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
    known_order(firm.account, 28_000_000_042, client_order_id=uuid_text)
    known_order(firm.account, 31_000_000_001, symbol="WRONG")
    found = page(signed_in(firm.operator), "orders_order_changelist", q=term)
    assert "28000000042" in found
    assert "31000000001" not in found


def test_many_digits_find_a_client_order_id_too_where_no_order_id_begins_so(firm):
    odd = "123456789012345678901234567890ab"  # no UUID as the exchange writes it
    known_order(firm.account, 28_000_000_047, client_order_id=odd)
    client = signed_in(firm.operator)
    assert "28000000047" in page(client, "orders_order_changelist", q="1234567890")
    assert "28000000047" in page(client, "orders_order_changelist", q="2800000004")


@pytest.mark.parametrize("term", ["80000", "BTC", "0", "9" * 40, "%", "‮", "'\""])
def test_a_search_finds_nothing_by_anything_else(firm, order, term):
    assert "28000000042" not in page(signed_in(firm.operator), "orders_order_changelist", q=term)


def test_a_search_looks_at_closed_orders_too(firm):
    known_order(firm.account, 28_000_000_043, state="closed")
    assert "28000000043" in page(
        signed_in(firm.operator), "orders_order_changelist", q="28000000043"
    )


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"symbol": "BTC"}, {1}),
        ({"symbol": "btc"}, set()),
        ({"side": "ask"}, {2}),
        ({"type": "stop"}, {2}),
        ({"type": "limit"}, {1}),
        ({"reduce_only": "yes"}, {2}),
        ({"live": "yes"}, set()),
        ({"live": "no"}, {1, 2}),
        ({"side": "nonsense"}, set()),
    ],
)
def test_filters_show_what_they_say(firm, query, shown):
    known_order(firm.account, 71_000_000_001)
    fields = {"symbol": "ETH", "side": "ask", "order_type": "stop_limit", "reduce_only": True}
    known_order(firm.account, 71_000_000_002, **fields)
    text = page(signed_in(firm.operator), "orders_order_changelist", **query)
    assert {n for n in (1, 2) if f"7100000000{n}" in text} == shown


def test_orders_sort_by_number_and_not_by_text(firm):
    known_order(firm.account, 71_000_000_001, price="9", price_number=9)
    known_order(firm.account, 71_000_000_002, price="10", price_number=10)
    text = page(signed_in(firm.operator), "orders_order_changelist", o="-price")
    assert text.index("71000000002") < text.index("71000000001")


def test_cancel_is_recorded_and_said_in_the_cell(firm, order):
    answer = click(signed_in(firm.operator), order)
    assert answer.status_code == 200
    assert answer.headers["Desk-Fragment"] == "1"
    assert "Recorded, waiting to be sent" in folded(answer)
    assert f'id="cell-{order.pk}"' in folded(answer)
    assert "data-live" in folded(answer)
    cancel = Cancel.objects.get()
    assert (cancel.known_order, cancel.job.operator) == (order, firm.operator)


def test_a_double_click_is_one_job(firm, order):
    operator, key = signed_in(firm.operator), uuid.uuid4()
    first, second = click(operator, order, key), click(operator, order, key)
    assert first.status_code == second.status_code == 200
    assert CancelJob.objects.count() == Cancel.objects.count() == 1


def test_a_second_tab_is_told_that_the_cancel_is_under_way(firm, order):
    operator = signed_in(firm.operator)
    click(operator, order)
    assert "already being cancelled" in folded(click(operator, order))
    assert Cancel.objects.count() == 1


def test_a_click_without_its_key_does_nothing(firm, order):
    answer = signed_in(firm.operator).post(url("orders_order_cancel", order.pk))
    assert answer.status_code == 400
    assert nothing_asked()


def test_looking_never_cancels(firm, order):
    operator = signed_in(firm.operator)
    assert operator.get(url("orders_order_cancel", order.pk)).status_code == 405
    selected = url("orders_order_cancel_selected")
    assert "Cancel 1 order?" in page(operator, "orders_order_cancel_selected", ids=order.pk)
    assert operator.get(selected).status_code == 302
    assert nothing_asked()


def test_a_cancel_needs_the_page_own_token(firm, order):
    stranger_site = Client(enforce_csrf_checks=True)
    stranger_site.force_login(firm.operator)
    assert click(stranger_site, order).status_code == 403
    assert nothing_asked()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR])
def test_who_may_only_look_gets_no_button_and_is_refused_on_the_record(firm, order, role):
    person = {Role.VIEWER: firm.viewer, Role.AUDITOR: firm.auditor}[role]
    client = signed_in(person)
    assert "hx-post" not in page(client, "orders_order_changelist").split('id="result_list"')[1]
    answer = click(client, order)
    assert answer.status_code == 403
    assert "may not cancel" in folded(answer)
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED, operator=person).count() == 1
    assert nothing_asked()


def test_an_administrator_without_a_role_cancels_nothing(firm, order):
    assert click(signed_in(firm.administrator), order).status_code == 403
    assert nothing_asked()


def test_a_foreign_order_is_as_missing_as_a_missing_one(firm):
    foreign = known_order(firm.foreign_account, 66_000_000_001)
    operator = signed_in(firm.operator)
    missing = operator.post(
        url("orders_order_cancel", foreign.pk + 999), {"request_key": uuid.uuid4()}
    )
    answer = click(operator, foreign)
    assert (answer.status_code, answer.content) == (missing.status_code, missing.content)
    assert answer.status_code == 404
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).count() == 2
    assert nothing_asked()


@pytest.mark.parametrize(
    ("status", "word", "is_live"),
    [
        (CancelStatus.QUEUED, "Recorded, waiting to be sent", True),
        (CancelStatus.UNKNOWN, "Unknown", True),
        (CancelStatus.SETTLING, "Confirming", True),
        (CancelStatus.CANCELLED, "Cancelled", False),
        (CancelStatus.REFUSED, "Refused", False),
    ],
)
def test_the_cell_says_how_the_cancel_stands_and_follows_it_only_while_it_lives(
    firm, order, status, word, is_live
):
    operator = signed_in(firm.operator)
    click(operator, order)
    Cancel.objects.update(status=status, explanation="", next_check_at=now())
    text = folded(operator.get(url("orders_order_cells"), {"order": order.pk}))
    assert word in text
    assert ("data-live" in text) is is_live


def test_a_refused_cancel_tells_its_reason_and_can_be_asked_again(firm, order):
    operator = signed_in(firm.operator)
    click(operator, order)
    Cancel.objects.update(status=CancelStatus.REFUSED, explanation="The agent is not bound.")
    text = folded(operator.get(url("orders_order_cells"), {"order": order.pk}))
    assert "The agent is not bound." in text
    assert "Cancel again" in text


def test_cells_of_foreign_orders_are_empty(firm):
    foreign = known_order(firm.foreign_account, 66_000_000_001)
    answer = signed_in(firm.operator).get(url("orders_order_cells"), {"order": foreign.pk})
    assert answer.content == b""


def test_many_cells_cost_no_more_queries_than_one(firm, django_assert_num_queries):
    orders = [known_order(firm.account, 71_000_000_001 + n) for n in range(30)]
    operator = signed_in(firm.operator)
    for order in orders[:20]:
        click(operator, order)
    few, many = orders[:1], orders
    for some in (few, many):
        with django_assert_num_queries(9):
            operator.get(url("orders_order_cells"), {"order": [order.pk for order in some]})


def test_a_long_list_costs_no_more_queries_than_a_short_one(firm, django_assert_num_queries):
    operator = signed_in(firm.operator)
    counts = []
    for batch in range(2):
        for n in range(8):
            click(operator, known_order(firm.account, 71_000_000_001 + 100 * batch + n))
        with django_assert_num_queries(35, exact=False) as seen:
            page(operator, "orders_order_changelist")
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_hostile_names_are_text_on_every_page_that_shows_them(firm):
    bad = "<script>alert(1)</script>"
    order = known_order(firm.account, 71_000_000_001, symbol=bad, side=bad, order_type=bad)
    Order.objects.filter(pk=order.pk).update(price="1‮<img src=x>", initial_amount="<b>")
    operator = signed_in(firm.operator)
    for name, args in (("orders_order_changelist", ()), ("orders_order_change", (order.pk,))):
        text = page(operator, name, *args)
        assert bad not in text
        assert "<img src=x>" not in text
        assert "‮" not in text
        assert "‹U+202E›" in text


def test_the_age_of_the_book_and_a_sync_error_stand_above_the_list(firm, order):
    firm.account.synced_at = now()
    firm.account.sync_error = "The exchange did not answer."
    firm.account.save()
    text = page(signed_in(firm.operator), "orders_order_changelist")
    assert "Open orders read" in text
    assert "The exchange did not answer." in text
    assert "Sync now" in text


def test_the_order_page_tells_its_life_newest_first(firm, order):
    operator = signed_in(firm.operator)
    click(operator, order)
    text = page(operator, "orders_order_change", order.pk)
    assert "olivia asked to cancel BTC bid 28000000042 on Alpha" in text
    assert "Recorded, waiting to be sent" in text
    assert "Open orders, placed elsewhere" in text

"""A bulk cancel is asked for in the browser: by rows, by filter, by scope, by a list of ids."""

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from orders.models import (
    Account,
    AuditRecord,
    Cancel,
    Desk,
    Event,
    Membership,
    Order,
    Preview,
    Role,
)
from tests.helpers.bulk import a_book, ask_by_scope, confirm, send_list, tick
from tests.helpers.screens import folded, known_order, nothing_asked, page, signed_in, url


def test_more_than_a_few_ticked_rows_go_to_a_preview_and_nothing_is_asked(firm, settings):
    settings.URGENT_UP_TO = 2
    orders, client = a_book(firm, 5), signed_in(firm.operator)
    answer = tick(client, orders[:3])
    made = Preview.objects.get()
    assert answer.url == url("orders_preview_change", made.pk)
    assert made.count == 3
    assert nothing_asked()


def test_more_ticked_rows_than_their_desk_lets_pass_are_confirmed_by_typing(firm):
    orders, client = a_book(firm, 5), signed_in(firm.operator)
    Desk.objects.filter(pk=firm.basis.pk).update(confirm_above=1)  # not the desk of these
    assert "request_key" in folded(tick(client, orders[:3]))
    Desk.objects.update(confirm_above=2)
    answer = tick(client, orders[:3])
    assert 'Type <b class="dk-key">3</b>' in folded(client.get(answer.url))
    forged = {"ids": ",".join(str(o.pk) for o in orders[:3]), "request_key": str(uuid.uuid4())}
    client.post(url("orders_order_cancel_selected"), forged)
    assert nothing_asked()


def test_all_that_match_means_exactly_the_filter_shown(firm):
    bids, _ = a_book(firm, 4), a_book(firm, 3, 72_000_000_000, side="ask")
    known_order(firm.account, 73_000_000_000, state="closed")
    tick(signed_in(firm.operator), bids[:1], across=True, side="bid", symbol="BTC")
    made = Preview.objects.get()
    assert made.count == 4
    assert made.scope == "every open order with symbol BTC, side Bid"
    confirm(signed_in(firm.operator), made)
    named = set(Cancel.objects.values_list("order_id", flat=True))
    assert named == {order.order_id for order in bids}


def test_a_search_bounds_all_that_match(firm):
    a_book(firm, 2)
    known_order(firm.account, 88_000_000_001)
    tick(signed_in(firm.operator), Order.objects.all()[:1], across=True, q="88")
    assert Preview.objects.get().count == 1


def test_all_without_a_filter_is_everything_and_asks_for_the_desks_name(firm):
    tick(signed_in(firm.operator), a_book(firm, 3), across=True)
    made = Preview.objects.get()
    text = page(signed_in(firm.operator), "orders_preview_change", made.pk)
    assert made.is_everything
    assert 'Type <b class="dk-key">Momentum</b>' in text


def test_orders_of_two_desks_make_two_previews_to_be_confirmed_each(firm):
    Membership.objects.create(user=firm.operator, desk=firm.basis, role=Role.OPERATOR)
    a_book(firm, 2)
    known_order(firm.foreign_account, 66_000_000_001)
    text = folded(tick(signed_in(firm.operator), Order.objects.all()[:1], across=True))
    assert Preview.objects.count() == 2
    assert text.count("/change/") >= 2
    assert "Basis: 1 order" in text


def test_each_desks_preview_counts_its_own_orders(firm, settings):
    settings.URGENT_UP_TO = 2
    Membership.objects.create(user=firm.operator, desk=firm.basis, role=Role.OPERATOR)
    orders = [*a_book(firm, 3), known_order(firm.foreign_account, 66_000_000_001)]
    tick(signed_in(firm.operator), orders)
    told = {made.desk.name: made.scope for made in Preview.objects.select_related("desk")}
    assert told == {"Momentum": "3 selected orders", "Basis": "1 selected order"}


def test_orders_of_a_deactivated_account_are_left_out_and_counted(firm, settings):
    settings.URGENT_UP_TO = 2
    idle = firm.new_account("Idle", firm.momentum)
    orders = [*a_book(firm, 3), known_order(idle, 66_000_000_001)]
    Account.objects.filter(pk=idle.pk).update(is_active=False)
    client = signed_in(firm.operator)
    answer = tick(client, orders)
    assert Preview.objects.get().count == 3
    assert "1 left out: no longer open, on a deactivated account" in folded(client.get(answer.url))


def test_a_selection_made_anew_says_how_many_are_left_of_it(firm, settings):
    settings.URGENT_UP_TO = 2
    client, orders = signed_in(firm.operator), a_book(firm, 5)
    tick(client, orders)
    for order in orders[:2]:
        Order.objects.filter(pk=order.pk).update(state="closed")
        client.post(url("orders_preview_anew", Preview.objects.latest("made_at").pk))
    assert Preview.objects.latest("made_at").scope == "3 of 5 selected orders"


def test_words_that_are_cut_say_so(firm):
    a_book(firm, 2)
    symbols = ", ".join(["BTC", *(f"COIN{n}" * 5 for n in range(12))])
    ask_by_scope(signed_in(firm.head), firm, symbols=symbols)
    made = Preview.objects.get()
    assert (len(made.scope), made.scope[-1]) == (200, "…")


def test_what_is_not_yours_to_cancel_is_left_out_of_all_that_match(firm):
    Membership.objects.create(user=firm.operator, desk=firm.basis, role=Role.VIEWER)
    a_book(firm, 2)
    known_order(firm.foreign_account, 66_000_000_001)
    client = signed_in(firm.operator)
    answer = tick(client, Order.objects.all()[:1], across=True)
    assert Preview.objects.get().count == 2
    assert "1 left out" in folded(client.get(answer.url))


# Starting from a scope


def test_the_scope_form_freezes_what_matches(firm):
    a_book(firm, 3)
    a_book(firm, 2, 72_000_000_000, symbol="ETH")
    a_book(firm, 1, 73_000_000_000, symbol="ETH", reduce_only=True)
    fields = {"symbols": "ETH, SOL", "spare_reduce_only": "on", "min_price": "10"}
    answer = ask_by_scope(signed_in(firm.head), firm, **fields)
    made = Preview.objects.get()
    assert answer.url == url("orders_preview_change", made.pk)
    assert (made.count, made.made_by) == (2, firm.head)
    assert "sparing reduce-only" in made.scope


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"symbols": "BTC ETH"}, "Write the symbol as on Pacifica"),
        ({"min_price": "much"}, "Write the price as a number"),
        ({"min_price": "5", "max_price": "4"}, "The highest price is below the lowest."),
        ({"older_than": "soon"}, "Write the age as a whole number."),
        ({"symbols": "DOGE"}, "Nothing matches"),
        ({"symbols": "ETH, btc"}, "btc matches nothing. Symbols keep their case: BTC."),
        ({"accounts": "999"}, "999 is not one of the available choices"),
    ],
)
def test_each_wrong_input_has_its_sentence_and_nothing_typed_is_lost(firm, fields, sentence):
    a_book(firm, 1)
    answer = ask_by_scope(signed_in(firm.head), firm, **{"max_price": "77777"} | fields)
    text = folded(answer)
    assert answer.status_code == 422
    assert sentence in text
    assert "77777" in text or "max_price" in fields
    assert not Preview.objects.exists()


def test_a_scope_on_a_foreign_desk_is_refused_on_the_record(firm):
    known_order(firm.foreign_account, 66_000_000_001)
    answer = ask_by_scope(signed_in(firm.head), firm, desk=firm.basis.pk)
    assert answer.status_code == 422
    assert "Basis" not in folded(answer)
    assert not Preview.objects.exists()
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED, operator=firm.head).exists()


@pytest.mark.parametrize("who", ["operator", "viewer", "auditor", "administrator"])
def test_the_scope_form_is_for_desk_heads(firm, who):
    client = signed_in(getattr(firm, who))
    assert client.get(url("orders_preview_scope")).status_code == 403
    assert ask_by_scope(client, firm).status_code == 403


# Starting from a list


MIB = 1024 * 1024


def file_of(content, name="orders.csv"):
    return SimpleUploadedFile(name, content)


def test_a_pasted_list_goes_to_its_preview(firm):
    orders = a_book(firm, 2)
    send_list(firm, text=f"{orders[0].order_id}\n{orders[1].order_id},BTC\n29000000000,ETH,twap")
    assert Preview.objects.get().count == 3


def test_a_file_goes_to_its_preview_byte_order_mark_and_all(firm):
    send_list(firm, file=file_of(b"\xef\xbb\xbforder_id\r\n28000000001\r\n28000000002\r\n"))
    assert Preview.objects.get().count == 2


def test_bad_lines_are_named_what_was_pasted_stays_and_nothing_starts(firm):
    answer = send_list(firm, text="28000000001\nhello\n28000000001")
    text = folded(answer)
    assert answer.status_code == 422
    assert "2 bad lines: nothing was started." in text
    assert "neither an order id nor a client order id" in text
    assert "same order as line 1" in text
    assert "28000000001\nhello" in answer.content.decode()
    assert not Preview.objects.exists()


def test_one_odd_byte_makes_its_line_bad_not_the_file(firm):
    text = b"28000000001\r\n28000000002\xa0\r\n28000000003\r\n"
    text = folded(send_list(firm, file=file_of(text)))
    assert "1 bad line: nothing was started." in text
    assert "holds a byte that is no UTF-8 text" in text
    assert not Preview.objects.exists()


def test_what_a_spreadsheet_calls_unicode_text_is_read(firm):
    text = "order_id\tsymbol\r\n28000000001\tETH\r\n".encode("utf-16")
    send_list(firm, file=file_of(text))
    assert Preview.objects.get().count == 1


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Paste the order ids, or choose a file"),
        ({"text": "1", "file": file_of(b"2")}, "one of them"),
        ({"file": file_of(b"")}, "The file is empty."),
        ({"file": file_of(b"\x89PNG\r\n\x1a\n\xff", "p.png")}, "not plain text"),
        ({"file": file_of(b"1\x002")}, "not plain text"),
        ({"file": file_of(b"1\n" * (12 * MIB + 1))}, "larger than 24 MiB"),
        ({"text": "1\n" * (3 * MIB // 2 + 1)}, "at most 3 MiB: choose it as a file"),
        ({"text": "1", "account": "999999"}, "There is no such account"),
    ],
    ids=["nothing", "both", "empty", "picture", "nul", "large", "large-text", "foreign"],
)
def test_each_wrong_list_has_its_sentence(firm, fields, sentence):
    answer = send_list(firm, **fields)
    assert answer.status_code == 422
    assert sentence in folded(answer)
    assert not Preview.objects.exists()


def test_a_long_list_of_unknown_orders_costs_few_queries(firm, django_assert_max_num_queries):
    text = "\n".join(str(29_000_000_000 + n) for n in range(1200))
    with django_assert_max_num_queries(40):
        send_list(firm, text=text)
    assert Preview.objects.get().count == 1200

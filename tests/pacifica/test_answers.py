"""What an answer proves; everything in doubt is unknown."""

import json
from decimal import Decimal

import pytest

from orders.pacifica import answers
from orders.pacifica.answers import Quota, quota
from tests.pacifica import fuzz_answers

YES = b'{"success":true,"data":null,"error":null,"code":null}'
ORDER_ID = fuzz_answers.ROW["order_id"]


def verdict(status, body, is_whole=True):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return answers.cancel_verdict(status=status, body=body, is_whole=is_whole)


def kind(status, body, is_whole=True):
    return verdict(status, body, is_whole).kind


def no(error, code=400, **more):
    return {"success": False, "data": None, "error": error, "code": code} | more


# Yes


@pytest.mark.parametrize(
    "body",
    [
        YES,
        b'{"success":true}',
        b' {"success" : true, "new_field": [1, {"a": 2.5}], "code": 200}\n',
        b'{"success":true,"data":{"order_id":28000000001}}',
    ],
)
def test_success_the_boolean_true_in_a_200_is_accepted(body):
    assert kind(200, body) == "accepted"


@pytest.mark.parametrize("status", [100, 201, 202, 204, 206, 301, 400, 404, 422, 500])
def test_a_yes_under_another_status_than_200_is_unknown(status):
    assert kind(status, YES) == "unknown"


@pytest.mark.parametrize("status", [403, 429])
def test_a_yes_under_a_status_that_says_no_is_unknown(status):
    assert kind(status, YES) == "unknown"


def test_an_answer_that_is_not_whole_proves_nothing():
    assert kind(200, YES, is_whole=False) == "unknown"
    assert kind(422, no("Failed to cancel order", 5), is_whole=False) == "unknown"


@pytest.mark.parametrize("body", fuzz_answers.BOMBS, ids=lambda body: repr(body[:40]))
@pytest.mark.parametrize("status", [200, 204, 404, 422, 500])
def test_ugly_answers_are_unknown(status, body):
    assert kind(status, body) == "unknown"


@pytest.mark.parametrize(
    "more",
    [
        {"error": "Failed to cancel order"},
        {"error": ""},
        {"code": 5},
        {"code": True},
        {"code": "200"},
        {"data": []},
        {"data": "no"},
        {"data": {"success": False}},
        {"data": {"error": "no"}},
        {"success": 1},
        {"success": "true"},
        {"success": None},
    ],
)
def test_a_yes_that_contradicts_itself_is_unknown(more):
    assert kind(200, {"success": True} | more) == "unknown"


@pytest.mark.parametrize(("digits", "found"), [(20, "accepted"), (21, "unknown")])
def test_whole_numbers_have_twenty_digits_at_most(digits, found):
    assert kind(200, b'{"success":true,"n":' + b"9" * digits + b"}") == found


def test_nesting_is_bounded():
    deep = b'{"success":true,"x":' + b"[" * 40 + b"]" * 40 + b"}"
    assert kind(200, deep) == "unknown"
    shallow = b'{"success":true,"x":' + b"[" * 20 + b"]" * 20 + b"}"
    assert kind(200, shallow) == "accepted"


# Not found


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (422, no("Failed to cancel order", 5)),
        (422, no("Failed to cancel order", 6)),
        (422, no("Failed to cancel order", 0)),
        (400, no("Order not found", 400)),
        (400, no("Stop order not found", 400)),
        (422, no("Order not found for ABC: 123", 6)),
        (422, no("Unused client order id: f47ac10b", 37)),
        (422, no("some new words", 44)),
        (422, no("some new words", 47)),
        (404, no("some new words", 404)),
        (200, no("Failed to cancel order", 5)),
    ],
)
def test_an_order_that_is_not_there_is_told_by_text_then_by_code(status, body):
    assert kind(status, body) == "not_found"


@pytest.mark.parametrize("code", [50, 52, 500, 503, True, "5", 5.0])
def test_a_code_is_compared_as_a_whole_integer(code):
    assert kind(422, no("some new words", code)) != "not_found"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("Account not found: ABC", "account"),
        ("Book not found: ORDER", "symbol"),
        ("Market not found", "symbol"),
    ],
)
def test_not_found_of_something_else_than_the_order_is_to_be_fixed(error, cause):
    found = verdict(422, no(error, 404))
    assert (found.kind, found.cause) == ("refused", cause)
    assert found.hint


# Refused


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (400, no("Verification failed: signature does not match x"), "signature"),
        (400, b"Verification failed", "signature"),
        (400, no("Invalid message"), "expired"),
        (400, no("Invalid signature"), "signature"),
        (400, no("Invalid public key"), "public_key"),
        (400, no("Agent not authorized for account"), "agent"),
        (403, no("Beta access required. Signer must redeem a valid beta code.", 403), "beta"),
        (403, no("Restricted region", 403), "region"),
        (401, no("Signature verification failed", None), "signature"),
        (403, no("Account not whitelisted", None), "whitelist"),
        (422, no("Trading disabled", 38), "trading_disabled"),
        (403, b"<html><h1>403 ERROR</h1>The request could not be satisfied.</html>", "forbidden"),
        (403, b"", "forbidden"),
        (403, {"message": "Forbidden"}, "forbidden"),
        (422, no("some new words", 107), "other"),
        (401, no("some new words", 404), "other"),
    ],
)
def test_a_refusal_is_known_by_its_words_or_by_the_403(status, body, cause):
    found = verdict(status, body)
    assert (found.kind, found.cause) == ("refused", cause)
    assert found.hint or cause == "other"


def test_a_verdict_keeps_the_exchanges_own_words_code_and_error_id():
    body = no("Verification failed", 400, error_id="signature_verification_failed")
    found = verdict(400, body)
    assert (found.error, found.code) == ("Verification failed", 400)
    assert found.error_id == "signature_verification_failed"


def test_words_are_cut_made_printable_and_masked():
    secret = "5" * 88
    found = verdict(400, no(f"Verification failed\n\u202e {secret} " + "x " * 1000))
    assert secret not in found.error
    assert "[masked]" in found.error
    assert found.error.isprintable()
    assert 290 < len(found.error) <= 300


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b"Bad Request"),
        (400, no(None)),
        (400, no(["Verification failed"])),
        (404, b"<html>404</html>"),
        (409, no("Failed to cancel order", 5)),
        (422, no("some new words", 0)),
        (422, no("some new words", None)),
        (422, no("Channel closed", 26)),
        (422, no("Response dropped", 27)),
        (400, no("Channel closed", 400)),
        (400, no("Response dropped", 400)),
        (422, no("some new words", 26)),
        (422, no("some new words", 14)),
        (400, no("Rate limit exceeded", 429)),
        (500, no("Internal server error", 500)),
        (500, no("Failed to cancel order", 5)),
        (504, no("Request timed out", 504)),
        (503, b"<html>503</html>"),
        (200, no("some new words", 5)),
        (200, b""),
    ],
)
def test_what_is_no_clear_no_is_unknown(status, body):
    assert kind(status, body) == "unknown"


@pytest.mark.parametrize("body", [b"", b"<html>", no("Rate limit exceeded", 429), {"message": "x"}])
def test_only_http_429_is_throttled_whatever_its_body(body):
    assert kind(429, body) == "throttled"


# The other cancels


def test_a_twap_yes_is_only_asked():
    assert answers.twap_verdict(status=200, body=YES).kind == "asked"
    unused = json.dumps(no("Unused TWAP client order id", 44)).encode()
    assert answers.twap_verdict(status=422, body=unused).kind == "not_found"


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ({"success": True, "data": {"cancelled_count": 0}}, 0),
        ({"success": True, "data": {"cancelled_count": "12"}}, 12),
        ({"success": True, "cancelled_count": 3}, 3),
        ({"success": True, "data": {"cancelled_count": 3}, "cancelled_count": 3}, 3),
    ],
)
def test_a_cancel_all_is_accepted_with_its_count(body, count):
    found = answers.cancel_all_verdict(status=200, body=json.dumps(body).encode())
    assert (found.kind, found.count) == ("accepted", count)


@pytest.mark.parametrize(
    "body",
    [
        {"success": True, "data": None},
        {"success": True, "data": {"cancelled_count": True}},
        {"success": True, "data": {"cancelled_count": -1}},
        {"success": True, "data": {"cancelled_count": 1.0}},
        {"success": True, "data": {"cancelled_count": "٣"}},
        {"success": True, "data": {"cancelled_count": 3}, "cancelled_count": 4},
        {"cancelled_count": 3},
    ],
)
def test_a_cancel_all_without_one_readable_count_is_unknown(body):
    found = answers.cancel_all_verdict(status=200, body=json.dumps(body).encode())
    assert (found.kind, found.count) == ("unknown", None)


def batch(status, body, count):
    found = answers.batch_verdicts(status=status, body=json.dumps(body).encode(), count=count)
    return [each.kind for each in found]


def test_a_batch_item_counts_by_its_own_success():
    results = [
        {"success": True},
        {"success": True, "order_id": None, "error": None},
        {"success": False, "order_id": None, "error": "Failed to cancel order"},
        {"success": False, "order_id": None, "error": "Response dropped"},
        {"success": False, "error": None},
        {"success": "true"},
        {"success": True, "error": "Failed to cancel order"},
        "yes",
        {"success": False, "error": "Book not found: btc"},
    ]
    assert batch(200, {"success": True, "data": {"results": results}}, 9) == [
        "accepted",
        "accepted",
        "not_found",
        "unknown",
        "unknown",
        "unknown",
        "unknown",
        "unknown",
        "refused",
    ]


@pytest.mark.parametrize("results", [[], [{"success": True}], [{"success": True}] * 3, None, {}])
def test_a_batch_answer_of_another_length_is_unknown_for_all(results):
    assert batch(200, {"success": True, "data": {"results": results}}, 2) == ["unknown"] * 2


@pytest.mark.parametrize(
    ("stated", "is_theirs"),
    [(7, 1), (None, 1), (0, 1), ("7", 1), (8, 0), ("8", 0), (True, 0), (False, 0), ("7 ", 0)],
)
@pytest.mark.parametrize("is_yes", [True, False])
def test_a_batch_that_speaks_of_another_order_proves_nothing(stated, is_theirs, is_yes):
    told = {"success": is_yes, "order_id": stated, "error": None if is_yes else "Order not found"}
    body = json.dumps({"success": True, "data": {"results": [{"success": True}, told]}}).encode()
    subjects = [answers.Subject(client_order_id="a"), answers.Subject(order_id=7)]
    found = answers.batch_verdicts(200, body, 2, subjects=subjects)
    kinds = ["accepted", "accepted" if is_yes else "not_found"]
    assert [one.kind for one in found] == (kinds if is_theirs else ["unknown"] * 2)


def test_a_batch_refused_as_a_whole_is_refused_for_all():
    assert batch(400, no("Verification failed"), 3) == ["refused"] * 3
    assert batch(429, {}, 3) == ["throttled"] * 3
    assert batch(422, no("Failed to cancel order", 5), 3) == ["unknown"] * 3


def test_agent_wallets_are_read_only_from_an_exact_list():
    agent = "3ogUn1GNXoASaRbxPNeVJnVv5rG4EPBtmQmX61jVorUe"

    def listed(data):
        body = json.dumps({"success": True, "data": data}).encode()
        found, keys = answers.agent_wallets(status=200, body=body)
        return found.kind, keys.keys

    assert listed({"agent_wallets": [agent]}) == ("accepted", (agent,))
    assert listed({"agent_wallets": []}) == ("accepted", ())
    for odd in (None, {}, {"agent_wallets": None}):
        assert listed(odd) == ("unknown", ())
    for odd in (5, None, "", "x", [], "1" * 45):
        assert listed({"agent_wallets": [odd, agent]}) == ("accepted", (agent,))


@pytest.mark.parametrize("odd", ["5", "1e999", "NaN", '"\\u0000"', '{"a": 1, "a": 2}', '"\x07"'])
def test_what_is_no_agent_wallet_in_their_list_is_kept_as_text(odd):
    agent = "3ogUn1GNXoASaRbxPNeVJnVv5rG4EPBtmQmX61jVorUe"
    body = f'{{"success": true, "data": {{"agent_wallets": ["{agent}", {odd}]}}}}'.encode()
    found, bound = answers.agent_wallets(status=200, body=body)
    assert (found.kind, bound.keys, len(bound.odd)) == ("accepted", (agent,), 1)


@pytest.mark.parametrize(
    "odd",
    [
        "null",
        "5",
        "[]",
        '{"success": true, "x": 1e999}',
        '{"success": true, "x": NaN}',
        '{"success": true, "success": true}',
        '{"success": true, "success": false}',
        '{"success": true, "x": "\\u0000"}',
        '{"success": true, "error": "\\ud800"}',
        '{"success": "true"}',
        "{}",
    ],
)
def test_an_odd_item_of_a_batch_is_unknown_by_itself(odd):
    data = f'{{"results": [{{"success": true}}, {odd}, {{"success": true}}]}}'
    body = f'{{"success": true, "data": {data}}}'.encode()
    assert batch_kinds(body) == ["accepted", "unknown", "accepted"]


def batch_kinds(body):
    return [one.kind for one in answers.batch_verdicts(200, body, 3)]


def test_what_is_odd_beside_a_batchs_items_spoils_it_whole():
    for odd in ('"x": 1e999', '"success": true', '"error": "no"', '"x": "\\u0000"'):
        body = f'{{"success": true, {odd}, "results": [{{"success": true}}, {{"x": NaN}}, {{}}]}}'
        assert batch_kinds(body.encode()) == ["unknown"] * 3


# Reads


def page(rows, **more):
    return json.dumps({"success": True, "data": rows, "error": None, "code": None} | more).encode()


def test_open_orders_keep_the_exchanges_text_exactly():
    row = fuzz_answers.ROW | {"price": "0.10", "order_type": "brand_new_type", "new": {"a": 1}}
    found = answers.open_orders(status=200, body=page([row], last_order_id=28000000009))
    assert found.last_order_id == 28000000009
    assert found.rows[0].price == "0.10"
    assert found.rows[0].order_type == "brand_new_type"
    assert found.rows[0].raw == row


def test_an_empty_book_is_read():
    assert answers.open_orders(status=200, body=page([])).rows == ()


@pytest.mark.parametrize(
    "more",
    [
        {"order_id": "28x"},
        {"order_id": True},
        {"order_id": 0},
        {"order_id": 2**53 + 1},
        {"price": 1.5},
        {"price": "1e5"},
        {"price": "NaN"},
        {"price": "１"},
        {"symbol": None},
        {"symbol": ""},
        {"reduce_only": 0},
        {"created_at": "1716200000000"},
        {"filled_amount": None},
        {"client_order_id": 5},
    ],
)
def test_one_ill_formed_row_hides_no_other(more):
    body = page([fuzz_answers.ROW, fuzz_answers.ROW | {"order_id": 2} | more])
    found = answers.open_orders(status=200, body=body)
    assert found.rows[0].order_id == ORDER_ID
    assert found.rows[0].odd_fields == ()
    assert len(found.rows) + len(found.odd) == 2


def test_an_order_listed_twice_in_the_same_words_is_one():
    found = answers.open_orders(status=200, body=page([fuzz_answers.ROW] * 2))
    assert (len(found.rows), found.odd) == (1, ())


def test_an_unreadable_last_order_id_spoils_no_book():
    found = answers.open_orders(status=200, body=page([fuzz_answers.ROW], last_order_id="x"))
    assert (len(found.rows), found.last_order_id) == (1, None)


@pytest.mark.parametrize(
    ("status", "body", "is_whole"),
    [
        (200, page([]), False),
        (500, page([]), True),
        (200, b"", True),
        (200, b"[]", True),
        (200, b'{"success":false,"data":[]}', True),
        (200, b'{"success":true,"data":null}', True),
        (200, b'{"success":true,"data":[],"error":"x"}', True),
        (200, b'{"success":true,"data":[],"data":[]}', True),
    ],
)
def test_a_read_that_is_not_whole_or_not_of_the_shape_is_unreadable(status, body, is_whole):
    with pytest.raises(answers.Unreadable):
        answers.open_orders(status=status, body=body, is_whole=is_whole)


def test_a_history_page_says_how_to_go_on():
    body = page([fuzz_answers.HISTORY], next_cursor="abc", has_more=True)
    found = answers.history_page(status=200, body=body)
    assert (found.rows[0].order_id, found.next_cursor, found.has_more) == (ORDER_ID, "abc", True)


@pytest.mark.parametrize(
    "more",
    [
        {"has_more": True, "next_cursor": None},
        {"has_more": True, "next_cursor": ""},
        {"has_more": None},
        {"has_more": 0, "next_cursor": 5},
        {"has_more": True, "next_cursor": "a" * 1025},
        {},
    ],
)
def test_the_rows_of_a_history_page_without_a_way_on_count_and_are_not_all(more):
    found = answers.history_page(status=200, body=page([fuzz_answers.HISTORY], **more))
    assert (len(found.rows), found.next_cursor, found.has_more) == (1, None, True)


def events(body, status=200, read=answers.history_events):
    return read(status=status, body=body, order_id=ORDER_ID)


@pytest.mark.parametrize("read", [answers.history_events, answers.twap_events])
def test_events_are_sorted_newest_first_by_their_number(read):
    rows = [fuzz_answers.EVENT | {"history_id": number} for number in (3, 9, 5)]
    assert [row.history_id for row in events(page(rows), read=read).rows] == [9, 5, 3]


@pytest.mark.parametrize("read", [answers.history_events, answers.twap_events])
def test_no_event_at_all_is_not_in_the_history(read):
    with pytest.raises(answers.NotInHistory):
        events(page([]), read=read)


def test_events_of_another_order_are_unreadable():
    with pytest.raises(answers.Unreadable):
        events(page([fuzz_answers.EVENT | {"order_id": 5}]))


def test_events_of_another_order_beside_ours_are_left_out():
    rows = [fuzz_answers.EVENT, fuzz_answers.EVENT | {"order_id": 5, "history_id": 9}]
    assert [row.history_id for row in events(page(rows)).rows] == [7]


def test_an_odd_event_hides_no_other():
    odd = fuzz_answers.EVENT | {"history_id": 9, "symbol": None}
    found = events(page([odd, fuzz_answers.EVENT, {"a": 1}]))
    assert [row.history_id for row in found.rows] == [7]
    assert [one.position for one in found.odd] == [1, 3]


def test_an_event_without_its_number_stands_by_its_time():
    rows = [fuzz_answers.EVENT, fuzz_answers.EVENT | {"history_id": None, "created_at": 1}]
    assert [row.history_id for row in events(page(rows)).rows] == [7, None]


def test_an_order_unknown_to_the_history_is_told_from_an_unreadable_answer():
    text = f"Order history not found for order ID: {ORDER_ID}"
    with pytest.raises(answers.NotInHistory):
        events(json.dumps(no(text, 404)).encode(), status=404)


@pytest.mark.parametrize(
    "body",
    [
        no("Order history not found for order ID: 5", 404),
        no("Not Found", 404),
        no("Account not found", 404),
        no("Order history not found", 5),
        {"error": "Order history not found", "code": 404},
        no("Order history not found", 404, data=[]),
        [],
    ],
)
def test_a_404_in_other_words_proves_nothing(body):
    with pytest.raises(answers.Unreadable):
        events(json.dumps(body).encode(), status=404)


def test_the_historys_404_counts_only_with_its_status_and_whole():
    body = json.dumps(no("Order history not found", 404)).encode()
    with pytest.raises(answers.Unreadable):
        events(body, status=200)
    with pytest.raises(answers.Unreadable):
        answers.history_events(status=404, body=body, order_id=ORDER_ID, is_whole=False)


def test_market_symbols_keep_their_case():
    body = page([{"symbol": "kBONK"}, {"symbol": "SOL-USDC"}])
    assert answers.market_symbols(status=200, body=body) == ("kBONK", "SOL-USDC")


def test_a_market_without_a_symbol_hides_no_other():
    body = page([{"symbol": "kBONK"}, {"symbol": None}, 5, {}, {"symbol": ""}])
    assert answers.market_symbols(status=200, body=body) == ("kBONK",)


# Credits


def test_the_quota_headers_are_tenths_of_credits():
    headers = {"ratelimit": '"credits";r=1205;t=32', "ratelimit-policy": '"credits";q=1250;w=60'}
    assert quota(headers) == Quota(Decimal("120.5"), Decimal(125), 32, 60)


@pytest.mark.parametrize("value", ["", "r", '"credits";r=', ";r=-5", ";r=" + "9" * 400, None, 5])
def test_an_unreadable_quota_is_none(value):
    assert quota({"ratelimit": value}) is None


def test_half_a_quota_is_half_a_quota():
    assert quota({"ratelimit": '"credits";r=10'}) == Quota(Decimal(1), None, None, None)


# Fuzz


def test_no_input_makes_a_reader_raise_or_believe_an_inexact_yes():
    tally = fuzz_answers.run(examples=1500, random_seed=1, max_seconds=3)
    assert tally["accepted"] > 0
    assert tally["unknown"] > 0


def test_an_order_that_a_page_shows_twice_as_it_went_on_is_told_in_both_rows():
    row = fuzz_answers.HISTORY
    later = row | {"updated_at": row["updated_at"] + 5, "order_status": "filled"}
    found = answers.history_page(status=200, body=page([row, row, later], has_more=False))
    assert [one.order_status for one in found.rows] == ["cancelled", "filled"]
    assert not any(one.differing for one in found.rows)

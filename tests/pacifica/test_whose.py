"""An answer that names another order, symbol or account than was asked proves nothing of ours."""

import json

import pytest

from orders.pacifica import answers
from orders.pacifica.answers import Subject

UUID = "F47ac10b-58cc-4372-a567-0e02b2c3d479"
OURS, THEIRS = "3ogUn1GNXoASaRbxPNeVJnVv5rG4EPBtmQmX61jVorUe", "9" * 44
ASKED = Subject(order_id=7, client_order_id=UUID, symbol="kBONK", account=OURS)

# Where a name can stand in an answer.
PLACES = {
    "top": lambda names: names,
    "data": lambda names: {"data": names},
    "data.order": lambda names: {"data": {"order": names}},
    "data.orders": lambda names: {"data": {"orders": [{}, names]}},
    "far below": lambda names: {"request": {"echo": [{"of": [names]}]}},
}
FOREIGN = [
    ({"order_id": 999}, "order (999)"),
    ({"order_id": "999"}, "order (999)"),
    ({"orderId": 999}, "order (999)"),
    ({"order_ids": [7, 999]}, "order (999)"),
    ({"stop_order_id": 999}, "order (999)"),
    ({"cancelled_order_ids": [999]}, "order (999)"),
    ({"order_id": True}, "order (True)"),
    ({"order_id": "7 "}, "order (7)"),
    ({"order_id": 7.5}, "order (7.5)"),
    ({"client_order_id": UUID[:-1] + "0"}, f"order ({UUID[:-1]}0)"),
    ({"client_order_id": 5}, "order (5)"),
    ({"symbol": "BTC"}, "symbol (BTC)"),
    ({"symbol": "KBONK"}, "symbol (KBONK)"),
    ({"account": THEIRS}, f"account ({THEIRS})"),
    ({"account": OURS.lower()}, f"account ({OURS.lower()})"),
    ({"account": {"address": THEIRS}}, f"account ({THEIRS})"),
    ({"order_id": 7, "symbol": "BTC"}, "symbol (BTC)"),
]
OWN = [
    {},
    {"order_id": 7},
    {"order_id": "7"},
    {"order_id": None, "client_order_id": None, "symbol": None, "account": None},
    {"order_id": 0, "client_order_id": "", "symbol": "", "account": ""},
    {"client_order_id": UUID},
    {"client_order_id": UUID.lower()},
    {"client_order_id": UUID.upper()},
    {"symbol": "kBONK", "account": OURS, "order_id": 7},
    {"status": "ok", "user_id": 999, "timestamp": 999, "stop_parent_order_id": 999},
    {"agent_wallet": THEIRS, "last_order_id": 999},
]


def body(place, names, **more):
    said = {"success": True, "data": None, "error": None, "code": None} | more
    return json.dumps(said | PLACES[place](names)).encode()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("names", "words"), FOREIGN, ids=str)
def test_a_yes_to_another_question_is_unknown_and_says_whose_it_is(names, words, place):
    told = body(place, names)
    found = answers.cancel_verdict(200, told, subject=ASKED)
    assert (found.kind, found.cause, found.another) == ("unknown", "another", words)
    assert answers.twap_verdict(200, told, subject=ASKED).another == words


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("names", OWN, ids=str)
def test_a_yes_that_names_what_was_asked_or_nothing_is_accepted(names, place):
    told = body(place, names)
    assert answers.cancel_verdict(200, told, subject=ASKED).kind == "accepted"
    assert answers.twap_verdict(200, told, subject=ASKED).kind == "asked"


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 429, 500])
def test_a_no_to_another_question_is_unknown_too(status, place):
    told = body(place, {"order_id": 999}, success=False, error="Unauthorized", code=401)
    assert answers.cancel_verdict(status, told, subject=ASKED).another == "order (999)"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (f"Order not found for {THEIRS}: 7", f"account ({THEIRS})"),
        (f"Order not found for {OURS}: 999", "order (999)"),
        (f"Unused client order id: {UUID[:-1]}0", f"order ({UUID[:-1]}0)"),
        (f"Account not found: {THEIRS}", f"account ({THEIRS})"),
        (f"Order not found for {OURS}: 7", ""),
        (f"Unused client order id: {UUID.lower()}", ""),
        (f"Unused client order id: {UUID[:8]}", ""),
        (f"Account not found: {OURS}", ""),
        (f"Agent wallet not found: {THEIRS}", ""),
        ("Order not found for ABC: 7", ""),
    ],
)
def test_a_no_may_name_another_in_its_words(words, named):
    said = {"success": False, "data": None, "error": words, "code": 0}
    found = answers.cancel_verdict(422, json.dumps(said).encode(), subject=ASKED)
    assert found.another == named
    assert (found.kind == "unknown") == bool(named)
    (item, _) = answers.batch_verdicts(
        200,
        json.dumps({"success": True, "results": [said, {"success": True}]}).encode(),
        2,
        subjects=[ASKED, Subject(account=OURS)],
    )
    assert item.another == named


@pytest.mark.parametrize("place", ["top", "data"])
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cancelled_count", 0),
        ("cancelled_count", 3),
        ("results", [{"success": True}]),
        ("results", []),
        ("agent_wallets", [OURS]),
    ],
)
def test_an_answer_to_another_kind_of_request_is_none_about_one_order(field, value, place):
    told = body(place, {field: value})
    for read in (answers.cancel_verdict, answers.twap_verdict):
        assert read(200, told, subject=ASKED).another == f"request ({field})"
    strategy = Subject(strategy_id=UUID, account=OURS)  # its orders may be counted
    assert answers.cancel_verdict(200, told, subject=strategy).kind == "accepted"


@pytest.mark.parametrize("value", [None, 1, "1"])
def test_one_order_may_be_counted(value):
    told = body("data", {"cancelled_count": value})
    assert answers.cancel_verdict(200, told, subject=ASKED).kind == "accepted"


@pytest.mark.parametrize("names", [{"order_id": 9}, {"client_order_id": UUID}], ids=str)
def test_what_was_not_named_in_the_question_is_not_compared(names):
    told, asked = body("data", names), Subject(symbol="kBONK", account=OURS)
    assert answers.cancel_verdict(200, told, subject=asked).kind == "accepted"


def test_a_strategy_is_known_by_its_id_and_account_whatever_orders_it_had():
    asked = Subject(strategy_id=UUID, account=OURS)
    children = {"strategy_id": UUID.lower(), "orders": [{"order_id": 1, "symbol": "BTC"}]}
    assert answers.cancel_verdict(200, body("data", children), subject=asked).kind == "accepted"
    other = answers.cancel_verdict(200, body("data", {"strategy_id": "x"}), subject=asked)
    assert other.another == "strategy (x)"


ALL = Subject(account=OURS, is_all_symbols=True)
ONE = Subject(account=OURS, symbol="BTC")
TAKEN = {"cancelled_count": 2}


@pytest.mark.parametrize(
    ("subject", "names", "words"),
    [
        (ALL, {"account": THEIRS}, f"account ({THEIRS})"),
        (ALL, {"symbol": "BTC"}, "symbol (BTC)"),
        (ONE, {"symbol": "ETH"}, "symbol (ETH)"),
        (ONE, {"orders": [{"symbol": "ETH"}]}, "symbol (ETH)"),
        (ALL, {"orders": [{"symbol": "ETH", "order_id": 5}]}, ""),
        (ONE, {"symbol": "BTC", "account": OURS}, ""),
    ],
    ids=str,
)
@pytest.mark.parametrize("place", ["top", "data"])
def test_a_cancel_all_is_believed_for_its_account_and_symbols_alone(subject, names, words, place):
    told = body(place, names | TAKEN)
    found = answers.cancel_all_verdict(200, told, subject=subject)
    assert (found.another, found.count) == (words, None if words else 2)


def batch(items, **more):
    told = {"success": True, "data": {"results": items}} | more
    subjects = [Subject(order_id=n, symbol="BTC", account=OURS) for n in range(1, 1 + len(items))]
    return answers.batch_verdicts(200, json.dumps(told).encode(), len(items), subjects=subjects)


YES = {"success": True, "order_id": None}


@pytest.mark.parametrize(
    ("items", "more", "words"),
    [
        ([YES, {"success": True, "order_id": 1}], {}, "order (1)"),
        ([{"success": True, "order_id": 2}, {"success": True, "order_id": 1}], {}, "order (2)"),
        (
            [YES, {"success": False, "error": "Order not found", "symbol": "ETH"}],
            {},
            "symbol (ETH)",
        ),
        ([YES, YES], {"account": THEIRS}, f"account ({THEIRS})"),
        ([YES, YES], {"order_id": 999}, "order (999)"),
    ],
    ids=str,
)
def test_a_batch_that_names_another_cannot_be_matched_to_its_actions(items, more, words):
    assert [(one.kind, one.another) for one in batch(items, **more)] == [("unknown", words)] * 2


def test_a_batch_may_name_what_it_was_about():
    items = [{"success": True, "order_id": 1, "symbol": "BTC"}, {"success": True, "order_id": "2"}]
    assert [one.kind for one in batch(items, account=OURS, order_id=2)] == ["accepted"] * 2


def test_the_agent_wallets_of_another_account_are_not_ours():
    told = {"agent_wallets": [OURS], "account": THEIRS}
    asked = Subject(account=OURS)
    found, keys = answers.agent_wallets(200, body("data", told), subject=asked)
    assert (found.another, keys.keys) == (f"account ({THEIRS})", ())
    told["account"] = OURS
    assert answers.agent_wallets(200, body("data", told), subject=asked)[1].keys == (OURS,)


def test_what_an_answer_names_is_cut_and_made_safe_to_show():
    names = {"symbol": "\u202e" + "x" * 500}
    shown = answers.cancel_verdict(200, body("data", names), subject=ASKED).another
    assert shown.isprintable()
    assert len(shown) < 80


UNNAMED = Subject(order_id=7, client_order_id="", symbol="kBONK", account=OURS)


@pytest.mark.parametrize("place", PLACES)
def test_a_client_order_id_is_anothers_where_the_order_is_known_to_have_none(place):
    found = answers.cancel_verdict(200, body(place, {"client_order_id": UUID}), subject=UNNAMED)
    assert (found.kind, found.another) == ("unknown", f"order ({UUID})")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("names", [{}, {"client_order_id": None}, {"client_order_id": ""}], ids=str)
def test_an_empty_client_order_id_contradicts_nothing(names, place):
    told = body(place, {"order_id": 7} | names)
    assert answers.cancel_verdict(200, told, subject=UNNAMED).kind == "accepted"


def test_a_batch_may_name_the_client_order_id_of_any_of_its_orders_and_no_other():
    named = Subject(order_id=8, client_order_id=UUID, symbol="kBONK", account=OURS)
    for name, kind in ((UUID, "accepted"), (UUID[:-1] + "0", "unknown")):
        told = {"success": True, "data": {"results": [YES, YES]}, "client_order_id": name}
        of = {"count": 2, "subjects": [UNNAMED, named]}
        found = answers.batch_verdicts(200, json.dumps(told).encode(), **of)
        assert {one.kind for one in found} == {kind}

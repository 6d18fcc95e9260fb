"""Rows are read one by one: what can be read counts, what cannot is named, none hides another."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.pacifica.rows import (
    HistoryOrder,
    OpenOrder,
    OrderEvent,
    OrderStrategy,
    TwapOrder,
    rows_of,
)
from orders.pacifica.strict_json import Unreadable, parse_rows, spelled
from tests.pacifica.fuzz_answers import ROW

KINDS = [OpenOrder, HistoryOrder, OrderEvent, TwapOrder, OrderStrategy]


def read(*rows):
    """The rows as they come out of bytes."""
    text = ", ".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    return rows_of(OpenOrder, parse_rows(f"[{text}]".encode()))


def one(**fields):
    """The one row of so many fields, spelled as given."""
    spelling = json.dumps(ROW)
    for name, value in fields.items():
        spelling = spelling.replace(f'"{name}": {json.dumps(ROW[name])}', f'"{name}": {value}')
    rows, odd = read(spelling)
    assert (len(rows), odd) == (1, ())
    return rows[0]


@pytest.mark.parametrize(
    ("spelling", "text"),
    [
        ('"7.3e-7"', "0.00000073"),
        ("7.3e-7", "0.00000073"),
        ("1E-7", "0.0000001"),
        ('"1.50E+3"', "1500"),
        ("1e0", "1"),
        ('"+1"', "1"),
        ('".5"', "0.5"),
        ('"5."', "5"),
        ("5", "5"),
        ("0.1", "0.1"),
        ("0.10", "0.10"),
        ("0.1000000000000000055511151231257827", "0.1000000000000000055511151231257827"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ('"0.10"', "0.10"),
        ('"007"', "007"),
    ],
)
def test_a_decimal_in_any_spelling_is_exact_plain_text(spelling, text):
    row = one(initial_amount=spelling)
    assert (row.initial_amount, row.odd_fields) == (text, ())


@pytest.mark.parametrize(
    "spelling",
    [
        *('"1e999999"', "1e999999", "1e-999999", "1" * 5000, '"1e99999999999999999999"', '"NaN"'),
        *("NaN", "Infinity", '"１"', '"1_0"', '"0x1"', '"1,5"', '" 1"', "true", "[]", "{}"),
        *('"."', '"e5"', '"--1"', '"1e"', '"1e+"', '"1.2.3"', '"1 "', '"\\n1"', '"1\\u0000"'),
    ],
)
def test_a_decimal_that_is_none_or_absurd_is_an_odd_field_and_no_more(spelling):
    row = one(initial_amount=spelling)
    assert (row.initial_amount, row.odd_fields) == (None, ("initial_amount",))
    assert (row.order_id, row.symbol) == (ROW["order_id"], "BTC")


@pytest.mark.parametrize(
    "fields",
    [
        {"client_order_id": '""'},
        {"stop_parent_order_id": "0"},
        {"price": "null"},
        {"price": '""'},
        {"trigger_price_type": '""'},
    ],
)
def test_what_is_empty_where_it_may_be_says_none(fields):
    row = one(**fields)
    assert (getattr(row, *fields), row.odd_fields) == (None, ())


@pytest.mark.parametrize("spelling", ['"28000000001"', "28000000001.0", "2.8000000001e10"])
def test_an_order_id_in_another_spelling_is_that_order_id(spelling):
    assert one(order_id=spelling).order_id == ROW["order_id"]


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("side", "null"),
        ("side", '"b\\u0007id"'),
        ("side", '"b\x07id"'),
        ("client_order_id", f'"{"a" * 65}"'),
        ("client_order_id", '"\\u0000"'),
        ("client_order_id", '"\\ud800"'),
        ("reduce_only", "null"),
        ("created_at", '"today"'),
        ("updated_at", "-1"),
        ("stop_price", "{}"),
        ("side", '"bid", "side": "ask"'),
    ],
)
def test_a_row_with_one_odd_field_is_a_row_and_says_which(name, spelling):
    row = one(**{name: spelling})
    assert (getattr(row, name), row.odd_fields, row.differing) == (None, (name,), ())


def test_bytes_that_are_no_text_spoil_their_field_alone():
    body = json.dumps([ROW]).encode().replace(b'"bid"', b'"b\xffd"')
    (row,), _ = rows_of(OpenOrder, parse_rows(body))
    assert (row.symbol, row.odd_fields) == ("BTC", ("side",))


def test_a_name_that_stands_twice_with_one_value_is_that_value():
    row = one(side='"bid", "side": "bid"')
    assert (row.side, row.odd_fields) == ("bid", ())


@pytest.mark.parametrize(
    ("row", "order_id", "symbol"),
    [
        ({**ROW, "order_id": None}, None, "BTC"),
        ({**ROW, "order_id": 2**53 + 1}, None, "BTC"),
        ({**ROW, "order_id": "x"}, None, "BTC"),
        ({**ROW, "symbol": None}, ROW["order_id"], None),
        ({**ROW, "symbol": "B\u0000"}, ROW["order_id"], None),
        ({**ROW, "symbol": "B-" * 33}, ROW["order_id"], None),
        ({}, None, None),
        (["BTC"], None, None),
        (None, None, None),
    ],
)
def test_a_row_that_names_no_order_is_odd_with_its_place_and_text(row, order_id, symbol):
    rows, (odd,) = read({**ROW, "order_id": 5}, row)
    assert [row.order_id for row in rows] == [5]
    assert (odd.position, odd.order_id, odd.symbol) == (2, order_id, symbol)
    assert odd.raw == json.dumps(row)[:300]
    assert (odd.row is not None) == (order_id is not None)


def test_an_odd_rows_text_is_bounded_printable_and_shows_no_secret():
    secret = "1" * 88
    _, (odd,) = read({"a": secret, "b": "\u0007\n" + "x" * 10_000})
    assert len(odd.raw) <= 300
    assert odd.raw.isprintable()
    assert secret not in odd.raw


def test_identical_rows_are_one():
    rows, odd = read(ROW, ROW, {**ROW, "new": 1}, {**ROW, "initial_amount": 0.5})
    assert (len(rows), odd, rows[0].differing) == (1, (), ())


def test_where_rows_of_one_order_differ_neither_is_believed():
    rows, odd = read(ROW, {**ROW, "filled_amount": "0.1", "side": None}, {**ROW, "side": "bid"})
    assert (len(rows), odd) == (1, ())
    assert (rows[0].filled_amount, rows[0].side) == (None, "bid")
    assert rows[0].differing == ("filled_amount",)
    assert rows[0].odd_fields == ("side", "filled_amount")


def test_a_third_row_does_not_settle_what_two_tell_differently():
    rows, _ = read(ROW, {**ROW, "side": "ask"}, ROW)
    assert (rows[0].side, rows[0].differing) == (None, ("side",))


def test_one_order_under_two_symbols_is_odd_and_named():
    rows, (odd,) = read(ROW, {**ROW, "symbol": "ETH"})
    assert (rows, odd.order_id, odd.symbol) == ((), ROW["order_id"], None)
    assert "two symbols" in odd.why


def test_a_twin_without_a_symbol_takes_none_from_the_row_that_has_one():
    rows, odd = read(ROW, {**ROW, "symbol": None})
    assert (rows[0].symbol, odd) == ("BTC", ())


def test_a_row_comes_back_as_it_was_spelled():
    spelling = '{"a": 1e999, "b": 0.10, "a": [1.50, {"c": NaN}], "d": "\\u0000"}'
    (_, (odd,)) = read(spelling)
    assert odd.raw == '{"a": 1e999, "a": [1.50, {"c": NaN}], "b": 0.10, "d": "\\u0000"}'


def test_depth_beyond_all_bounds_hides_no_row_that_is_beside_it():
    deep = "[" * 300 + "1.5" + "]" * 300
    rows, odd = read(
        ROW, f'{{"a": {deep}}}', json.dumps({**ROW, "order_id": 7})[:-1] + f', "x": {deep}}}'
    )
    assert [row.order_id for row in rows] == [ROW["order_id"], 7]
    assert [one.position for one in odd] == [2]


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([0, 2**53 + 1, "1e5", "BTC", "", "\x00", "\ud800", 10**30]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*ROW, "strategy_id", "history_id", "x"]), inner, max_size=8
        )
    ),
    max_leaves=20,
)


@given(ANY_JSON)
@settings(max_examples=300, deadline=None, database=None)
def test_no_json_value_makes_the_reader_of_rows_raise(value):
    items = parse_rows(json.dumps([value, ROW, value]).encode())
    spelled(items)
    for kind in KINDS:
        rows, odd = rows_of(kind, items)
        assert len(rows) + len(odd) <= 3
        assert all(1 <= one.position <= 3 and one.raw.isprintable() for one in odd)
        if kind in (OpenOrder, TwapOrder):
            ids = {row.order_id for row in rows} | {one.order_id for one in odd}
            assert ROW["order_id"] in ids
    if not isinstance(value, list):
        with pytest.raises(Unreadable):
            rows_of(OpenOrder, value)

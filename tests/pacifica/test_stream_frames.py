"""Frames are read row by row, and nothing that the exchange sends raises."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orders.pacifica import stream_frames as frames
from orders.pacifica.stream_frames import read_frame
from tests.helpers.odd_cells import ODDITIES
from tests.pacifica.fuzz_answers import BOMBS

ACCOUNT = "42trU9A5cTQkmMdjDqUSkZ7Y2TDSLEw5sqVGHfyLEYqJ"
ROW = {
    "i": 28000000001,
    "I": "f47ac10b-58cc-4372-a567-0e02b2c3d479",
    "u": ACCOUNT,
    "s": "BTC",
    "d": "bid",
    "p": "0",
    "ip": "105000",
    "lp": "0",
    "a": "0.5",
    "f": "0.1",
    "oe": "cancel",
    "os": "cancelled",
    "ot": "limit",
    "sp": None,
    "si": None,
    "tp": None,
    "r": False,
    "ct": 1716200000000,
    "ut": 1716200000500,
    "li": 28000000009,
}
TWAP = {
    "i": 28000000002,
    "u": ACCOUNT,
    "s": "BTC",
    "d": "ask",
    "ta": "4",
    "fa": "1",
    "oe": "cancel",
    "os": "cancelled",
    "r": False,
    "sp": "0.5",
    "ct": 1716200000000,
    "ut": 1716200000500,
}
STRATEGY = {"event_id": 1, "account": ACCOUNT, "strategy_id": "9", "state": "cancelled", "at_ms": 7}


def frame(*rows, source=frames.ORDERS):
    text = ", ".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    return f'{{"channel": "{source}", "data": [{text}]}}'.encode()


def test_an_update_is_read_by_its_short_names():
    read = read_frame(frame(ROW))
    (update,) = read.updates
    row = update.row
    assert (read.source, read.troubles, update.account) == (frames.ORDERS, (), ACCOUNT)
    assert (row.order_id, row.client_order_id, row.symbol) == (ROW["i"], ROW["I"], "BTC")
    assert (row.amount, row.filled_amount, row.initial_price) == ("0.5", "0.1", "105000")
    assert (row.event_type, row.order_status, row.order_type) == ("cancel", "cancelled", "limit")
    assert (row.created_at, row.updated_at, row.last_order_id) == (ROW["ct"], ROW["ut"], ROW["li"])
    assert row.odd_fields == ()


def test_a_row_is_kept_word_for_word():
    spelled = json.dumps(ROW).replace('"0.1"', "1E-1")
    (update,) = read_frame(frame(spelled)).updates
    assert update.raw == spelled.encode()
    assert update.row.filled_amount == "0.1"


def test_a_twap_row_has_amounts_by_other_names_and_no_stop_price():
    (update,) = read_frame(frame(TWAP, source=frames.TWAPS)).updates
    assert (update.row.amount, update.row.filled_amount) == ("4", "1")
    assert (update.row.stop_price, update.row.last_order_id) == (None, None)
    assert update.row.odd_fields == ()


def test_a_strategy_comes_as_one_object():
    raw = json.dumps({"channel": frames.STRATEGIES, "data": STRATEGY}).encode()
    (update,) = read_frame(raw).updates
    assert (update.account, update.row.strategy_id, update.row.state) == (ACCOUNT, "9", "cancelled")


def test_two_rows_of_one_order_are_two_updates():
    read = read_frame(frame(ROW | {"f": "0"}, ROW))
    assert [update.position for update in read.updates] == [1, 2]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("7", "it is no object"),
        ({**ROW, "u": None}, "account cannot be read"),
        ({**ROW, "i": "x"}, "order_id cannot be read"),
        ({}, "account and order_id cannot be read"),
    ],
)
def test_an_odd_row_is_named_and_hides_no_other(row, why):
    read = read_frame(frame(row, ROW))
    assert [update.position for update in read.updates] == [2]
    assert [(each.position, each.why) for each in read.troubles] == [(1, why)]


def test_an_odd_field_is_named_and_the_others_count():
    (update,) = read_frame(frame(ROW | {"f": [1]})).updates
    assert update.row.odd_fields == ("filled_amount",)
    assert (update.row.filled_amount, update.row.order_status) == (None, "cancelled")


def test_a_name_that_stands_twice_with_two_values_is_odd():
    row = json.dumps(ROW)[:-1] + ', "os": "open"}'
    (update,) = read_frame(frame(row)).updates
    assert update.row.odd_fields == ("order_status",)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"channel":"pong"}', frames.Pong()),
        (
            b'{"channel":"subscribe","data":{"source":"s","account":"A"}}',
            frames.Subscribed("s", "A"),
        ),
        (
            b'{"channel":"unsubscribe","data":{"source":"s","account":"A"}}',
            frames.Unsubscribed("s", "A"),
        ),
        (b'{"code":400,"err":"no","t":1}', frames.ErrorFrame(400, "no")),
        (b'{"id":"7","code":420,"err":"no"}', frames.ErrorFrame(420, "no", "7")),
        (b'{"code":"x","err":["no"]}', frames.ErrorFrame(None, '["no"]')),
    ],
)
def test_what_is_no_update_is_told_apart(raw, said):
    assert read_frame(raw) == said


@pytest.mark.parametrize(
    "raw",
    [
        b'{"channel":"subscribe","data":{"source":"s"}}',
        b'{"channel":"account_order_updates","channel":"pong"}',
        b'{"channel":"account_order_updates","data":"no"}',
        b'{"channel":"account_trades","data":[]}',
        b'{"channel":["pong"]}',
        b"{}",
        b"7",
        *BOMBS,
    ],
)
def test_what_cannot_be_read_says_nothing(raw):
    assert isinstance(read_frame(raw), frames.Unreadable | frames.ErrorFrame)


@pytest.mark.parametrize("name", [*ROW])
@pytest.mark.parametrize("oddity", [*ODDITIES])
def test_no_odd_field_raises_or_hides_a_sound_row(name, oddity):
    row, text = dict(ROW), ODDITIES[oddity]
    row.pop(name)
    body = json.dumps(row)[:-1]
    odd = body + "}" if text is None else f'{body}, "{name}": {text.replace("{field}", name)}}}'
    read = read_frame(frame(odd, ROW))
    assert [each.position for each in (*read.updates, *read.troubles)].count(1) == 1
    assert read.updates[-1].row.raw == ROW


@settings(max_examples=300, deadline=None)
@given(st.recursive(st.none() | st.text() | st.integers() | st.floats(), st.lists))
def test_no_json_value_raises(value):
    for raw in (value, {"channel": frames.ORDERS, "data": value}, {"channel": value}):
        read_frame(json.dumps(raw).encode())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_raise(raw):
    read_frame(raw)
    read_frame(frame(ROW)[: len(raw)] + raw)


def test_a_subscription_is_spelled_as_documented():
    assert json.loads(frames.subscribe_message(frames.ORDERS, ACCOUNT)) == {
        "method": "subscribe",
        "params": {"source": frames.ORDERS, "account": ACCOUNT},
    }
    assert json.loads(frames.PING) == {"method": "ping"}

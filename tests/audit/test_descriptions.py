"""Every event has a sentence, and it reads with every shape of data that was ever written.

The shapes were kept from runs of the firm: panics, strategies, drills, stops, key tests, commands,
syncs, contradictions, restored copies, sign-ins, exports. What a later release adds needs one too.
"""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from orders.audit import sentences
from orders.models import AuditRecord, Event
from tests.helpers.plain_words import NONSENSE

KEPT = Path(__file__).parent.parent / "helpers" / "record_shapes.jsonl"
SHAPES = [json.loads(line) for line in KEPT.read_text().splitlines()]
COLUMNS = ("event", "outcome", "operator_name", "address", "desk_name", "account_name", "job_id")
TYPED = re.compile(r"“[^”]+”|/[a-z_/]+|https?:\S+")  # quoted words and routes stand as they are


def told(shape, data, **changed):
    record = AuditRecord(**{name: shape[name] for name in COLUMNS} | changed, data=json.dumps(data))
    row = None
    if shape["rows"]:
        names = ("symbol", "order_id", "client_order_id", "outcome")
        row = SimpleNamespace(**dict(zip(names, shape["rows"][0], strict=True)))
    return sentences.of_record(record, row=row, count=shape["count"])


def nonsense(sentence):
    return NONSENSE.findall(TYPED.sub("“x”", sentence)), sentence


def shapes_of(event):
    found = [shape for shape in SHAPES if shape["event"] == event]
    assert found, "keep a line of such a record in record_shapes.jsonl"
    return found


@pytest.mark.parametrize("event", Event.values)
def test_every_shape_of_an_event_reads(event):
    for shape in shapes_of(event):
        found, said = nonsense(told(shape, json.loads(shape["data"])))
        assert not found, said


@pytest.mark.parametrize("event", Event.values)
def test_a_record_that_lacks_something_reads_without_it(event):
    bare = {name: "" for name in COLUMNS if name not in ("event", "job_id")} | {"job_id": None}
    for shape in shapes_of(event):
        data = json.loads(shape["data"])
        without = [{k: v for k, v in data.items() if k != name} for name in data]
        emptied = [data | {name: None} for name in data]
        for one in (*without, *emptied, {}):
            for columns in ({}, bare):
                found, said = nonsense(told(shape, one, **columns))
                assert not found, (said, one)


@pytest.mark.parametrize("event", Event.values)
def test_a_fact_of_another_kind_breaks_no_page(event):
    for shape in shapes_of(event):
        data = json.loads(shape["data"])
        for strange in (7, True, "x", [1, None], {"a": None}):
            for name in data:
                assert told(shape, data | {name: strange})


@pytest.mark.parametrize("data", ["", "x", "[1]", "null", "1", '"x"', "[" * 100_000])
@pytest.mark.parametrize("event", [*Event.values, "of a later release"])
def test_data_that_cannot_be_read_reads_as_none(event, data):
    found, said = nonsense(sentences.of_record(AuditRecord(event=event, data=data)))
    assert not found, said


def test_a_strategy_is_named_and_a_panics_end_says_why():
    ours = {
        "strategy_id": "070d31e3",
        "status": 200,
        "url": "http://x/api/v1/order_strategies/cancel",
    }
    record = AuditRecord(event="answer", account_name="Alpha", data=json.dumps(ours))
    row = SimpleNamespace(symbol="", order_id=None, client_order_id=None, outcome="")
    said = sentences.of_record(record, row=row, count=1)
    assert said == "The exchange answered 200 about cancel of order strategy 070d31e3 of Alpha."
    why = json.dumps({"explanation": "2 still listed after 3 s."})
    record = AuditRecord(event="outcome", outcome="needs_you", account_name="Alpha", data=why)
    assert sentences.of_record(record, row=row, count=1).endswith("2 still listed after 3 s.")


def test_in_an_orders_life_a_mixed_answer_says_what_became_of_that_order():
    record = AuditRecord(event="answer", outcome="mixed", data='{"status": 200}')
    row = SimpleNamespace(symbol="BTC", order_id=7, client_order_id=None, outcome="cancelled")
    assert sentences.of_record(record, row=row, count=1).endswith("about BTC 7: cancelled.")
    assert "not the same" in sentences.of_record(record, row=row, count=2)

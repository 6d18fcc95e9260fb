"""What kept frames of the stream prove: of a TWAP order on their own channel alone."""

import json

import pytest

from orders.audit.hashing import COVERED_OF_ROW
from orders.audit.reader import Entry
from orders.evidence import stream_checks
from orders.pacifica import stream_frames

ADDRESS, ORDER_ID, CANCEL_ID = "A" * 44, 71_000_000_001, 5
CHANNELS = {True: stream_frames.TWAPS, False: stream_frames.ORDERS}
AMOUNTS = {True: {"ta": "1", "fa": "0"}, False: {"a": "1", "f": "0", "li": 7}}


def row_of(*, is_twap, status="cancelled"):
    return json.dumps({"i": ORDER_ID, "u": ADDRESS, "s": "BTC", "os": status} | AMOUNTS[is_twap])


def record(frame_is_twap, line_is_twap, *, is_cut=False):
    """A record of one frame and one line, as they are kept; a frame that is cut is not."""
    row = row_of(is_twap=frame_is_twap)
    frame = f'{{"channel": "{CHANNELS[frame_is_twap]}", "data": [{row}]}}'.encode()
    line = dict.fromkeys(COVERED_OF_ROW, None) | {"cancel_id": CANCEL_ID, "order_id": ORDER_ID}
    line["data"] = row_of(is_twap=line_is_twap)
    body = frame[:40] if is_cut else frame
    values = {
        "account_address": ADDRESS,
        "body_length": len(frame),
        "data": json.dumps({"frames": [{"length": len(frame)}]}),
    }
    return Entry(values, [tuple(line.values())], body), body


@pytest.mark.parametrize("is_twap", [True, False])
@pytest.mark.parametrize("is_cut", [True, False])
def test_a_frame_proves_the_end_of_its_own_kind_of_order(is_twap, is_cut):
    assert stream_checks.cancelled(*record(is_twap, is_twap, is_cut=is_cut)) == [CANCEL_ID]


@pytest.mark.parametrize("is_twap", [True, False])
def test_a_frame_proves_nothing_of_the_other_kind_with_the_same_id(is_twap):
    assert stream_checks.cancelled(*record(is_twap, not is_twap)) == []

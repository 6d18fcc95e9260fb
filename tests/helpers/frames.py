"""Frames as the exchange's stream sends them, made of what the paper exchange did."""

import itertools
import json

from django.utils import timezone

from orders.pacifica import stream_frames
from orders.reconcile import stream_updates
from orders.reconcile.received_frames import ReceivedFrame

_numbers = itertools.count(1)


def received(*rows, source=stream_frames.ORDERS, at=None, number=None):
    """One frame of these rows, dicts or JSON text."""
    text = ", ".join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    raw = f'{{"channel": "{source}", "data": [{text}]}}'.encode()
    return ReceivedFrame(raw, at or timezone.now(), "c1", number or next(_numbers))


def rows_of(paper, order_id):
    """The updates of one order of the paper exchange, oldest first."""
    truth = paper.truth()[order_id]
    row = twap_row if truth["kind"] == "twap" else order_row
    return [row(order_id, truth, event) for event in truth["events"]]


def order_row(order_id, truth, event):
    return {
        "i": order_id,
        "I": truth["client_order_id"],
        "u": truth["account"],
        "s": truth["symbol"],
        "d": truth["side"],
        "p": truth["average_filled_price"],
        "ip": truth["initial_price"],
        "lp": "0",
        "a": truth["amount"],
        "f": event["filled_amount"],
        "oe": event["event_type"],
        "os": event["order_status"],
        "ot": truth["order_type"],
        "sp": truth["stop_price"],
        "si": truth["stop_parent_order_id"],
        "tp": None,
        "r": truth["reduce_only"],
        "ct": truth["created_at"],
        "ut": event["created_at"],
        "li": event["li"],
    }


def twap_row(order_id, truth, event):
    row = order_row(order_id, truth, event)
    names = {name: row[name] for name in ("i", "I", "u", "s", "d", "oe", "os", "r", "ct", "ut")}
    return names | {"ta": row["a"], "fa": row["f"], "sp": "0.5"}


def apply(account, *frames, clock=timezone.now):
    """Apply frames; rows stand for frames of one row each."""
    made = [each if isinstance(each, ReceivedFrame) else received(each) for each in frames]
    return stream_updates.apply(account_id=account.pk, frames=made, clock=clock)


def stream(firm, order_id, account=None, last=None):
    """Apply what the paper exchange's stream says of an order: all of it, or the last updates."""
    rows = rows_of(firm.paper, order_id)
    return apply(account or firm.account, *rows[-(last or len(rows)) :])

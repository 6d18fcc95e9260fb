"""Every field of an update, odd in every way: nothing raises, nothing sound is lost, and nothing is
closed or concluded that the exchange did not end."""

import itertools
import json

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orders.evidence import verify
from orders.models import Cancel, CancelStatus, Order, OrderState
from orders.pacifica.stream_frames import SOURCES
from orders.reconcile import stream_updates
from orders.reconcile.received_frames import ReceivedFrame
from tests.helpers.engines import examples, part_of
from tests.helpers.frames import apply, received, rows_of
from tests.helpers.odd_cells import ODDITIES
from tests.pacifica.fuzz_answers import BOMBS
from tests.reconcile.test_stream_settles import ask, deliver

FIELDS = ("i", "I", "u", "s", "d", "p", "ip", "lp", "a", "f", "oe", "os", "ot", "sp", "si", "tp")
FIELDS += ("r", "ct", "ut", "li")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
)


def spoiled(row, name, oddity):
    """The row as JSON text with one field odd."""
    text = ODDITIES[oddity]
    body = json.dumps({key: value for key, value in row.items() if key != name})
    return body if text is None else f'{body[:-1]}, "{name}": {text.replace("{field}", name)}}}'


@pytest.fixture
def unknown(firm):
    """An open order whose cancel is unknown, and a sound one that somebody else cancelled."""
    order, other = firm.orders(2)
    firm.paper.fault("/orders/cancel", "drop")
    ask(firm, order)
    deliver(firm)
    firm.paper.close(other.order_id)
    return order, other


class Undone(Exception):
    """Ends a cell: the next one starts from the same database."""


def cells(firm, unknown, word):
    """Apply each odd row beside a sound one; yield (field, oddity, order, cancel, other)."""
    order, other = unknown
    sound = rows_of(firm.paper, other.order_id)[-1]
    row = rows_of(firm.paper, order.order_id)[-1]
    came_at = timezone.now()  # however long the table takes
    at = round(came_at.timestamp() * 1000)
    row |= {"os": word, "oe": "cancel", "ut": at, "li": sound["li"] + 1}
    for name, oddity in part_of(itertools.product(FIELDS, ODDITIES)):
        try:
            with transaction.atomic():
                apply(firm.account, received(spoiled(row, name, oddity), sound, at=came_at))
                order.refresh_from_db()
                other.refresh_from_db()
                yield name, oddity, order, Cancel.objects.get(), other
                raise Undone
        except Undone:
            pass


@pytest.mark.parametrize("word", ["open", "partially_filled", "sleeping"])
def test_an_odd_update_that_says_no_end_closes_nothing(firm, unknown, word):
    for name, oddity, order, cancel, other in cells(firm, unknown, word):
        assert order.state == OrderState.OPEN, (name, oddity)
        assert cancel.status == CancelStatus.UNKNOWN, (name, oddity)
        assert other.state == OrderState.CLOSED, (name, oddity)


def test_an_odd_update_that_says_an_end_ends_its_own_order_alone(firm, unknown):
    for name, oddity, order, cancel, other in cells(firm, unknown, "cancelled"):
        assert other.state == OrderState.CLOSED, (name, oddity)
        if name in ("i", "u", "os"):
            assert order.state == OrderState.OPEN, (name, oddity)
            assert cancel.status == CancelStatus.UNKNOWN, (name, oddity)
        elif name == "s":  # a readable symbol of another market is another's
            assert cancel.status in (CancelStatus.CANCELLED, CancelStatus.GONE), oddity
        else:
            assert order.state == OrderState.CLOSED, (name, oddity)
        assert Order.objects.filter(state=OrderState.CLOSED).count() <= 2
        assert verify.verify().faults == [], (name, oddity)


@pytest.mark.parametrize("raw", BOMBS)
def test_a_hostile_frame_changes_nothing(firm, unknown, raw):
    frame = ReceivedFrame(raw, timezone.now(), "c1", 1)
    applied = stream_updates.apply(account_id=firm.account.pk, frames=[frame])
    assert (applied.changed, applied.concluded) == (0, 0)
    assert Order.objects.filter(state=OrderState.OPEN).count() == 2


@settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_values_in_any_fields_raise_or_break_the_log(firm, data):
    names = data.draw(st.lists(st.sampled_from(FIELDS), unique=True, max_size=6))
    # Not any order: what an earlier example told of may stand here, and the exchange not know it.
    real_id = next(iter(firm.paper.truth()), None) or firm.order().order_id
    row = rows_of(firm.paper, real_id)[-1] | {name: data.draw(VALUES) for name in names}
    source = data.draw(st.sampled_from(SOURCES))
    apply(firm.account, received(row, source=source))
    assert verify.verify().faults == []

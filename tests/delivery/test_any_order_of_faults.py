"""Whatever happens in whatever order, nothing is lost, invented or sent twice."""

import os

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from orders.exchange import client
from orders.models import Cancel
from tests.faults.world import POINTS, World
from tests.helpers.firm import Firm

EXAMPLES = int(os.environ.get("FAULT_EXAMPLES", "8"))
STEPS = int(os.environ.get("FAULT_STEPS", "18"))
ROUTES = ["/orders/cancel", "/orders/batch"]
FAULTS = {
    "dropped": {"kind": "drop"},
    "reset": {"kind": "drop", "reset": True},
    "answer lost": {"kind": "apply_then_drop"},
    "crash after it worked": {"kind": "status", "status": 504, "applied": True},
    "crash before it worked": {"kind": "status", "status": 500},
    "front door's page": {
        "kind": "status",
        "status": 502,
        "body": "<html>bad gateway</html>",
        "content_type": "text/html",
        "applied": True,
    },
    "filled first": {"kind": "fill_first"},
    "throttled": {"kind": "status", "status": 429},
    "unreadable": {"kind": "status", "status": 200, "body": '{"success":"true"}'},
    "late": {"kind": "late", "delay_ms": 250, "hold_ms": 300},
}
READS = ["/orders", "/orders/history", "/orders/history_by_id"]
points = st.one_of(st.none(), st.sampled_from(sorted(POINTS)))


def machine_of(paper):
    """The machine class, on this paper exchange."""

    class Desk(RuleBasedStateMachine):
        def __init__(self):
            super().__init__()
            self._undo = transaction.atomic()
            self._undo.__enter__()
            paper.reset()
            self.world = World(Firm(paper))

        def teardown(self):
            try:
                is_at_rest = self.world.come_to_rest()
                assert self.world.findings(is_over=True) == []
                assert is_at_rest, list(
                    Cancel.objects.values_list("status", "explanation", "checks", "repeats")
                )
            finally:
                transaction.set_rollback(True)
                self._undo.__exit__(None, None, None)

        @initialize(count=st.integers(1, 4))
        def first_orders(self, count):
            self.world.place(count)

        @rule(count=st.integers(1, 3))
        def place(self, count):
            self.world.place(count)

        @rule(data=st.data())
        def submit(self, data):
            ids = st.lists(st.sampled_from(self.world.order_ids), min_size=1, unique=True)
            self.world.submit(data.draw(ids))

        @rule(point=points)
        def deliver(self, point):
            self.world.deliver(point)

        @rule(point=points)
        def settle(self, point):
            self.world.settle(point)

        @rule()
        def freeze_a_sender(self):
            self.world.freeze()

        @rule()
        def thaw_the_frozen(self):
            self.world.thaw()

        @rule()
        def recover(self):
            self.world.recover()

        @rule()
        def sync(self):
            self.world.sync()

        @rule(seconds=st.sampled_from([1, 3, 8, 31, 61]))
        def wait(self, seconds):
            self.world.advance(seconds)

        @rule(route=st.sampled_from(ROUTES), fault=st.sampled_from(sorted(FAULTS)))
        def break_a_request(self, route, fault):
            paper.fault(route, **FAULTS[fault])

        @rule(route=st.sampled_from(READS), status=st.sampled_from([429, 500]))
        def break_a_read(self, route, status):
            paper.fault(route, "status", status=status)

        @rule(history=st.booleans())
        def go_stale(self, history):
            paper.fault("*", "stale_reads", for_ms=60_000, history=history)

        @rule()
        def catch_up(self):
            paper.disarm()

        @rule(data=st.data())
        def trade(self, data):
            self._on_an_open_order(data, lambda order_id: paper.fill(order_id, "0.01"))

        @rule(data=st.data())
        def fill(self, data):
            self._on_an_open_order(data, paper.fill)

        @rule(data=st.data())
        def cancel_elsewhere(self, data):
            self._on_an_open_order(data, paper.close)

        @rule(data=st.data())
        def edit(self, data):
            self._on_an_open_order(data, lambda i: self.world.order_ids.append(paper.edit(i)))

        @rule(is_held=st.booleans())
        def change_rights(self, is_held):
            (self.world.regain_rights if is_held else self.world.lose_rights)()

        @rule(is_bound=st.booleans())
        def change_the_key(self, is_bound):
            (self.world.bind if is_bound else self.world.unbind)()

        @precondition(lambda self: hasattr(self, "world"))
        @invariant()
        def nothing_is_wrong(self):
            assert self.world.findings() == []

        def _on_an_open_order(self, data, act):
            is_open = sorted(i for i, one in paper.truth().items() if one["is_open"])
            if is_open:
                act(data.draw(st.sampled_from(is_open)))

    return Desk


@pytest.fixture
def quick(settings, paper):
    """An exchange that is given up on soon, so that lost answers cost no real time."""
    settings.PACIFICA_READ_TIMEOUT_MS, settings.PACIFICA_DEADLINE_MS = 150, 300
    client.forget()
    return paper


@pytest.mark.thorough
def test_whatever_happens_nothing_is_lost_invented_or_doubled(db, quick):
    run_state_machine_as_test(
        machine_of(quick),
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            derandomize="FAULT_SEED" not in os.environ,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
            print_blob=True,
        ),
    )

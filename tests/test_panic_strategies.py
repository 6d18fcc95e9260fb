"""A panic and order strategies: they go first, and a network may have none."""

import pytest
from django.utils import timezone

from orders import emptying, panic
from orders.models import PanicLine, PanicStatus


@pytest.fixture(autouse=True)
def _quick(quick_panic):
    """Nothing here waits as long as it would on the desk."""


def emptied(firm, **scope):
    about = {"user": firm.operator, "actor": firm.actor(), "desk_id": firm.momentum.pk}
    panic.pull(**about | scope)
    for line in emptying.take(timezone.now()):
        emptying.carry(line)
    return PanicLine.objects.get()


def is_open(firm):
    truth = firm.paper.truth(firm.account.address)
    return [order_id for order_id, order in truth.items() if order["is_open"]]


# A network without them

ENVELOPE = '{"success":false,"data":null,"error":"Not found","code":404}'


@pytest.mark.parametrize("status", [404, 405])
@pytest.mark.parametrize("body", [ENVELOPE, "", "404 page not found", "<html>no</html>", "{"])
def test_a_network_without_strategies_is_said_and_empties(firm, status, body):
    firm.orders(2)
    firm.paper.fault("/order_strategies", "status", times=None, status=status, body=body)
    line = emptied(firm)
    assert (line.status, is_open(firm)) == (PanicStatus.EMPTY, [])
    assert f"This network has no order strategies (HTTP {status})." in line.explanation


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, ENVELOPE),
        (410, ENVELOPE),
        (500, ENVELOPE),
        (200, ENVELOPE),
        (404, '{"success":true,"data":{"strategies":[]},"error":null,"code":null}'),
    ],
)
def test_any_other_failure_of_that_route_keeps_empty_from_being_said(firm, status, body):
    firm.orders(2)
    firm.paper.fault("/order_strategies", "status", times=None, status=status, body=body)
    line = emptied(firm)
    assert (line.status, is_open(firm)) == (PanicStatus.NEEDS_YOU, [])
    assert "/order_strategies could not be read" in line.explanation


@pytest.mark.parametrize("route", ["/orders", "/orders/twap"])
def test_no_other_route_may_be_missing(firm, route):
    firm.paper.fault(route, "status", times=None, status=404, body=ENVELOPE)
    assert emptied(firm).status == PanicStatus.NEEDS_YOU

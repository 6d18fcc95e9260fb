"""A plan says what confirming a preview would do, and how long that takes."""

from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from orders.admin.jobs.progress import Pace
from orders.cancels.bulk import estimate
from orders.models import CreditPool, Order
from tests.bulk.test_from_list import read_list
from tests.bulk.test_previews import a_book, confirm, freeze
from tests.helpers.screens import known_order


def test_the_plan_tells_what_will_happen(firm):
    a_book(firm)
    plan = estimate.plan(freeze(firm))
    assert (plan.count, plan.reduce_only, plan.stops, plan.requests) == (6, 1, 1, 1)
    assert dict(plan.by_side) == {"bid": 5, "ask": 1}
    assert dict(plan.by_symbol) == {"BTC": 5, "ETH": 1}
    assert dict(plan.by_account) == {"Alpha": 6}
    assert plan.credits == 3
    assert plan.notional == Decimal("0.5") * (10 + 20 + 30 + 40 + 50) + 9 * 60


def listed(firm, text):
    """The plan of a list of orders."""
    preview, bad = read_list(firm, text)
    assert bad == []
    return estimate.plan(preview)


def test_a_known_stop_is_counted_by_its_own_type_however_a_list_names_it(firm):
    known_order(firm.account, 28_000_000_042, order_type="stop_limit", stop_price="48000")
    known_order(firm.account, 28_000_000_043)
    assert listed(firm, "28000000042,BTC,order\n28000000044,BTC,order").stops == 1
    assert listed(firm, "28000000043,BTC,stop").stops == 0
    assert listed(firm, "28000000044,BTC,stop\n28000000042").stops == 2


def test_each_twap_is_a_request_of_its_own(firm):
    twaps = "".join(f"{5005 + n},BTC,twap\n" for n in range(3))
    orders = "".join(f"{28_000_000_042 + n}\n" for n in range(11))
    assert listed(firm, twaps).requests == 3
    assert listed(firm, twaps + orders).requests == 5


def bulk(firm, count, **fields):
    """Orders of the app alone, frozen as a bulk job."""
    first = 71_000_000_000 + Order.objects.count() * 1000
    known_order(firm.account, first, **fields)
    lead = Order.objects.get(order_id=first)
    columns = {f.attname: getattr(lead, f.attname) for f in Order._meta.fields if f.name != "id"}
    Order.objects.bulk_create(Order(**columns | {"order_id": first + n}) for n in range(1, count))
    return freeze(firm, symbols=(lead.symbol,))


def test_a_plan_waits_behind_the_bulk_that_others_queued_from_the_same_pool(firm):
    """80 credits a minute for bulk, half a one each: 100 fit into the first minute, 200 do not."""
    assert estimate.plan(bulk(firm, 100, symbol="ETH")).estimated_s < 60
    confirm(firm, freeze(firm))
    plan = estimate.plan(bulk(firm, 100, symbol="SOL"))
    assert plan.ahead == 100
    assert 60 < plan.estimated_s < 65
    later = confirm(firm, freeze(firm, symbols=("SOL",))).jobs[0]
    assert Pace(later, timezone.now()).left == "61 s"


def test_the_job_that_is_first_waits_for_nobody(firm):
    first = confirm(firm, bulk(firm, 100, symbol="ETH")).jobs[0]
    confirm(firm, bulk(firm, 100, symbol="SOL"))
    assert "min" not in Pace(first, timezone.now()).left
    assert Pace(first, timezone.now()).shares[0].ahead == 0


def test_a_paused_pool_is_waited_for(firm):
    until = timezone.now() + timedelta(seconds=30)
    CreditPool.objects.update_or_create(
        name="keyless", defaults={"quota": 100, "paused_until": until}
    )
    assert 25 < estimate.plan(bulk(firm, 2)).estimated_s < 32


def test_a_few_orders_are_urgent_and_wait_for_no_reserve(firm):
    spent = f'{{"{int(timezone.now().timestamp())}": ["95", "0"]}}'
    CreditPool.objects.update_or_create(name="keyless", defaults={"quota": 100, "spent": spent})
    assert estimate.plan(bulk(firm, 20)).estimated_s < 1
    assert estimate.plan(bulk(firm, 21, symbol="ETH")).estimated_s > 60


def test_a_plan_costs_as_many_queries_whoever_else_waits(firm, django_assert_max_num_queries):
    preview = bulk(firm, 30, symbol="ETH")
    with django_assert_max_num_queries(6):
        estimate.plan(preview)
    confirm(firm, bulk(firm, 30, symbol="SOL"))
    confirm(firm, bulk(firm, 30, symbol="BTC"))
    with django_assert_max_num_queries(6):
        estimate.plan(preview)

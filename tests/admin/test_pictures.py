"""Pictures show what the database holds, no more than a person may see, in as many queries."""

import itertools
import json
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils.timezone import now

from orders.admin.pictures import burn_down, day, depth, life, present, strip
from orders.admin.pictures.chart import Chart, Series
from orders.admin.shared import stream_state, timings
from orders.exchange import credits
from orders.models import (
    Account,
    AuditCheckpoint,
    AuditRecord,
    Cancel,
    CancelJob,
    CancelStatus,
    Order,
    PanicLine,
    Verification,
)
from tests.helpers.screens import click, folded, known_order, signed_in, url


def series_of(chart, name):
    return next(one for one in chart.series if one.name == name)


def cancelled(firm, order_id, **times):
    """An order cancelled by a click, with these times."""
    click(signed_in(firm.operator), known_order(firm.account, order_id))
    cancel = Cancel.objects.get(order_id=order_id)
    at = cancel.requested_at
    moments = {name: at + timedelta(milliseconds=ms) for name, ms in times.items()}
    Cancel.objects.filter(pk=cancel.pk).update(status=CancelStatus.CANCELLED, **moments)
    return cancel


def test_outcomes_are_counted_by_the_hour_they_were_asked_in(firm):
    cancelled(firm, 71_000_000_001, concluded_at=5)
    cancelled(firm, 71_000_000_002, concluded_at=5)
    click(signed_in(firm.operator), known_order(firm.account, 71_000_000_003))
    chart = day.outcomes(firm.operator, now())
    assert sum(series_of(chart, "Cancelled").values) == 2
    assert sum(series_of(chart, "Waiting to be sent").values) == 1
    assert len(chart.labels) == 24


def test_a_bar_leads_to_the_records_of_that_outcome_in_that_hour(firm):
    cancelled(firm, 71_000_000_001, concluded_at=5)
    links = series_of(day.outcomes(firm.operator, now()), "Cancelled").links
    (link,) = [one for one in links if one]
    assert "outcome=cancelled" in link
    assert signed_in(firm.operator).get(link).status_code == 200


def test_times_are_sorted_into_bins_with_their_percentiles(firm):
    for number, ms in enumerate((10, 30, 30, 4_000), 1):
        order_id = 71_000_000_000 + number
        cancelled(firm, order_id, first_sent_at=ms, concluded_at=ms + 100)
    chart = day.timings(firm.operator, now())
    counts = dict(zip(chart.labels, series_of(chart, "Click to wire").values, strict=True))
    assert {label: count for label, count in counts.items() if count} == {
        "up to 20 ms": 1,
        "up to 50 ms": 2,
        "up to 5.0 s": 1,
    }
    facts = {words: figure for figure, words in chart.facts}
    assert facts["Click to wire, p50"] == "30 ms"
    assert facts["Click to wire, p95"] == "4.0 s"
    assert facts["Wire to proven, p95"] == "0.1 s"


@pytest.mark.parametrize(("percent", "value"), [(50, 5), (95, 10), (100, 10), (1, 1)])
def test_a_percentile_is_a_value_that_was_measured(percent, value):
    assert day.percentile(range(1, 11), percent) == value


def balances(accounts):
    return credits.balances(accounts=accounts, now=now())


def test_credits_are_drawn_as_the_answers_in_the_log_told_them(firm, monkeypatch):
    headers = {"ratelimit": '"credits";r=420;t=30', "ratelimit-policy": '"credits";q=1000;w=60'}
    told = [(now(), firm.account.pk, json.dumps({"headers": headers}))]
    monkeypatch.setattr(present, "_told", lambda accounts, since: told)
    chart = present.credits_left([firm.account], balances([firm.account]), now())
    level = chart.series[0]
    assert 42.0 in level.values
    assert level.values[-1] == float(balances([firm.account])[firm.account.pk].left)
    assert chart.series[1].values[0] == float(balances([firm.account])[firm.account.pk].reserve)


def test_an_account_that_was_never_read_says_so(firm):
    account = Account.objects.select_related("desk").get(pk=firm.account.pk)
    account.synced_at, account.stream_state = None, stream_state.of(account, now())
    (series,) = present.ages([account], now()).series
    assert series.values == [None]
    assert series.words == ["not read yet"]


def test_what_rests_is_summed_by_symbol_and_side_of_the_persons_desks_alone(firm):
    known_order(firm.account, 1, price_number=100, open_amount_number="0.5")
    known_order(firm.account, 2, price_number=100, open_amount_number="1.5", side="ask")
    known_order(firm.account, 3, symbol="ETH", price_number=None, price="")
    known_order(firm.foreign_account, 4)
    chart = present.notional(firm.operator)
    assert chart.labels == ["BTC"]
    assert series_of(chart, "Bid").values == [50.0]
    assert series_of(chart, "Ask").values == [150.0]
    (link,) = series_of(chart, "Ask").links
    assert link == f"{url('orders_order_changelist')}?symbol=BTC&side=ask"


def test_the_overview_has_each_picture_with_its_table(firm):
    known_order(firm.account, 1)
    operator = signed_in(firm.operator)
    page = folded(operator.get(url("pictures")))
    for name in ("outcomes", "timings", "credits", "ages", "notional", "needs"):
        assert f'id="picture-{name}"' in page
        assert f'id="figures-{name}"' in page
    assert '<th scope="row">BTC</th>' in page
    assert "hx-swap-oob" not in page
    figures = folded(operator.get(url("pictures"), {"figures": ""}))
    assert "<canvas" not in figures
    assert figures.count("hx-swap-oob") == 6


def test_pictures_take_as_many_queries_for_a_thousand_orders_as_for_one(
    firm, django_assert_max_num_queries, django_assert_num_queries
):
    operator = signed_in(firm.operator)
    known_order(firm.account, 1)
    cancelled(firm, 2, concluded_at=5)
    operator.get(url("pictures"))
    with django_assert_max_num_queries(30) as few:
        operator.get(url("pictures"))
    count = len(few)
    facts = Order.objects.filter(pk=known_order(firm.account, 3).pk).values().get()
    Order.objects.bulk_create(
        Order(**facts | {"id": None, "order_id": order_id, "symbol": f"S{order_id % 50}"})
        for order_id in range(1_000, 2_000)
    )
    for order_id in range(10, 15):
        cancelled(firm, order_id, concluded_at=5)
    with django_assert_num_queries(count):
        operator.get(url("pictures"))


def test_whoever_has_no_desk_gets_no_picture(firm, client):
    assert client.get(url("pictures")).status_code == 302


def test_a_table_says_what_its_bars_say():
    chart = Chart("n", "T", "H", ["a", "b"], [Series("S", "good", [1_000, None])])
    assert [(label, cells[0].words) for label, cells in chart.rows] == [("a", "1,000"), ("b", "–")]
    assert json.loads(chart.data)["datasets"][0]["data"] == [1_000, None]


# --- A job, an account's prices, an order's life, the checkpoints --------------------------------


def test_what_is_left_falls_as_orders_end_and_what_was_stopped_stays(firm):
    for order_id in (1, 2, 3, 4):
        click(signed_in(firm.operator), known_order(firm.account, order_id))
    job = CancelJob.objects.order_by("pk").first()
    Cancel.objects.update(job=job)
    ended = job.created_at + timedelta(seconds=10)
    Cancel.objects.filter(order_id=1).update(status="cancelled", concluded_at=ended)
    Cancel.objects.filter(order_id=2).update(status="stopped", concluded_at=ended)
    chart = burn_down.of_job(job, job.created_at + timedelta(seconds=40))
    (series,) = chart.series
    assert series.name == firm.account.name
    assert series.values[0] == 4
    assert series.values[9] == 4
    assert set(series.values[10:]) == {3}
    facts = {words: figure for figure, words in chart.facts}
    assert facts["elapsed"] == "00:40"
    assert facts["left"] == "3"


def test_what_cancel_all_took_is_burnt_down_too(firm):
    click(signed_in(firm.operator), known_order(firm.account, 1))
    job = CancelJob.objects.get()
    CancelJob.objects.update(is_panic=True)
    Cancel.objects.update(status="cancelled", concluded_at=job.created_at + timedelta(seconds=30))
    job.refresh_from_db()
    answered = job.created_at + timedelta(seconds=20)
    line = {"job": job, "account": firm.account, "sent_at": job.created_at}
    PanicLine.objects.create(
        **line, answered_at=answered, cancelled_count=9, left_open=0, status="empty"
    )
    (series,) = burn_down.of_job(job, job.created_at + timedelta(seconds=40)).series
    assert (series.values[0], series.values[20], series.values[30]) == (10, 1, 0)


def test_many_accounts_share_one_line_beyond_the_largest():
    names = [f"a{number}" for number in range(9)]
    left = dict.fromkeys(names, 1)
    lines = burn_down._lines(names, [now()], {}, left)
    assert len(lines) == burn_down.MAX_ACCOUNTS
    assert lines[-1] == ("4 other accounts", [4])


def test_a_running_jobs_page_asks_for_figures_and_never_for_the_canvas_again(firm):
    operator = signed_in(firm.operator)
    for order_id in (1, 2):
        click(operator, known_order(firm.account, order_id))
    job = CancelJob.objects.order_by("pk").first()
    Cancel.objects.update(job=job)
    page = folded(operator.get(url("orders_canceljob_change", job.pk)))
    assert 'id="picture-burn-down"' in page
    figures = operator.get(url("orders_canceljob_burn_down", job.pk))
    assert figures.status_code == 200
    assert "<canvas" not in folded(figures)
    CancelJob.objects.update(status="done", done_at=now())
    assert operator.get(url("orders_canceljob_burn_down", job.pk)).status_code == 286
    foreign = signed_in(firm.stranger).get(url("orders_canceljob_burn_down", job.pk))
    assert foreign.status_code in (403, 404)


@pytest.mark.parametrize(
    "prices", [["1"], ["1", "1"], ["59871.5", "63120"], ["0.00001", "0.000017"]]
)
def test_each_price_lies_in_one_band(prices):
    bands = depth.bands_of([Decimal(price) for price in prices])
    assert len(bands) <= depth.MAX_BANDS + 1
    for price in prices:
        assert sum(low <= Decimal(price) < high for low, high in bands) == 1
    assert all(high == low for (_, high), (low, _) in itertools.pairwise(bands))


def test_a_bar_of_prices_leads_to_the_scope_that_holds_just_its_orders(firm):
    for order_id, price in ((1, 100), (2, 101), (3, 200)):
        known_order(firm.account, order_id, price=str(price), price_number=price)
    known_order(firm.foreign_account, 4, price_number=100)
    head = signed_in(firm.head)
    answer = head.get(url("orders_account_prices", firm.account.pk))
    assert "BTC, by price" in folded(answer)
    chart = depth.of_symbol(firm.account, "BTC", may_scope=True)
    assert sum(series_of(chart, "Bid").values) == 1.5
    links = [link for link in series_of(chart, "Bid").links if link]
    form = folded(head.get(links[0]))
    assert 'name="min_price" value="200"' in form
    assert 'value="BTC"' in form
    assert not any(depth.of_symbol(firm.account, "BTC", may_scope=False).series[0].links)


def test_steps_are_drawn_one_after_the_other_with_their_records(firm):
    cancel = cancelled(firm, 1, concluded_at=250)
    steps = timings.of_order(cancel.known_order)
    chart = life.of_steps(steps)
    assert chart.labels == ["Proven and recorded"]
    assert chart.series[0].values == [(0, 250)]
    asked = AuditRecord.objects.get(event="cancel_asked")
    assert steps[0].record == asked
    page = folded(signed_in(firm.operator).get(url("orders_order_change", cancel.known_order.pk)))
    assert asked.hash in page


def checkpoint(number, count):
    return AuditCheckpoint.objects.create(number=number, count=count, at=now(), line="{}")


def verification(records, *faults):
    report = {"records": records, "faults": [{"position": one} for one in faults]}
    return Verification(report=json.dumps(report), fault_count=len(faults))


@pytest.mark.parametrize(
    ("last", "states"),
    [
        (None, [strip.SIGNED, strip.SIGNED, strip.BARE]),
        (verification(10), [strip.VERIFIED, strip.SIGNED, strip.BARE]),
        (verification(25), [strip.VERIFIED, strip.VERIFIED, strip.BARE]),
        (verification(25, 15), [strip.VERIFIED, strip.FAULTY, strip.BARE]),
        (verification(25, 3), [strip.FAULTY, strip.SIGNED, strip.BARE]),
    ],
)
def test_the_strip_is_green_up_to_the_last_verified_position(db, last, states):
    checkpoint(1, 10)
    checkpoint(2, 20)
    blocks = strip.blocks(last, 25)
    assert [block.state for block in blocks] == states
    assert [(block.first, block.last) for block in blocks] == [(1, 10), (11, 20), (21, 25)]

"""Marks and decimals: read while a page shows orders, after everything else, row by row."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from orders.cancels import requests
from orders.exchange import credits, markets
from orders.exchange.credits import BULK, MARKS, PROOF, SYNC
from orders.management import sweep
from orders.models import CreditPool, Market, MarketWatch
from tests.helpers.counted import queries

START = timezone.now()
PRICES, INFO = "/info/prices", "/info"


def at(seconds):
    return START + timedelta(seconds=seconds)


def read(seconds):
    """What the sweep's duty does at this moment."""
    if markets.is_due(at(seconds)):
        markets.read_due(at(seconds), clock=lambda: at(seconds))


@pytest.fixture
def watched(firm):
    """A page asked for marks at the start."""
    markets.is_due(at(0))
    markets.note_need(at(0))
    markets.failing.only({})
    return firm


def asked(firm, route=PRICES):
    return len(firm.paper.requests(route))


def prices(firm, *rows, times=1):
    body = {"success": True, "data": list(rows), "error": None, "code": None}
    firm.paper.fault(PRICES, "status", status=200, body=body, times=times)


def marks():
    return dict(Market.objects.exclude(mark="").values_list("symbol", "mark"))


def test_marks_and_decimals_are_kept_in_the_exchanges_own_text(watched):
    read(1)
    btc = Market.objects.get(symbol="BTC")
    assert (btc.mark, btc.marked_at) == ("100000", at(1))
    assert (btc.tick_size, btc.lot_size) == ("1", "0.00001")
    assert Market.objects.get(symbol="kBONK").mark == "0.021"


def test_nobody_asks_for_marks_until_a_page_does(firm):
    read(0)
    assert asked(firm) == 0
    markets.note_need(at(0))
    read(1)
    assert asked(firm) == 1


def test_reading_ends_half_a_minute_after_the_last_page(watched):
    read(29)
    read(31)
    assert asked(watched) == 1
    markets.note_need(at(32))
    read(37)
    assert asked(watched) == 2


def test_marks_are_read_once_in_five_seconds_and_decimals_once_an_hour(watched):
    for seconds in range(13):
        read(seconds)
    assert (asked(watched), asked(watched, INFO)) == (3, 1)
    markets.note_need(at(3601))
    read(3602)
    assert asked(watched, INFO) == 2


def test_a_clock_that_was_set_back_holds_no_read_up(watched):
    read(0)
    MarketWatch.objects.update(next_prices_at=at(86_400), needed_at=at(0))
    read(1)
    assert asked(watched) == 2


def test_of_two_sweeps_one_reads(watched, monkeypatch):
    def other_first():
        MarketWatch.objects.update(next_prices_at=at(60), next_decimals_at=at(60))

    monkeypatch.setattr(markets, "_cancels_wait", other_first)
    read(1)
    assert asked(watched) == asked(watched, INFO) == 0


def test_one_odd_price_blinds_no_other_and_is_told_once(watched, caplog):
    odd = ({"symbol": "ETH", "mark": "high"}, {"symbol": None, "mark": "1"}, 5)
    same = ({"symbol": "SOL", "mark": "180"}, {"symbol": "SOL", "mark": "181"})
    read(0)
    Market.objects.update(mark="")
    prices(watched, *odd, {"symbol": "BTC", "mark": "99.50"}, *same, times=2)
    read(6)
    read(12)
    assert marks() == {"BTC": "99.50"}
    assert caplog.text.count("4 rows of /info/prices could not be read: row 1") == 1


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("0.0000000000000000001", "0.0000000000000000001"),
        ("61000.50", "61000.50"),
        ("1e-7", "0.0000001"),
        ("0", None),
        ("-5", None),
        ("", None),
        (None, None),
        ("NaN", None),
    ],
)
def test_a_mark_is_kept_to_the_digit_or_not_at_all(watched, sent, kept):
    prices(watched, {"symbol": "BTC", "mark": sent})
    read(0)
    assert marks().get("BTC") == kept


def test_an_unreadable_tick_size_hides_no_lot_size(watched):
    body = {"success": True, "data": [{"symbol": "BTC", "tick_size": "?", "lot_size": "0.1"}]}
    watched.paper.fault(INFO, "status", status=200, body=body)
    read(0)
    btc = Market.objects.get(symbol="BTC")
    assert (btc.mark, btc.tick_size, btc.lot_size) == ("100000", "", "0.1")


@pytest.mark.parametrize(
    "trouble",
    [
        {"kind": "status", "status": 500, "body": "no"},
        {"kind": "status", "status": 200, "body": {"success": False, "data": []}},
        {"kind": "drop"},
    ],
)
def test_a_failure_is_one_warning_waits_half_a_minute_and_keeps_what_was_known(
    watched, caplog, trouble
):
    read(0)
    watched.paper.fault(PRICES, times=2, **trouble)
    read(6)
    read(30)
    assert asked(watched) == 2
    markets.note_need(at(37))
    read(37)
    assert caplog.text.count("could not be read") == 1
    assert marks()["BTC"] == "100000"
    assert Market.objects.get(symbol="BTC").marked_at == at(0)
    markets.note_need(at(68))
    read(68)
    assert "Over: The markets' /info/prices could not be read" in caplog.text
    assert Market.objects.get(symbol="BTC").marked_at == at(68)


def test_marks_leave_the_reserve_and_what_syncs_may_take(firm):
    def taken(purpose, price=1):
        return credits.reserve(
            account=None, wanted=999, price=Decimal(price), purpose=purpose, now=at(0)
        ).count

    assert taken(MARKS) == 55
    assert taken(MARKS) == 0
    assert taken(SYNC) == 25
    assert taken(PROOF) == 999


def test_a_low_purse_reads_no_marks_and_warns_of_nothing(watched, caplog):
    credits.reserve(account=watched.account, wanted=60, price=Decimal(1), purpose=BULK, now=at(0))
    read(1)
    assert asked(watched) == 0
    assert caplog.text == ""


def test_marks_wait_for_cancels_of_the_same_pool(watched):
    order = watched.order()
    requests.cancel_orders(user=watched.operator, actor=watched.actor(), order_ids=[order.pk])
    read(1)
    assert asked(watched) == 0


def test_a_refused_read_of_marks_pauses_nothing_else(watched):
    watched.paper.fault(PRICES, "status", status=429, body="slow down")
    read(1)
    assert asked(watched) == 1
    assert not CreditPool.objects.filter(paused_until__isnull=False).exists()


def test_noting_a_need_writes_once_in_ten_seconds(watched):
    with queries() as made:
        markets.note_need(at(9))
    assert not any("UPDATE" in one for one in made)
    markets.note_need(at(11))
    assert MarketWatch.objects.get().needed_at == at(11)


def test_noting_a_need_never_waits_for_a_writer(watched, monkeypatch):
    seen = []

    def busy(self, **values):
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                seen.append(cursor.execute("PRAGMA busy_timeout").fetchone()[0])
        raise OperationalError("database is locked")

    before = _waits_ms()
    monkeypatch.setattr(type(MarketWatch.objects.all()), "update", busy)
    markets.note_need(at(60))
    assert seen in ([0], [])
    assert _waits_ms() == before


def _waits_ms():
    if connection.vendor != "sqlite":
        return None
    with connection.cursor() as cursor:
        return cursor.execute("PRAGMA busy_timeout").fetchone()[0]


def test_the_sweep_reads_marks_after_the_first_moments_of_a_panic(watched, monkeypatch):
    steps = []
    monkeypatch.setattr(sweep.give_way, "to_panics", lambda: steps.append("panics"))
    monkeypatch.setattr(markets, "read_due", lambda now: steps.append("marks"))
    sweep.read_marks(at(1))
    sweep.read_marks(at(99))
    assert steps == ["panics", "marks"]
    assert sweep.read_marks in {duty.act for duty in sweep.duties()}

"""The purse: counted over a minute, corrected by the exchange, its last part kept."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from orders.cancels import requests
from orders.delivery import worker
from orders.exchange import credits
from orders.exchange.credits import BULK, PROOF, SYNC, URGENT
from orders.exchange.reader import Reader
from orders.keys import sealing
from orders.models import Cancel, CancelStatus, CreditPool
from orders.pacifica.answers import Quota
from orders.panic import open_orders
from orders.reconcile import sync

HALF = Decimal("0.5")
START = timezone.now().replace(microsecond=0)


def at(seconds):
    return START + timedelta(seconds=seconds)


def take(firm, wanted, purpose=BULK, seconds=0, price=HALF, account=None):
    account = account or firm.account
    return credits.reserve(
        account=account, wanted=wanted, price=price, purpose=purpose, now=at(seconds)
    )


def settle(grant, *, remaining=None, quota=None, unused=0, seconds=0):
    stated = None
    if remaining is not None:
        stated = Quota(Decimal(remaining), Decimal(quota or 100), 60, 60)
    credits.book(grant=grant, unused=unused, quota=stated, now=at(seconds))


def left(firm, seconds=0):
    return credits.balance(account=firm.account, now=at(seconds)).left


def with_key(account):
    sealing.seal_api_config_key(account, "abcd1234_2VfUXhr5nDDHAV84H4aFEM").save()
    return account


def test_bulk_leaves_the_reserve(firm):
    assert take(firm, 1000).count == 160
    assert take(firm, 1).count == 0
    assert left(firm) == 20


def test_urgent_cancels_and_proving_reads_may_use_the_reserve_and_more(firm):
    take(firm, 1000)
    assert take(firm, 50, purpose=URGENT).count == 50
    assert take(firm, 1, purpose=PROOF, price=Decimal(12)).count == 1


def test_a_routine_sync_takes_at_most_a_quarter(firm):
    granted = [take(firm, 1, purpose=SYNC, price=Decimal(1)).count for _ in range(30)]
    assert sum(granted) == 25
    assert take(firm, 10).count == 10


def test_spending_leaves_the_window_after_a_minute(firm):
    grant = take(firm, 1000)
    assert take(firm, 1, seconds=59).count == 0
    assert take(firm, 1000, seconds=61).count == 160
    assert grant.count == 160


def test_no_credit_comes_back_before_the_exchange_has_let_go_of_it(firm):
    """Taken late in a second, sent later still: its minute at the exchange begins on arrival."""
    grant = take(firm, 1000, seconds=0.9)
    assert take(firm, 1, seconds=60.8).count == 0
    settle(grant, seconds=3)
    assert take(firm, 1, seconds=62.9).count == 0
    assert take(firm, 1000, seconds=64).count == 160


def test_a_sync_settled_late_still_counts_as_a_sync(firm):
    settle(take(firm, 1, purpose=SYNC, price=Decimal(20)), seconds=2)
    assert take(firm, 1, purpose=SYNC, price=Decimal(6), seconds=2).count == 0
    assert take(firm, 1, purpose=SYNC, price=Decimal(5), seconds=2).count == 1


@pytest.mark.parametrize(("cost", "minutes"), [(80, 0), (81, 1), (160, 1), (161, 2), (4_000, 49)])
def test_what_bulk_costs_beyond_its_share_waits_whole_minutes(firm, cost, minutes):
    balance = credits.balance(account=firm.account, now=at(0))
    assert balance.seconds_for(Decimal(cost)) == minutes * (credits.WINDOW_S + 1)


def test_an_empty_purse_says_how_long_to_wait(firm):
    take(firm, 1000, seconds=0)
    assert 40 < take(firm, 1, seconds=15).wait_s <= 46


def test_the_exchanges_lower_count_is_believed_at_once(firm):
    grant = take(firm, 10)
    settle(grant, remaining=30)
    assert left(firm) == 30


def test_a_higher_count_is_believed_only_while_nothing_is_under_way(firm):
    first, second = take(firm, 100), take(firm, 20)
    settle(first, remaining=99)
    assert left(firm) == 40
    settle(second, remaining=99)  # perhaps it was given before the first was counted
    assert left(firm) == 40
    settle(take(firm, 2), remaining=99)
    assert left(firm) == 99


@pytest.mark.parametrize("purpose", [URGENT, BULK, SYNC])
def test_what_was_spent_since_an_answer_is_not_forgotten_by_it(firm, purpose):
    slow = take(firm, 20)
    quick = take(firm, 4, purpose=purpose, seconds=1)
    settle(quick, remaining=88, seconds=2)
    settle(slow, remaining=90, seconds=3)  # it was given before the quick one came
    assert left(firm, seconds=3) == 88


def test_an_urgent_ones_older_answer_forgets_nothing_either(firm):
    slow = take(firm, 2, purpose=URGENT)
    settle(take(firm, 20), remaining=90, seconds=1)
    settle(slow, remaining=99, seconds=1)
    assert left(firm, seconds=1) == 89


def test_what_the_exchange_let_go_early_is_not_counted_free_twice(firm):
    early, late = take(firm, 60), take(firm, 40, seconds=30)
    settle(early, seconds=1)
    settle(late, seconds=30, remaining=80)  # it has forgotten the 30 credits of the early ones
    assert left(firm, seconds=31) == 80
    assert left(firm, seconds=62) == 80  # those of the late ones are spent until 91 s
    assert left(firm, seconds=92) == 100


def test_the_quota_is_what_the_headers_say(firm):
    settle(take(firm, 1), remaining=12_000, quota=12_000)
    assert take(firm, 100_000).count == 19_200


def test_what_was_not_sent_is_given_back(firm):
    settle(take(firm, 100), unused=60)
    assert left(firm) == 80


def test_a_429_pauses_its_pool_and_no_other(firm):
    keyed = with_key(firm.new_account("Keyed", firm.momentum))
    credits.pause(pool=credits.pool_of(firm.account), until=at(30))
    for purpose in (PROOF, BULK, SYNC):
        paused = take(firm, 1, purpose=purpose, seconds=1)
        assert (paused.count, round(paused.wait_s)) == (0, 29)
    assert take(firm, 1, account=keyed, seconds=1).count == 1
    assert take(firm, 1, seconds=31).count == 1


def test_a_429_of_a_read_holds_no_urgent_cancel_back(firm):
    order = firm.order()
    firm.paper.fault("/orders", "status", status=429, headers={"ratelimit": "credits;r=0;t=50"})
    sync.sync_account(account_id=firm.account.pk)
    assert credits.balance(account=firm.account, now=timezone.now()).paused_until
    about = {"user": firm.operator, "actor": firm.actor()}
    requests.cancel_orders(order_ids=[order.pk], **about)
    worker.deliver_account(account_id=firm.account.pk)
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


def test_an_urgent_cancel_waits_out_its_own_429(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "status", status=429)
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    for _ in range(3):
        worker.deliver_account(account_id=firm.account.pk)
    assert len(firm.paper.requests("/orders/cancel")) == 1
    assert Cancel.objects.get().not_before_at > timezone.now()


def test_keyless_accounts_share_one_pool_keyed_ones_their_main_accounts(firm):
    other = firm.new_account("Beta", firm.momentum)
    assert credits.pool_of(firm.account) == credits.pool_of(other) == credits.KEYLESS
    sub, main = with_key(firm.account), with_key(other)
    sub.main_address = main.address
    assert credits.pool_of(sub) == credits.pool_of(main) == main.address


def test_history_is_dear_and_dearer_without_a_key(firm):
    assert credits.price_of_read("/orders", credits.KEYLESS) == 1
    assert credits.price_of_read("/orders/history_by_id", credits.KEYLESS) == 12
    assert credits.price_of_read("/orders/history", "an address") == 3


def test_the_api_config_key_opens_for_senders_only(firm, settings):
    account = with_key(firm.account)
    assert sealing.open_api_config_key(account) == "abcd1234_2VfUXhr5nDDHAV84H4aFEM"
    settings.AGENT_KEY_OPENING_KEYS = ""
    assert sealing.open_api_config_key(account) is None


@pytest.mark.parametrize("junk", ["", "abcd", "abcd1234-xyz", "abcd1234_" + "0" * 20])
def test_what_is_no_api_config_key_is_refused(firm, junk):
    with pytest.raises(sealing.BadAgentKey):
        sealing.seal_api_config_key(firm.account, junk)


def test_the_pool_row_stays_small(firm):
    for second in range(200):
        take(firm, 1, seconds=second)
    assert len(CreditPool.objects.get().spent) < 2_000


def test_reads_paid_for_together_are_booked_though_one_raises(firm, monkeypatch):
    """What the first answers said of the quota is not lost, nor is anything left in flight."""
    asking, asked = Reader(firm.account), []
    real = asking._read

    def read(*about):
        asked.append(about)
        if len(asked) == 3:
            raise RuntimeError("the alert could not be raised")
        return real(*about)

    monkeypatch.setattr(asking, "_read", read)
    with pytest.raises(RuntimeError):
        asking.ask_all(open_orders.ROUTES, {"account": firm.account.address})
    pool = CreditPool.objects.get()
    assert pool.in_flight == 0
    assert pool.spent != "{}"


def test_once_the_exchange_says_to_slow_down_the_other_reads_are_not_made(firm):
    firm.paper.fault("/orders/twap", "status", status=429)
    read = Reader(firm.account).ask_all(open_orders.ROUTES, {"account": firm.account.address})
    assert [reading.result is not None for reading in read] == [True, True, False]
    assert read[2].must_wait
    assert CreditPool.objects.get().paused_until is not None
    assert all(entry["route"] != "/orders" for entry in firm.paper.ledger()["requests"][-2:])

"""After a halt: each order that appears is told of and, by choice, cancelled, until released."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.access.permissions import NotAllowed
from orders.accounts import account_keys
from orders.audit import sentences
from orders.cancels import requests
from orders.delivery import worker
from orders.exchange import credits
from orders.lifecycle.targets import CannotAsk
from orders.management import sweep
from orders.models import (
    AuditRecord,
    Cancel,
    CancelJob,
    CreditPool,
    Event,
    ExchangeClock,
    Latch,
    Membership,
    Order,
    PanicLine,
)
from orders.operations.alerts import guard_matters
from orders.panic import decision
from orders.panic.guard import latches
from orders.reconcile import sync
from tests.helpers.screens import known_order

API_CONFIG_KEY = "testtest_2VfUX9xYzAbC"


def halt(firm, mode="cancel", **about):
    firm.momentum.latch_mode = mode
    firm.momentum.save()
    user = about.pop("user", firm.operator)
    job = decision.record_panic(
        user=user, actor=firm.actor(user), desk_id=firm.momentum.pk, **about
    )
    PanicLine.objects.update(status="empty")
    Latch.objects.update(set_at=timezone.now() - timedelta(minutes=1))
    return job


def look():
    sweep.look_at_latches(timezone.now())


def told(firm):
    return guard_matters.matters().get(("latched", f"account {firm.account.pk}"))


def test_an_order_that_appears_after_the_halt_is_told_of_and_cancelled_once(firm):
    halt(firm)
    look()
    assert told(firm) is None
    order = firm.order()
    for _ in range(3):
        look()
    assert "they are being cancelled" in told(firm)[1]
    cancel = Cancel.objects.get()
    assert (cancel.order_id, cancel.job.guard_name) == (order.order_id, "latch")


def test_a_latch_that_only_alarms_cancels_nothing(firm):
    halt(firm, mode="alarm")
    firm.order()
    look()
    assert told(firm)
    assert not Cancel.objects.exists()


def test_an_order_from_before_the_halt_is_the_panics_own(firm):
    order = firm.order()
    Order.objects.filter(pk=order.pk).update(created_at=timezone.now() - timedelta(hours=1))
    halt(firm)
    look()
    assert told(firm) is None


def at(firm, *, placed_s, seen_s, offset_s):
    """An order that was placed, and seen, so many seconds after the halt; by the exchange's clock.

    ``offset_s``: as that clock was measured, which is right; None where it was not.
    """
    halted_at = timezone.now() - timedelta(minutes=2)
    Latch.objects.update(set_at=halted_at)
    order = firm.order()
    ExchangeClock.objects.all().delete()
    if offset_s is not None:
        ExchangeClock.objects.create(
            pk=1, offset_ms=round(offset_s * 1000), measured_at=timezone.now()
        )
    Order.objects.filter(pk=order.pk).update(
        created_at=halted_at + timedelta(seconds=placed_s),
        first_seen_at=halted_at + timedelta(seconds=seen_s),
    )
    look()
    return Latch.objects.get().appeared


@pytest.mark.parametrize(
    ("placed_s", "seen_s", "offset_s"),
    [
        (0.3, 0.4, 0.4),  # measured by one answer, which is good to a second
        (0.3, 0.4, -0.4),
        (-0.8, 0.1, 0),
        (1.1, -0.5, 0),  # surely after it, whatever our own hosts' clocks say
        (-29, 0.1, -30),
        (-20, 0.1, None),
    ],
)
def test_an_order_that_may_be_from_after_the_halt_counts(firm, placed_s, seen_s, offset_s):
    halt(firm)
    assert at(firm, placed_s=placed_s, seen_s=seen_s, offset_s=offset_s) == 1
    assert Cancel.objects.count() == 1


@pytest.mark.parametrize(
    ("placed_s", "seen_s", "offset_s"),
    [
        (-0.3, -0.2, 0),
        (0.3, -0.2, 0),  # it was there before the halt, whatever its date says
        (-1.1, 0.1, 0),
        (0.1, 0.2, 30),  # a clock half a minute ahead dates what was there before
        (-61, 0.1, None),
    ],
)
def test_an_order_that_was_there_before_the_halt_does_not(firm, placed_s, seen_s, offset_s):
    halt(firm)
    assert at(firm, placed_s=placed_s, seen_s=seen_s, offset_s=offset_s) == 0
    assert not Cancel.objects.exists()


def made_of_a_stop(firm, stop=1):
    """An order that the exchange made of a stop, of which the id is given."""
    return firm.order(reduce_only=True, stop_parent_order_id=stop)


def test_what_the_exchange_makes_of_a_spared_stop_is_spared_too(firm):
    halt(firm, keep_stops=True)
    made_of_a_stop(firm)
    look()
    assert told(firm) is None
    assert not Cancel.objects.exists()
    order = firm.order()
    look()
    assert Latch.objects.get().appeared == 1
    assert Cancel.objects.get().order_id == order.order_id


def test_what_it_makes_of_a_stop_that_nobody_spared_is_not(firm):
    halt(firm)
    made = made_of_a_stop(firm)
    look()
    assert Cancel.objects.get().order_id == made.order_id


def test_what_it_makes_of_a_stop_that_was_placed_after_the_halt_is_not(firm):
    halt(firm, keep_stops=True)
    stop = firm.order()
    firm.paper.close(stop.order_id, "expired")
    made = made_of_a_stop(firm, stop.order_id)
    look()
    assert Cancel.objects.get().order_id == made.order_id


@pytest.mark.parametrize("about", [{"is_drill": True}, {}])
def test_without_the_setting_and_by_a_drill_nothing_is_latched(firm, about):
    firm.account.is_drill = True
    firm.account.save()
    halt(firm, mode="cancel" if about else "off", **about)
    assert not Latch.objects.exists()


def test_a_second_halt_leaves_one_latch(firm):
    halt(firm)
    halt(firm)
    assert Latch.objects.count() == 1
    assert AuditRecord.objects.filter(event=Event.LATCHED).count() == 1


def nobody_may(firm):
    Membership.objects.filter(user=firm.operator).delete()


def is_inactive(firm):
    firm.operator.is_active = False
    firm.operator.save()


@pytest.mark.parametrize("lost", [nobody_may, is_inactive])
def test_where_nobody_who_may_cancel_stands_behind_it_people_are_told_so(firm, lost):
    halt(firm)
    latch = Latch.objects.get()
    assert not guard_matters.matters()
    lost(firm)
    about = ("latched", f"nobody behind latch {latch.pk}")
    assert "nobody who may cancel stands behind it" in guard_matters.matters()[about][1]
    firm.order()
    for _ in range(3):
        look()
    assert not Cancel.objects.exists()
    assert "they are not cancelled: nobody who may cancel stands behind" in told(firm)[1]


def test_on_a_deactivated_account_nothing_is_asked_and_nobody_is_told_that_it_is(firm):
    halt(firm)
    firm.order()
    firm.account.is_active = False
    firm.account.save()
    before = AuditRecord.objects.count()
    look()
    assert "they are not cancelled: its account is deactivated" in told(firm)[1]
    assert AuditRecord.objects.count() == before


def test_a_halt_after_the_desk_chose_to_cancel_makes_a_latch_cancel(firm):
    halt(firm, mode="alarm")
    firm.order()
    look()
    job = halt(firm, mode="cancel")
    latch = Latch.objects.get()
    assert (latch.is_cancelling, latch.job, latch.appeared) == (True, job, 0)
    said = sentences.of_record(AuditRecord.objects.get(event=Event.LATCHED, job=job))
    assert said == "Alpha latched anew by a halt: orders that appear are told of and cancelled."
    order = firm.order()
    look()
    assert order.order_id in Cancel.objects.values_list("order_id", flat=True)


def test_what_was_there_before_a_halt_that_makes_a_latch_cancel_is_that_panics_own(firm):
    halt(firm, mode="alarm")
    Latch.objects.update(set_at=timezone.now() - timedelta(minutes=10))
    order = firm.order(reduce_only=True)
    earlier = timezone.now() - timedelta(minutes=5)
    Order.objects.filter(pk=order.pk).update(created_at=earlier, first_seen_at=earlier)
    firm.momentum.latch_mode = "cancel"
    firm.momentum.save()
    about = {"user": firm.operator, "actor": firm.actor(), "desk_id": firm.momentum.pk}
    decision.record_panic(**about, keep_reduce_only=True)
    PanicLine.objects.update(status="empty")
    look()
    assert Latch.objects.get().is_cancelling
    assert not Cancel.objects.exists()


def test_a_latch_that_cancels_is_made_to_alarm_alone_by_no_halt(firm):
    job = halt(firm, mode="cancel")
    halt(firm, mode="alarm")
    halt(firm, mode="off")
    latch = Latch.objects.get()
    assert (latch.is_cancelling, latch.job) == (True, job)


@pytest.mark.parametrize("mode", ["alarm", "cancel"])
def test_a_new_halt_takes_over_a_latch_whose_person_may_no_longer_cancel(firm, mode):
    halt(firm)
    nobody_may(firm)
    job = halt(firm, mode=mode, user=firm.head)
    latch = Latch.objects.get()
    assert (latch.is_cancelling, latch.job) == (True, job)
    assert AuditRecord.objects.filter(event=Event.LATCHED).count() == 2
    assert not guard_matters.matters()
    firm.order()
    look()
    assert Cancel.objects.get().job.operator == firm.head


def test_a_panic_on_one_symbol_latches_that_symbol_alone(firm):
    halt(firm, symbol="BTC")
    firm.order(symbol="ETH", price="3000")
    look()
    assert not Cancel.objects.exists()
    assert not guard_matters.matters()
    order = firm.order()
    look()
    assert Cancel.objects.get().order_id == order.order_id
    latch = Latch.objects.get()
    assert latch.appeared == 1
    said = guard_matters.matters()["latched", f"latch {latch.pk}"][1]
    assert said.startswith("BTC on Alpha is latched, and orders appeared after its halt")


def test_symbols_keep_their_case(firm):
    halt(firm, symbol="kBONK")
    known_order(firm.account, 7, symbol="KBONK")
    look()
    assert not Cancel.objects.exists()
    known_order(firm.account, 8, symbol="kBONK")
    look()
    assert Cancel.objects.get().order_id == 8


def test_a_symbols_latch_and_the_whole_accounts_ask_for_an_order_once(firm):
    halt(firm, symbol="BTC")
    halt(firm)
    halt(firm, symbol="BTC")
    assert sorted(Latch.objects.values_list("symbol", flat=True)) == ["", "BTC"]
    orders = firm.order(), firm.order(symbol="ETH", price="3000")
    for _ in range(3):
        look()
    asked = Cancel.objects.order_by("pk").values_list("order_id", flat=True)
    assert sorted(asked) == [order.order_id for order in orders]
    Cancel.objects.update(status="refused")
    look()
    assert Cancel.objects.count() == 2
    assert sorted(Latch.objects.values_list("appeared", flat=True)) == [1, 2]


def test_what_a_panic_at_work_takes_is_no_latchs_and_the_rest_is(firm):
    halt(firm)
    firm.momentum.latch_mode = "off"
    firm.momentum.save()
    about = {"user": firm.operator, "actor": firm.actor(), "desk_id": firm.momentum.pk}
    decision.record_panic(**about, symbol="BTC")
    order, _ = firm.order(symbol="ETH", price="3000"), firm.order()
    look()
    assert Cancel.objects.get().order_id == order.order_id


def test_the_record_of_a_symbols_latch_and_of_its_release_name_the_symbol(firm):
    job = halt(firm, mode="alarm", symbol="kBONK")
    said = sentences.of_record(AuditRecord.objects.get(event=Event.LATCHED, job=job))
    assert said == "kBONK on Alpha latched by a halt: orders that appear are told of."
    about = {"user": firm.head, "actor": firm.actor(firm.head), "latch_id": Latch.objects.get().pk}
    said = latches.release(**about, reason="bot is fixed")
    assert said == "kBONK on Alpha is released: what appears there is nobody's alarm any more."
    said = sentences.of_record(AuditRecord.objects.get(event=Event.LATCH_RELEASED))
    assert said == "hannah released the latch on kBONK on Alpha: “bot is fixed”"


def test_a_flood_is_cancelled_a_bounded_number_at_a_time(firm, settings):
    settings.URGENT_UP_TO = 5
    halt(firm)
    firm.orders(12)
    look()
    assert Cancel.objects.count() == 5
    look()
    look()
    assert Cancel.objects.count() == 12
    assert all(CancelJob.objects.filter(is_panic=False).values_list("is_urgent", flat=True))


def test_no_more_is_asked_for_than_the_credits_pay_for_beside_half_the_reserve(firm, settings):
    halt(firm)
    firm.orders(30)
    CreditPool.objects.update(quota=10, spent="{}")  # 2 of them the reserve; a cancel costs a half
    for _ in range(3):
        look()
    assert Cancel.objects.count() == 18  # none has an answer yet: none is booked
    now, about = timezone.now(), {"account": firm.account, "purpose": credits.URGENT}
    price = settings.CREDIT_PRICES["cancel"]
    grant = credits.reserve(**about, wanted=18, price=price, now=now)
    credits.book(grant=grant, unused=0, quota=None, now=now)
    Cancel.objects.update(status="cancelled")
    look()
    assert Cancel.objects.count() == 18


def test_a_bulk_job_that_takes_every_credit_does_not_starve_it(firm, settings):
    halt(firm)
    firm.orders(30)
    CreditPool.objects.update(quota=100, spent="{}")
    price, now = settings.CREDIT_PRICES["cancel"], timezone.now()
    credits.reserve(account=firm.account, wanted=1000, price=price, purpose=credits.BULK, now=now)
    for _ in range(3):
        look()
    assert Cancel.objects.count() == 20  # half of the reserve of 20 credits


def test_what_another_pools_latch_waits_for_costs_this_one_nothing(firm):
    other = firm.new_account("Book", firm.momentum)
    about = {"user": firm.administrator, "actor": firm.actor(firm.administrator)}
    account_keys.set_api_config_key(account=other, api_config_key=API_CONFIG_KEY, **about)
    other.refresh_from_db()
    halt(firm)
    firm.orders(4, account=other)
    look()
    assert Cancel.objects.count() == 4
    firm.orders(4)
    CreditPool.objects.filter(name=credits.KEYLESS).update(quota=2, spent="{}")
    look()
    assert Cancel.objects.count() == 4 + 3


def test_a_pool_that_the_exchange_paused_is_left_alone(firm):
    until = timezone.now() + timedelta(seconds=30)
    halt(firm)
    firm.order()
    CreditPool.objects.update(paused_until=until)
    look()
    assert not Cancel.objects.exists()
    CreditPool.objects.update(paused_until=None)
    look()
    assert Cancel.objects.count() == 1


def test_a_head_releases_it_with_a_reason_and_nobody_else(firm):
    halt(firm)
    latch = Latch.objects.get()
    about = {"latch_id": latch.pk, "reason": "bot is fixed"}
    with pytest.raises(NotAllowed):
        latches.release(user=firm.operator, actor=firm.actor(), **about)
    head = {"user": firm.head, "actor": firm.actor(firm.head)}
    with pytest.raises(CannotAsk):
        latches.release(**head, latch_id=latch.pk, reason="")
    assert "released" in latches.release(**head, **about)
    firm.order()
    look()
    assert not Cancel.objects.exists()
    assert AuditRecord.objects.filter(event=Event.LATCH_RELEASED).count() == 1


def test_latched_accounts_are_looked_at_in_as_many_statements_as_one(
    firm, django_assert_max_num_queries
):
    for number in range(4):
        firm.new_account(f"Book {number}", firm.momentum)
    halt(firm)
    assert Latch.objects.count() == 5
    with django_assert_max_num_queries(3):  # one whether any holds, one of the exchange's clock
        look()


def test_an_account_that_cannot_be_looked_at_keeps_no_other_from_being_emptied(firm, monkeypatch):
    other = firm.new_account("Book", firm.momentum)
    halt(firm)
    firm.order()
    order = firm.order(account=other)
    real = latches.look_at
    broken = Latch.objects.get(account=firm.account).pk

    def look_at(latch_id):
        if latch_id == broken:
            raise ValueError
        real(latch_id)

    monkeypatch.setattr(latches, "look_at", look_at)
    monkeypatch.setattr(sweep, "close_old_connections", lambda: None)  # the test's own
    look()
    assert Cancel.objects.get().order_id == order.order_id


def asked_by_name(firm, count=1):
    """A program names its own orders, before this app has seen them; no answer comes."""
    firm.paper.fault("/orders/cancel", "drop", times=None)
    names = [f"f47ac10b-58cc-4372-a567-0e02b2c3d4{number:02}" for number in range(count)]
    firm.paper.orders(firm.account.address, [{"client_order_id": name} for name in names])
    for name in names:
        requests.cancel_by_id(
            user=firm.operator,
            actor=firm.actor(),
            account_id=firm.account.pk,
            symbol="BTC",
            client_order_id=name,
        )
    worker.deliver_account(account_id=firm.account.pk)
    sync.sync_account(account_id=firm.account.pk)  # now the orders are seen
    assert set(Cancel.objects.values_list("status", "order_id")) == {("unknown", None)}


def test_what_is_being_cancelled_by_name_is_not_asked_for_at_every_look(firm):
    halt(firm)
    asked_by_name(firm)
    for _ in range(20):  # four seconds of a sweep
        look()
    skipped = AuditRecord.objects.filter(event=Event.CANCEL_ASKED, outcome="skipped")
    assert skipped.count() <= 1


def test_what_is_being_cancelled_by_name_keeps_no_later_order_from_its_cancel(firm, settings):
    settings.URGENT_UP_TO = 3  # 20 on the desk; fewer where credits are short
    halt(firm)
    asked_by_name(firm, 3)
    later = firm.order()
    for _ in range(20):
        look()
    assert Cancel.objects.filter(order_id=later.order_id).exists()

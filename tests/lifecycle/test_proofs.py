"""Evidence: what may be concluded from it, and what it must never be taken for."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.cancels import requests
from orders.delivery import worker
from orders.exchange import clock
from orders.exchange import reader as exchange_reader
from orders.models import AuditRecord, Cancel, CancelStatus, Event, ExchangeClock, Proof
from orders.reconcile import (
    check_leases,
    closures,
    conclusions,
    history_lookup,
    read_evidence,
    resolve,
)
from tests.reconcile.test_resolve import CLIENT_ORDER_ID, ask_and_deliver, by_id, settle

# A round reads one page of the history, and no more however long a question stands.
ONE_PAGE = resolve.Limits(history=history_lookup.Limits(pages=(), pages_later=1))


def again(firm, after_s, limits=resolve.LIMITS):
    """Settle once more, whenever the next check would be."""
    Cancel.objects.update(next_check_at=timezone.now())
    return settle(firm, after_s, limits)


def vanish(monkeypatch, firm):
    """The book no longer lists anything, while the history has yet to say why."""
    real = read_evidence._read_book

    def emptied(found, routes, params):
        real(found, routes, params)
        found.book, found.named = {}, {}

    monkeypatch.setattr(read_evidence, "_read_book", emptied)


def test_vanished_without_an_event_is_gone_only_once_it_has_lasted(firm, monkeypatch):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    ask_and_deliver(firm, order)
    vanish(monkeypatch, firm)
    assert settle(firm, after_s=60).status == CancelStatus.UNKNOWN
    assert again(firm, after_s=85).status == CancelStatus.UNKNOWN
    cancel = again(firm, after_s=91)
    assert (cancel.status, cancel.proof) == (CancelStatus.GONE, Proof.BOOK)
    assert "does not show how" in cancel.explanation


def test_an_order_seen_again_starts_the_wait_anew(firm, monkeypatch):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop", times=None)
    ask_and_deliver(firm, order)
    Cancel.objects.update(repeats=4)
    with monkeypatch.context() as patch:
        vanish(patch, firm)
        settle(firm, after_s=60)
    again(firm, after_s=85)
    assert Cancel.objects.get().absent_since_at is None
    vanish(monkeypatch, firm)
    assert again(firm, after_s=95).status == CancelStatus.UNKNOWN


def test_how_long_a_read_took_does_not_age_what_it_shows(firm):
    """The book was asked while our request could still act; its answer came long after."""
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    ask_and_deliver(firm, order)
    start, asked = timezone.now(), []

    def now():
        asked.append(1)
        return start + timedelta(seconds=3 if len(asked) <= 4 else 60)

    resolve.settle_account(account_id=firm.account.pk, clock=now)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN


def test_a_reused_client_order_id_is_not_the_order_that_was_meant(firm):
    firm.paper.orders(firm.account.address, [{"client_order_id": CLIENT_ORDER_ID}])
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    by_id(firm, client_order_id=CLIENT_ORDER_ID)
    firm.paper.rules(clock_offset_ms=5_000)
    newer = firm.paper.orders(firm.account.address, [{"client_order_id": CLIENT_ORDER_ID}])
    assert settle(firm, after_s=9).status == CancelStatus.CANCELLED
    assert firm.paper.truth()[newer[0]]["is_open"]


def test_a_younger_order_of_the_same_client_order_id_waits_for_the_history(firm):
    """It may have been made after our first byte: it is not sent for before that can be told."""
    firm.paper.orders(firm.account.address, [{"client_order_id": CLIENT_ORDER_ID}])
    firm.paper.fault("/orders/cancel", "drop")
    by_id(firm, client_order_id=CLIENT_ORDER_ID)
    assert settle(firm, after_s=9).status == CancelStatus.UNKNOWN
    assert again(firm, after_s=31).status == CancelStatus.QUEUED


def test_an_order_edited_before_our_cancel_is_said_to_live_on(firm):
    order = firm.order(client_order_id=CLIENT_ORDER_ID)
    new_id = firm.paper.edit(order.order_id, price="49000")
    cancel = ask_and_deliver(firm, order)
    cancel = settle(firm)
    assert cancel.status == CancelStatus.GONE
    assert str(new_id) in cancel.explanation


def test_an_edit_is_not_taken_for_our_lost_cancel(firm):
    order = firm.order(client_order_id=CLIENT_ORDER_ID)
    firm.paper.fault("/orders/cancel", "drop")
    ask_and_deliver(firm, order)
    new_id = firm.paper.edit(order.order_id, price="49000")
    cancel = settle(firm)
    assert cancel.status == CancelStatus.GONE
    assert str(new_id) in cancel.explanation


def test_a_wrong_symbol_is_refused_in_words_instead_of_repeated(firm):
    ids = firm.paper.orders(firm.account.address, [{"symbol": "ETH"}])
    by_id(firm, order_id=ids[0])
    cancel = settle(firm, after_s=1.5)
    assert (cancel.status, cancel.attempt) == (CancelStatus.REFUSED, 2)  # once by each route
    assert "on ETH, not BTC" in cancel.explanation


def test_another_accounts_order_is_not_found_whatever_became_of_it(firm):
    ids = firm.paper.orders(firm.foreign_account.address, 1)
    firm.paper.fill(ids[0])
    firm.paper.orders(firm.account.address, 1)
    by_id(firm, order_id=ids[0])
    assert settle(firm, after_s=31).status == CancelStatus.NOT_FOUND


def test_a_cancel_event_of_our_own_earlier_job_is_not_someone_elses(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    first = ask_and_deliver(firm, order)
    Cancel.objects.update(status=CancelStatus.CLOSED_BY_OPERATOR, next_check_at=None)
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    worker.deliver_account(account_id=firm.account.pk)
    later = timezone.now() + timedelta(seconds=2)
    resolve.settle_account(account_id=firm.account.pk, clock=lambda: later)
    cancel = Cancel.objects.exclude(pk=first.pk).get()
    assert cancel.status == CancelStatus.GONE
    assert f"our own job {first.job_id}" in cancel.explanation


@pytest.mark.parametrize("offset_s", [-40, 40])
def test_our_lost_cancel_is_ours_however_far_the_clocks_are_apart(firm, offset_s):
    order = firm.order()
    sent_at = timezone.now()
    cancel = Cancel(has_unanswered=True, first_sent_at=sent_at)
    at = sent_at + timedelta(seconds=offset_s + 0.05)
    ending = closures.Closure("cancelled", "cancel", "0", "1", at=at)
    earlier = closures.Closure("cancelled", "cancel", "0", "1", at=at - timedelta(seconds=5))
    offset = timedelta(seconds=offset_s)
    assert closures.is_ours(cancel, ending, offset)
    assert not closures.is_ours(cancel, earlier, offset)
    assert order


def test_a_clock_behind_ours_keeps_a_signature_alive_for_longer(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    ask_and_deliver(firm, order)
    firm.paper.rules(clock_offset_ms=-30_000)
    ExchangeClock.objects.update_or_create(
        pk=1, defaults={"offset_ms": -30_000, "measured_at": timezone.now() + timedelta(seconds=7)}
    )
    assert settle(firm, after_s=9).status == CancelStatus.UNKNOWN
    assert again(firm, after_s=38).status == CancelStatus.QUEUED


def test_the_longest_due_questions_are_looked_at_first(firm):
    orders = firm.orders(3)
    firm.paper.fault("/orders/batch", "drop", times=None)
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[o.pk for o in orders])
    worker.deliver_account(account_id=firm.account.pk)
    now = timezone.now() + timedelta(seconds=2)
    oldest = Cancel.objects.order_by("pk").first()
    Cancel.objects.filter(pk=oldest.pk).update(next_check_at=now - timedelta(seconds=30))
    about = {"account_id": firm.account.pk, "now": now, "is_twap": False}
    taken = check_leases.lease_due(**about, at_once=2)
    assert len(taken) == 2
    assert oldest in taken


def test_a_client_order_id_beyond_a_long_history_ends_not_found_in_true_words(firm):
    firm.paper.orders(firm.account.address, 101)
    by_id(firm, client_order_id=CLIENT_ORDER_ID)
    assert settle(firm, after_s=5, limits=ONE_PAGE).status == CancelStatus.SETTLING
    assert again(firm, after_s=31, limits=ONE_PAGE).status == CancelStatus.SETTLING
    Cancel.objects.update(checks=history_lookup.DEEP)
    cancel = again(firm, after_s=32, limits=ONE_PAGE)
    assert (cancel.status, cancel.proof) == (CancelStatus.NOT_FOUND, Proof.BOOK)
    assert "any of the 100 orders that were read" in cancel.explanation


def test_a_twap_known_by_client_order_id_is_settled_by_its_paged_history(firm):
    firm.paper.orders(
        firm.account.address, [{"order_type": "twap", "client_order_id": CLIENT_ORDER_ID}]
    )
    firm.paper.fault("/orders/twap/cancel", "apply_then_drop")
    by_id(firm, kind="twap", client_order_id=CLIENT_ORDER_ID)
    assert settle(firm).status == CancelStatus.CANCELLED


def test_a_twap_cancelled_long_before_is_not_ours_despite_the_200(firm):
    ids = firm.paper.orders(firm.account.address, [{"order_type": "twap"}])
    firm.paper.rules(clock_offset_ms=-10_000)
    firm.paper.close(ids[0])
    firm.paper.rules(clock_offset_ms=0)
    by_id(firm, kind="twap", order_id=ids[0])
    assert settle(firm).status == CancelStatus.GONE


def test_the_exchanges_not_in_my_history_is_kept_word_for_word(firm):
    order = firm.order()
    firm.paper.reset()
    firm.paper.account(firm.account.address, agents=[str(firm.account.agent_keypair.pubkey())])
    ask_and_deliver(firm, order)
    settle(firm, after_s=31)
    bodies = [bytes(r.payload.body) for r in AuditRecord.objects.filter(event=Event.READ)]
    assert any(b"not found" in body for body in bodies)


def test_the_exchanges_clock_is_measured_from_answers(firm):
    firm.paper.rules(clock_offset_ms=40_000)
    reader = exchange_reader.Reader(firm.account)
    answer = reader._get("/info", {})
    now = timezone.now()
    clock.measure(results=[answer], now=now)
    known = clock.current(now)
    assert abs(known.offset_ms - 40_000) < 1500
    assert known.is_off
    assert "40" in known.in_words() or "39" in known.in_words()
    clock.measure(results=[answer], now=now + timedelta(seconds=6))
    assert clock.current(now).answers == 2
    assert clock.current(now + timedelta(minutes=20)) is None


@pytest.mark.parametrize("by", [timedelta(hours=-1), timedelta(hours=1)], ids=["back", "forward"])
def test_an_answer_timed_before_our_clock_was_set_measures_nothing(firm, by):
    answer = exchange_reader.Reader(firm.account)._get("/info", {})
    now = answer.first_byte_at + timedelta(milliseconds=50)
    clock.measure(results=[answer], now=now)
    known = clock.current(now).offset_ms
    as_timed_then = replace(
        answer, sent_at=answer.sent_at + by, first_byte_at=answer.first_byte_at + by
    )
    clock.measure(results=[as_timed_then], now=now + timedelta(seconds=6))
    assert clock.current(now).offset_ms == known


def test_a_clock_that_was_set_shows_with_the_next_answer(firm):
    reader = exchange_reader.Reader(firm.account)
    now = timezone.now()
    for offset_ms, after_s in ((60_000, 0), (0, 1)):
        firm.paper.rules(clock_offset_ms=offset_ms)
        answer = reader._get("/info", {})
        clock.measure(results=[answer], now=now + timedelta(seconds=after_s))
    assert abs(clock.offset(now)) < timedelta(seconds=2)


def test_a_question_is_looked_at_again_as_soon_as_waiting_tells_more(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    ask_and_deliver(firm, order)
    Cancel.objects.update(checks=11)
    cancel = settle(firm, after_s=3)
    apart = abs(cancel.next_check_at - cancel.signature_ends_at)
    assert apart <= timedelta(seconds=1)  # the exchange's clock is known to half a second


def test_an_exchange_that_cannot_be_read_is_asked_again_within_seconds(firm):
    order = firm.order()
    firm.paper.fault("/orders/cancel", "drop")
    ask_and_deliver(firm, order)
    Cancel.objects.update(checks=11)
    firm.paper.fault("/orders", "status", status=500)
    cancel = settle(firm, after_s=3)
    assert cancel.next_check_at <= timezone.now() + timedelta(seconds=3 + conclusions.UNREADABLE_S)


def ask_about_three_filled(firm):
    """Three questions that take four reads to answer."""
    orders = firm.orders(3)
    for order in orders:
        firm.paper.fill(order.order_id)
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[o.pk for o in orders])
    worker.deliver_account(account_id=firm.account.pk)


def slow_clock():
    """A clock by which everything takes four seconds."""
    start, asked = timezone.now() + timedelta(seconds=2), []

    def slow():
        asked.append(1)
        return start + timedelta(seconds=4 * len(asked))

    return slow


def test_a_round_of_reads_does_not_go_on_for_ever(firm):
    ask_about_three_filled(firm)
    resolve.settle_account(account_id=firm.account.pk, clock=slow_clock())
    assert len(firm.paper.requests("/orders/history_by_id")) < 3


def test_a_dead_settlers_questions_are_free_after_one_read(firm):
    ask_about_three_filled(firm)
    about = {"account_id": firm.account.pk, "is_twap": False}
    now = timezone.now()
    assert check_leases.lease_due(now=now, **about)
    assert check_leases.lease_due(now=now + check_leases.ONE_READ, **about) == []
    later = now + check_leases.ONE_READ + timedelta(seconds=4)
    assert len(check_leases.lease_due(now=later, **about)) == 3


def test_a_living_settler_keeps_its_questions_read_by_read(firm):
    ask_about_three_filled(firm)
    now, about = timezone.now(), {"account_id": firm.account.pk, "is_twap": False}
    taken = check_leases.lease_due(now=now, **about)
    late = now + check_leases.ONE_READ
    check_leases.hold(taken, late)
    assert check_leases.lease_due(now=late + check_leases.ONE_READ, **about) == []
    assert Cancel.objects.first().next_check_at == taken[0].next_check_at


def test_a_settler_takes_nothing_back_from_the_one_that_followed(firm):
    ask_about_three_filled(firm)
    now, about = timezone.now(), {"account_id": firm.account.pk, "is_twap": False}
    first = check_leases.lease_due(now=now, **about)
    late = now + check_leases.CHECK_LEASE
    second = check_leases.lease_due(now=late, **about)
    check_leases.hold(first, late + timedelta(seconds=1))
    assert Cancel.objects.first().next_check_at == second[0].next_check_at


def test_a_slow_round_is_held_to_its_end(firm, monkeypatch):
    ask_about_three_filled(firm)
    held = []
    monkeypatch.setattr(check_leases, "hold", lambda cancels, now: held.append(len(cancels)))
    later = timezone.now() + timedelta(seconds=2)
    resolve.settle_account(account_id=firm.account.pk, clock=lambda: later)
    assert held == [3] * 4

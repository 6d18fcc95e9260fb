"""Whose order it is: history by id does not say, and an id alone proves nothing."""

import pytest
from django.utils import timezone

from orders.models import Account, Cancel, CancelStatus, Proof
from orders.reconcile import conclusions, history_lookup, sync
from tests.lifecycle.test_proofs import ONE_PAGE, again
from tests.reconcile.test_resolve import by_id, settle


def test_an_id_alone_never_makes_a_strangers_order_ours(firm):
    ids = firm.paper.orders(firm.foreign_account.address, 1)
    firm.paper.fill(ids[0])
    firm.paper.orders(firm.account.address, 101)
    by_id(firm, order_id=ids[0])
    assert settle(firm, after_s=31, limits=ONE_PAGE).status == CancelStatus.SETTLING
    Cancel.objects.update(checks=history_lookup.DEEP)
    cancel = again(firm, after_s=62, limits=ONE_PAGE)
    assert (cancel.status, cancel.proof) == (CancelStatus.GONE, Proof.BOOK)
    assert "could not be told: there are more pages" in cancel.explanation
    assert cancel.filled_amount == ""


def test_a_strangers_order_is_not_found_once_our_history_was_read_past_it(firm):
    for ago_ms, count in ((61_000, 51), (60_000, 50)):
        firm.paper.rules(clock_offset_ms=-ago_ms)
        firm.paper.orders(firm.account.address, count)
    firm.paper.rules(clock_offset_ms=0)
    ids = firm.paper.orders(firm.foreign_account.address, 1)
    by_id(firm, order_id=ids[0])
    assert settle(firm, after_s=5, limits=ONE_PAGE).status == CancelStatus.SETTLING
    cancel = again(firm, after_s=31, limits=ONE_PAGE)
    assert (cancel.status, cancel.proof) == (CancelStatus.NOT_FOUND, Proof.HISTORY)
    assert cancel.explanation == conclusions.NOT_THIS_ACCOUNTS


def test_a_strangers_cancel_is_not_taken_for_our_lost_one(firm):
    ids = firm.paper.orders(firm.foreign_account.address, 1)
    firm.paper.orders(firm.account.address, 101)
    firm.paper.fault("/orders/cancel", "drop")
    by_id(firm, order_id=ids[0])
    firm.paper.close(ids[0])
    assert settle(firm, after_s=31, limits=ONE_PAGE).status == CancelStatus.UNKNOWN


def test_an_order_that_our_book_listed_meanwhile_is_ours_by_its_id(firm):
    ids = firm.paper.orders(firm.account.address, 1)
    firm.paper.orders(firm.account.address, 101)
    firm.paper.fault("/orders/cancel", "drop")
    by_id(firm, order_id=ids[0])
    sync.sync_account(account_id=firm.account.pk)
    firm.paper.fill(ids[0])
    assert settle(firm, limits=ONE_PAGE).status == CancelStatus.FILLED


def test_an_order_that_the_exchange_said_yes_for_is_ours_by_its_id(firm):
    ids = firm.paper.orders(firm.account.address, 1)
    firm.paper.orders(firm.account.address, 101)
    firm.paper.fault("/orders/cancel", "drop")
    by_id(firm, order_id=ids[0])
    Cancel.objects.update(was_taken=True)
    firm.paper.close(ids[0])
    cancel = settle(firm, limits=ONE_PAGE)
    assert (cancel.status, cancel.proof) == (CancelStatus.CANCELLED, Proof.HISTORY)


@pytest.mark.parametrize(
    ("kind", "route", "is_due"),
    [("order", "/orders/cancel", 1), ("twap", "/orders/twap/cancel", 0)],
)
def test_an_order_first_seen_by_a_settler_is_synced_at_once(firm, kind, route, is_due):
    sync.sync_account(account_id=firm.account.pk)
    order_type = "limit" if kind == "order" else "twap"
    ids = firm.paper.orders(firm.account.address, [{"order_type": order_type}])
    firm.paper.fault(route, "drop")
    by_id(firm, kind=kind, order_id=ids[0])
    settle(firm)
    due = Account.objects.due_for_sync(timezone.now(), 3600).filter(pk=firm.account.pk)
    assert due.count() == is_due

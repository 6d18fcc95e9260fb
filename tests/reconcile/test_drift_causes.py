"""What explains a discrepancy is found with it; what nothing explains is never explained away."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.audit import sentences
from orders.cancels import requests
from orders.models import (
    AgentWallet,
    Alert,
    AuditRecord,
    Cancel,
    Drift,
    DriftCause,
    Event,
    PanicLine,
    Restore,
)
from orders.panic import decision
from orders.reconcile import discrepancies
from tests.helpers.counted import queries
from tests.lifecycle.test_reopen import sync


def lose(firm, count=1, **fields):
    """Orders that are gone without a word; call `find` for the discrepancies."""
    orders = firm.orders(count, **fields)
    firm.paper.reset(accounts=firm.bound)
    return orders


def find(firm):
    for after_s in (0, 31, 95):
        sync(firm, after_s=after_s)
    return list(Drift.objects.order_by("pk"))


def causes(firm):
    return {drift.cause for drift in find(firm)}


def pull_panic(firm, *, sent_at=None, symbol="", **fields):
    decision.record_panic(
        user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk, symbol=symbol
    )
    sent_at = sent_at or timezone.now()
    PanicLine.objects.update(sent_at=sent_at, last_sent_at=sent_at, status="empty", **fields)
    return PanicLine.objects.get()


def alert_of_silence(firm, *, over_at=None):
    now = timezone.now()
    Alert.objects.create(
        kind="not_followed", about=f"account {firm.account.pk}", said="x", raised_at=now,
        next_tell_at=now, over_at=over_at,
    )  # fmt: skip


def test_what_is_gone_without_a_word_is_put_down_to_the_panic_that_covers_it(firm):
    lose(firm, 3)
    line = pull_panic(firm)
    drifts = find(firm)
    assert [(each.cause, each.cause_job_id) for each in drifts] == [("panic", line.job_id)] * 3
    assert Drift.objects.newest_of_groups().count() == 1
    assert not Drift.objects.unexplained().exists()


@pytest.mark.parametrize(
    "panic",
    [
        {"symbol": "ETH"},
        {"sent_at": timezone.now() - timedelta(hours=1)},
        {"keep_reduce_only": True},
    ],
    ids=["of another symbol", "sent before", "that kept it"],
)
def test_a_panic_explains_only_what_it_may_have_ended(firm, panic):
    lose(firm, reduce_only=True)
    pull_panic(firm, **panic)
    assert causes(firm) == {"none"}


def test_what_is_gone_without_a_word_is_put_down_to_our_cancel_that_was_sent(firm):
    (order,) = firm.orders(1)
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    Cancel.objects.update(status="closed_by_operator", first_sent_at=timezone.now())
    firm.paper.reset(accounts=firm.bound)
    assert causes(firm) == {"job"}


def test_a_cancel_that_was_never_sent_explains_nothing(firm):
    (order,) = firm.orders(1)
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[order.pk])
    firm.paper.reset(accounts=firm.bound)
    assert causes(firm) == {"none"}


def test_an_outage_explains_what_ended_in_it_and_no_later_end(firm):
    lose(firm)
    alert_of_silence(firm)
    assert causes(firm) == {"outage"}
    Drift.objects.all().delete()
    Alert.objects.update(over_at=timezone.now() - timedelta(minutes=5))
    lose(firm)
    assert causes(firm) == {"none"}


def test_a_restored_copy_explains_what_ended_before_it_was_found(firm):
    lose(firm)
    Restore.objects.create(
        is_waiting=False, number=1, count=1, shared=0, tip=1, found_at=timezone.now()
    )
    assert causes(firm) == {"restored"}


def test_another_hand_is_explained_by_nothing_whatever_else_happened(firm):
    (order,) = firm.orders(1)
    alert_of_silence(firm)
    pull_panic(firm)
    firm.paper.close(order.order_id)
    assert causes(firm) == {"none"}


def test_a_foreign_agent_wallet_is_suspected_and_still_counts(firm):
    AgentWallet.objects.filter(account=firm.account).update(unheld="stranger")
    firm.paper.close(firm.orders(1)[0].order_id)
    assert causes(firm) == {"foreign_wallet"}
    assert Drift.objects.unexplained().exists()


def test_a_group_is_acknowledged_up_to_what_was_seen_and_the_record_says_why(firm):
    lose(firm, 3)
    line = pull_panic(firm)
    drifts = find(firm)
    done = discrepancies.acknowledge_groups(
        user=firm.operator, actor=firm.actor(), newest_ids=[drifts[1].pk]
    )
    assert done == 2
    assert list(Drift.objects.open()) == [drifts[2]]
    record = AuditRecord.objects.get(event=Event.DRIFT_ACKNOWLEDGED)
    assert f"put down to a panic (job {line.job_id})" in sentences.of_record(record)
    assert record.order_rows.count() == 2


def test_many_discrepancies_cost_no_more_queries_than_few(firm):
    counts = []
    for count in (6, 40):  # of both five are looked up one by one
        Drift.objects.all().delete()
        lose(firm, count)
        sync(firm)
        sync(firm, after_s=31)
        with queries() as made:
            sync(firm, after_s=95)
        counts.append(len(made))
    assert counts[0] == counts[1]
    assert {drift.cause for drift in Drift.objects.all()} == {DriftCause.NONE}

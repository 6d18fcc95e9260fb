"""Cancel-alls of lines that were claimed together are recorded together, each sent once."""

import time
import uuid

import pytest
from django.utils import timezone

from orders.evidence import verify
from orders.models import AuditRecord, Event, Membership, PanicLine, PanicStatus, SealedKey
from orders.panic import actions, cancel_all, decision, exchange_requests, strategies, worker
from tests.helpers.panics import QUICK
from tests.panic.test_trouble import is_whole

COUNT = 4


@pytest.fixture(autouse=True)
def _quick(quick_panic):
    """Nothing here waits as long as it would on the desk."""


@pytest.fixture
def firm(committing_firm):
    """Four accounts with two orders each: commits are real, for each line has a thread."""
    for n in range(COUNT - 1):
        committing_firm.new_account(f"Book {n}", committing_firm.momentum)
    for account in committing_firm.momentum.accounts.all():
        committing_firm.orders(2, account=account)
    return committing_firm


def pulled(firm, **about):
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk, **about)


def carry():
    """Carry what is due in the threads of a sweep; the statuses, by line."""
    PanicLine.objects.update(lease_until=None)
    sender = worker.PanicWorker(timings=QUICK)
    sender.take_due(timezone.now())
    sender.close()
    return list(PanicLine.objects.order_by("pk").values_list("status", flat=True))


def cancel_alls(firm):
    return [one["account"] for one in firm.paper.requests("/orders/cancel_all")]


def requests():
    return AuditRecord.objects.filter(event=Event.REQUEST)


@pytest.fixture
def together(monkeypatch):
    """How many cancel-alls each recording took."""
    sizes, real = [], cancel_all.record

    def record(lines, signers):
        sizes.append(len(lines))
        return real(lines, signers)

    monkeypatch.setattr(cancel_all, "record", record)
    return sizes


def test_all_are_recorded_together_before_the_first_is_sent(firm, together, monkeypatch):
    pulled(firm)
    recorded, real = [], exchange_requests._sent

    def sent(request, key):
        recorded.append(requests().count())
        return real(request, key)

    monkeypatch.setattr(exchange_requests, "_sent", sent)
    assert carry() == [PanicStatus.EMPTY] * COUNT
    assert (together, recorded) == ([COUNT], [COUNT] * COUNT)
    assert len(set(cancel_alls(firm))) == COUNT == len(cancel_alls(firm))
    assert verify.verify().is_whole


def test_an_account_with_strategies_goes_by_itself_and_they_go_first(firm, together):
    rows = [{"symbol": "BTC", "side": "bid", "price": "1", "initial_amount": "1"}]
    firm.paper.strategy(firm.account.address, orders=rows, replaces_after_ms=0)
    pulled(firm)
    assert carry() == [PanicStatus.EMPTY] * COUNT
    assert together == [COUNT - 1, 1]
    mine = [one for one in firm.paper.requests() if firm.account.address in str(one)]
    routes = [one["route"] for one in mine if one["method"] == "POST"]
    assert routes[:2] == ["/order_strategies/cancel", "/orders/cancel_all"]
    first = [one["route"] for one in mine].index("/order_strategies/cancel")
    reads = [one["route"] for one in mine[:first]]
    assert reads.count("/order_strategies") == 1


def test_strategies_that_are_read_too_late_hold_up_their_own_account_alone(
    firm, together, monkeypatch
):
    real = strategies.Strategies.are_none

    def are_none(self, within_s):
        return self.line.account_id != firm.account.pk and real(self, within_s)

    monkeypatch.setattr(strategies.Strategies, "are_none", are_none)
    pulled(firm)
    assert carry() == [PanicStatus.EMPTY] * COUNT
    assert together == [COUNT - 1, 1]


def test_they_wait_a_tenth_of_a_second_for_a_read_that_hangs(firm, monkeypatch):
    firm.paper.fault("/order_strategies", "delay_before", delay_ms=2000)
    pulled(firm)
    began = time.time() * 1000
    carry()
    arrived = sorted(one["at_ms"] for one in firm.paper.requests("/orders/cancel_all"))
    assert arrived[COUNT - 2] < arrived[COUNT - 1]
    assert arrived[COUNT - 2] - began < 2000


def test_what_cannot_be_recorded_together_goes_one_by_one(firm, monkeypatch):
    real = cancel_all.record

    def record(lines, signers):
        if len(lines) > 1:
            raise RuntimeError("whatever")
        return real(lines, signers)

    monkeypatch.setattr(cancel_all, "record", record)
    pulled(firm)
    assert carry() == [PanicStatus.EMPTY] * COUNT
    assert len(set(cancel_alls(firm))) == COUNT == len(cancel_alls(firm))


def test_a_sender_that_dies_after_recording_leaves_requests_that_are_lost(firm, monkeypatch):
    pulled(firm)
    with monkeypatch.context() as crash:
        crash.setattr(exchange_requests, "_sent", _dies)
        carry()
    assert PanicLine.objects.filter(has_open_request=True).count() == COUNT
    assert carry() == [PanicStatus.EMPTY] * COUNT
    assert not cancel_alls(firm)  # what may have left is not repeated
    assert AuditRecord.objects.filter(event=Event.SENDER_LOST).count() == COUNT
    assert is_whole()


def _dies(*_):
    raise KeyboardInterrupt


def test_a_line_that_another_sender_took_is_sent_by_that_one_alone(firm, together, monkeypatch):
    real = exchange_requests.credits.reserve

    def taken_over(**about):
        PanicLine.objects.filter(account=firm.account).update(claim_token=uuid.uuid4())
        return real(**about)

    monkeypatch.setattr(exchange_requests.credits, "reserve", taken_over)
    pulled(firm)
    statuses = carry()
    assert together[0] == COUNT
    assert sorted(statuses) == sorted([PanicStatus.EMPTY] * (COUNT - 1) + [PanicStatus.WAITING])
    assert firm.account.address not in cancel_alls(firm)
    assert len(cancel_alls(firm)) == COUNT - 1


def test_a_line_withdrawn_since_it_was_claimed_is_not_sent(firm, monkeypatch):
    pulled(firm)
    line = PanicLine.objects.get(account=firm.account)
    real = worker.claim_lines

    def claim_lines(*given, **only):
        lines = real(*given, **only)
        actions.withdraw(user=firm.operator, actor=firm.actor(), line_id=line.pk)
        return lines

    monkeypatch.setattr(worker, "claim_lines", claim_lines)
    carry()
    line.refresh_from_db()
    assert line.status == PanicStatus.WITHDRAWN
    assert firm.account.address not in cancel_alls(firm)
    assert len(cancel_alls(firm)) == COUNT - 1


def test_nothing_is_sent_for_a_person_without_the_right_any_more(firm):
    pulled(firm)
    Membership.objects.filter(user=firm.operator).delete()
    assert carry() == [PanicStatus.NEEDS_YOU] * COUNT
    assert not requests().exists()
    assert not cancel_alls(firm)


def test_lines_that_spare_stops_send_no_cancel_all(firm):
    pulled(firm, keep_stops=True)
    assert carry() == [PanicStatus.EMPTY] * COUNT
    assert not cancel_alls(firm)


def test_a_key_that_does_not_open_holds_up_its_own_account_alone(firm, together):
    SealedKey.objects.filter(agent_wallet__account=firm.account).update(sealed=b"changed")
    pulled(firm)
    statuses = carry()
    assert together == [COUNT - 1]
    assert statuses.count(PanicStatus.EMPTY) == COUNT - 1
    assert PanicLine.objects.get(account=firm.account).status == PanicStatus.NEEDS_YOU


def test_one_that_was_recorded_too_long_ago_is_not_sent(firm, monkeypatch):
    pulled(firm)
    monkeypatch.setattr(exchange_requests, "is_stale", lambda *_: True)
    assert carry() == [PanicStatus.WAITING] * COUNT
    assert not cancel_alls(firm)
    assert not PanicLine.objects.exclude(cancel_alls=0, sent_at=None).exists()

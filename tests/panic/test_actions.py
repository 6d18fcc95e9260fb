"""What a person may say of a panic's line: each word is theirs alone, allowed and recorded."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.access.permissions import NotAllowed
from orders.models import (
    AuditRecord,
    Cancel,
    CancelJob,
    Event,
    JobStatus,
    Membership,
    PanicLine,
    PanicStatus,
)
from orders.panic import actions, decision, worker
from tests.helpers.panics import QUICK
from tests.helpers.screens import page, signed_in, url


@pytest.fixture(autouse=True)
def _quick(quick_panic):
    """Nothing here waits as long as it would on the desk."""


@pytest.fixture
def line(firm):
    """One line that waits."""
    firm.orders(2)
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    return PanicLine.objects.get()


def carry():
    for line in worker.claim_lines(timezone.now()):
        worker.empty(line, timings=QUICK)
    return PanicLine.objects.get()


def say(what, firm, line, user=None):
    user = user or firm.operator
    return what(user=user, actor=firm.actor(user), line_id=line.pk)


def sent(firm):
    return len(firm.paper.requests("/orders/cancel_all"))


def test_a_panic_that_could_not_be_sent_for_ten_minutes_is_never_sent(firm, line):
    PanicLine.objects.update(asked_at=timezone.now() - timedelta(seconds=601))
    line = carry()
    assert sent(firm) == 0
    assert line.status == PanicStatus.NEEDS_YOU
    assert line.explanation == "Never sent within 10 min. The orders may be open."


def test_asking_again_starts_the_ten_minutes_anew(firm, line):
    test_a_panic_that_could_not_be_sent_for_ten_minutes_is_never_sent(firm, line)
    say(actions.send_again, firm, line)
    assert carry().status == PanicStatus.EMPTY


def test_one_that_the_exchange_never_took_says_so(firm, line):
    moment = timezone.now() - timedelta(seconds=601)
    PanicLine.objects.update(asked_at=moment, sent_at=moment + timedelta(seconds=5))
    assert "not taken by the exchange (429), within 10 min" in carry().explanation


def test_what_still_waits_can_be_withdrawn_and_is_not_sent_then(firm, line):
    (held,) = worker.claim_lines(timezone.now())  # by a sender that has not begun
    assert "no cancel-all is sent" in say(actions.withdraw, firm, line, firm.head)
    worker.empty(held, timings=QUICK)
    line.refresh_from_db()
    assert (line.status, sent(firm)) == (PanicStatus.WITHDRAWN, 0)
    assert "Withdrawn by hannah" in line.explanation
    assert CancelJob.objects.get().status == JobStatus.DONE
    record = AuditRecord.objects.filter(event=Event.PANIC).latest("position")
    assert (record.operator, json.loads(record.data)["withdrawn"]) == (firm.head, True)


def test_what_was_sent_cannot_be_withdrawn(firm, line):
    carry()
    assert "Nothing to withdraw" in say(actions.withdraw, firm, line)
    line.refresh_from_db()
    assert line.status == PanicStatus.EMPTY


ACTS = [getattr(actions, act) for act in ("send_again", "look_again", "close", "withdraw")]


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("who", ["viewer", "auditor", "stranger", "administrator"])
def test_who_may_not_panic_says_nothing_and_the_try_is_recorded(firm, line, act, who):
    with pytest.raises(NotAllowed):
        say(act, firm, line, getattr(firm, who))
    line.refresh_from_db()
    assert line.status == PanicStatus.WAITING
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).count() == 1


def test_who_asked_last_stands_behind_what_is_sent(firm, line):
    """The first has left the desk meanwhile; stops remain to be cancelled one by one."""
    firm.paper.rules(cancel_all_takes_stops=False)
    firm.orders(1, order_type="stop_limit", stop_price="40000")
    PanicLine.objects.update(status=PanicStatus.NEEDS_YOU)
    say(actions.send_again, firm, line, firm.head)
    Membership.objects.filter(user=firm.operator).delete()
    assert carry().status == PanicStatus.EMPTY
    assert Cancel.objects.get().status == "cancelled"
    request = AuditRecord.objects.filter(event=Event.REQUEST, job=line.job).earliest("position")
    assert request.operator == firm.head


def test_a_line_that_waits_is_withdrawn_on_its_page(firm, line):
    client, address = signed_in(firm.operator), url("orders_panicline_withdraw", line.pk)
    assert address in page(client, "orders_canceljob_change", line.job_id)
    assert client.get(address).status_code == 405
    client.post(address)
    text = page(client, "orders_canceljob_change", line.job_id)
    assert "Withdrawn by olivia" in text
    assert address not in text


def given_up(line, **about):
    PanicLine.objects.update(status=PanicStatus.NEEDS_YOU, explanation="30 left.", **about)


def test_looking_again_reads_the_book_and_sends_no_cancel_all(firm, line):
    carry()
    firm.paper.orders(firm.account.address, 1)
    given_up(line)
    assert "no cancel-all is sent" in say(actions.look_again, firm, line, firm.head)
    line = carry()
    assert (line.status, sent(firm)) == (PanicStatus.EMPTY, 1)
    assert line.explanation == "The exchange cancelled 2."
    assert Cancel.objects.filter(status="cancelled").count() == 1
    record = AuditRecord.objects.filter(event=Event.PANIC).latest("position")
    assert (record.operator, json.loads(record.data)["look_again"]) == (firm.head, True)


def test_what_was_refused_is_tried_once_more_when_somebody_looks_again(firm, line):
    firm.paper.rules(cancel_all_takes_stops=False)
    firm.orders(1, order_type="stop_limit", stop_price="40000")
    body = {"success": False, "error": "Agent not authorized for account", "code": 400}
    firm.paper.fault("/orders/stop/cancel", "status", status=400, body=body)
    assert carry().status == PanicStatus.NEEDS_YOU
    say(actions.look_again, firm, line)
    assert carry().status == PanicStatus.EMPTY


def test_who_has_seen_to_it_closes_the_line_under_their_name(firm, line):
    given_up(line)
    say(actions.close, firm, line, firm.head)
    line.refresh_from_db()
    assert (line.status, line.explanation) == (PanicStatus.CLOSED, "Closed by hannah. 30 left.")
    assert "Nothing to close" in say(actions.close, firm, line)


def test_the_first_button_of_a_line_that_needs_somebody_is_to_look_again(firm, line):
    given_up(line)
    client = signed_in(firm.operator)
    text = page(client, "orders_canceljob_change", line.job_id)
    places = [text.index(url(f"orders_panicline_{act}", line.pk)) for act in BUTTONS]
    assert places == sorted(places)
    client.post(url("orders_panicline_look", line.pk))
    line.refresh_from_db()
    assert line.status == PanicStatus.FINISHING
    assert "orders_panicline_look" not in page(client, "orders_canceljob_change", line.job_id)


BUTTONS = ("look", "again", "close")

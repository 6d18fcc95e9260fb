"""Metrics: what the site is doing, out of the database, without an order, account or person."""

import json
import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from desk import celery, process_figures
from orders.cancels import jobs, requests
from orders.delivery import worker
from orders.management import sweep
from orders.models import (
    Account,
    Alert,
    AuditRecord,
    Cancel,
    CancelJob,
    CreditPool,
    ExchangeClock,
    PanicLine,
    Sender,
)
from orders.operations.monitoring import exposition as exposition_module
from orders.operations.monitoring import log_tail
from orders.operations.monitoring.exposition import Exposition
from orders.operations.monitoring.state import figures, plain
from orders.panic import decision
from tests.conftest import connected_to
from tests.helpers.figures import Figures
from tests.reconcile.test_resolve import ask_and_deliver


@pytest.fixture(autouse=True)
def broker(monkeypatch):
    """A broker that answers; ``down`` where it does not."""
    said = []
    monkeypatch.setattr(celery, "why_unreachable", lambda within_s: "".join(said))
    return said


def in_(seconds):
    return timezone.now() + timedelta(seconds=seconds)


def scraped(exposition=None, after_s=0):
    return Figures((exposition or Exposition()).text(in_(after_s)))


def ask(firm, count=1):
    ids = [order.pk for order in firm.orders(count)]
    return requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)


def test_a_quiet_site_tells_noughts_and_not_nothing(firm):
    told = scraped()
    assert told("database_up") == told("broker_up") == 1
    assert told("queue_cancels", lane="urgent", status="queued") == 0
    assert told("unresolved_cancels", older_than="60") == 0
    assert told("panic_lines", status="needs_you") == 0
    assert told("senders_alive", kind="sweep") == 0
    assert told("cancels_ended_total", outcome="cancelled") == 0
    assert told("click_to_wire_seconds_count", lane="urgent") == 0
    assert told("log_position") == AuditRecord.objects.count()


def test_the_queue_is_told_by_lane_with_the_age_of_its_oldest(firm):
    ask(firm, 3)
    told = scraped(after_s=40)
    assert told("queue_cancels", lane="urgent", status="queued") == 3
    assert told("queue_cancels", lane="bulk", status="queued") == 0
    assert 40 <= told("queue_oldest_seconds", lane="urgent") < 50
    Cancel.objects.update(is_urgent=False)
    assert scraped()("queue_cancels", lane="bulk", status="queued") == 3


def test_unresolved_cancels_are_told_by_age(firm):
    firm.paper.fault("/orders/cancel", "drop")
    ask_and_deliver(firm, firm.order())
    ages = ("0", "60", "600", "3600")
    for after_s, counts in ((0, [1, 0, 0, 0]), (61, [1, 1, 0, 0]), (4000, [1, 1, 1, 1])):
        told = scraped(after_s=after_s)
        assert [told("unresolved_cancels", older_than=age) for age in ages] == counts
        assert after_s <= told("unresolved_oldest_seconds") < after_s + 10


def test_a_cancel_is_counted_once_as_it_ends(firm):
    exposition = Exposition()
    scraped(exposition)
    cancel = ask_and_deliver(firm, firm.order())
    for _ in range(2):
        told = scraped(exposition)
        assert told("cancels_ended_total", outcome="cancelled") == 1
        assert told("answers_total", **{"class": "2xx"}) == 1
        assert told("records_total", event="request") == 1
        assert told("click_to_wire_seconds_count", lane="urgent") == 1
        assert told("wire_to_answer_seconds_count") == 1
    took_s = (cancel.first_sent_at - cancel.requested_at).total_seconds()
    assert took_s <= told("click_to_wire_seconds_sum", lane="urgent") < took_s + 5


def test_what_was_before_this_process_is_not_counted(firm):
    ask_and_deliver(firm, firm.order())
    assert scraped()("cancels_ended_total", outcome="cancelled") == 0


def test_a_person_who_stops_a_job_ends_its_cancels(firm):
    exposition = Exposition()
    scraped(exposition)
    ask(firm, 2)
    jobs.stop(user=firm.operator, actor=firm.actor(), job_id=CancelJob.objects.get().pk)
    assert scraped(exposition)("cancels_ended_total", outcome="stopped") == 2


@pytest.mark.parametrize(
    ("kind", "fault", "class_"),
    [("drop", {}, "none"), ("status", {"status": 503}, "5xx"), ("status", {"status": 429}, "429")],
)
def test_answers_are_told_by_class(firm, kind, fault, class_):
    exposition = Exposition()
    scraped(exposition)
    firm.paper.fault("/orders/cancel", kind, **fault)
    ask_and_deliver(firm, firm.order())
    assert scraped(exposition)("answers_total", **{"class": class_}) == 1


@pytest.mark.parametrize("is_between", [True, False], ids=["two scrapes", "one scrape"])
def test_a_cancel_that_is_sent_again_waited_for_the_wire_once(firm, is_between):
    exposition = Exposition()
    scraped(exposition)
    firm.paper.fault("/orders/cancel", "status", status=429)
    cancel = ask_and_deliver(firm, firm.order())
    assert cancel.status == "queued"
    if is_between:
        assert scraped(exposition)("click_to_wire_seconds_count", lane="urgent") == 1
    later = in_(120)
    worker.deliver_account(account_id=firm.account.pk, clock=lambda: later)
    told = scraped(exposition)
    assert told("click_to_wire_seconds_count", lane="urgent") == 1
    assert told("answers_total", **{"class": "2xx"}) == 1
    assert told("click_to_wire_seconds_sum", lane="urgent") < 60


def test_a_first_attempt_that_never_left_is_not_taken_for_the_wire(firm, monkeypatch):
    exposition = Exposition()
    scraped(exposition)
    with monkeypatch.context() as patched:
        patched.setattr("orders.exchange.client.STALE_AFTER", -1)
        assert ask_and_deliver(firm, firm.order()).status == "queued"
    assert scraped(exposition)("click_to_wire_seconds_count", lane="urgent") == 0
    later = in_(60)
    worker.deliver_account(account_id=firm.account.pk, clock=lambda: later)
    assert Cancel.objects.get().attempt == 2
    assert scraped(exposition)("click_to_wire_seconds_count", lane="urgent") == 1


def test_a_long_log_is_read_in_bounded_rounds_and_on_at_the_next_scrape(firm, monkeypatch):
    monkeypatch.setattr(log_tail, "AT_ONCE", 1)
    tail = log_tail.LogTail(clock=iter(range(0, 10_000)).__next__)
    tail.read()
    cancel = ask_and_deliver(firm, firm.order())
    for _ in range(10):
        tail.read()
    counted = tail.registry.get_sample_value
    name = "pacifica_desk_cancels_ended_total"
    assert counted(name, {"outcome": cancel.status}) == 1
    assert counted("pacifica_desk_records_total", {"event": "request"}) == 1


def test_an_older_database_put_back_is_counted_on_from_where_it_ends(firm):
    exposition = Exposition()
    exposition.tail._position = 10**9
    scraped(exposition)
    ask_and_deliver(firm, firm.order())
    assert scraped(exposition)("cancels_ended_total", outcome="cancelled") == 1


def test_panics_alerts_and_the_clock_are_told(firm):
    panic(firm)
    now = timezone.now()
    Alert.objects.raise_once(kind="clock", about="", desk_name="", said="x", now=now)
    Alert.objects.update(failures=2)
    ExchangeClock.objects.create(pk=1, offset_ms=-1500, measured_at=now)
    told = scraped(after_s=7)
    assert told("panic_lines", status="waiting") == PanicLine.objects.count() > 0
    assert 7 <= told("panic_waiting_seconds") < 15
    assert (told("alerts", kind="clock"), told("alerts_untold")) == (1, 1)
    assert told("clock_offset_seconds") == -1.5


def panic(firm):
    decision.record_panic(
        user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk, reason="x"
    )


def test_senders_tell_of_themselves(firm):
    process_figures.failed(ValueError("not the database's"))
    before = process_figures.figures()
    process_figures.failed(connection.Database.OperationalError())
    process_figures.failed(django_error())
    process_figures.broker_failed()
    sweep.beat("sweep", timezone.now())
    name = Sender.objects.get().name
    told = scraped()
    assert told("senders_alive", kind="sweep") == 1
    assert told("senders_alive", kind="worker") == 0
    assert told("sender_memory_bytes", sender=name) > 10 * 1024**2
    errors = before["database_errors"] + 1, before["broker_errors"] + 1
    counted = [told("sender_errors_total", sender=name, of=of) for of in ("database", "broker")]
    assert tuple(counted) == errors
    assert scraped(after_s=60)("senders_alive", kind="sweep") == 0


def django_error():
    from django.db import OperationalError

    return OperationalError()


def test_credits_and_the_age_of_what_is_known_are_told(firm):
    now = timezone.now()
    spent = json.dumps({str(int(now.timestamp())): ["90", "0"]})
    CreditPool.objects.create(name="of some main account", quota=300)
    CreditPool.objects.create(name="keyless", quota=100, spent=spent)
    Account.objects.update(synced_at=now)
    told = scraped(after_s=30)
    assert (told("credits_left", pool="keyless"), told("credits_quota", pool="keyless")) == (
        10,
        100,
    )
    assert told("credits_reserve", pool="keyed") == 60
    assert told("accounts", stream="off") == 2
    assert 30 <= told("open_orders_age_seconds") < 40


def test_records_under_no_checkpoint_are_told_with_their_age(firm):
    told = scraped(after_s=90)
    assert told("unsigned_records") == told("log_position")
    assert told("unsigned_seconds") >= 90


def test_a_database_that_fails_is_told_and_no_old_figure_with_it(committing_db, tmp_path, broker):
    exposition = Exposition()
    assert scraped(exposition)("log_position") is not None
    broker.append("OperationalError")
    elsewhere = "no_such_database"
    if connection.vendor == "sqlite":
        elsewhere = str(tmp_path / "empty.sqlite3")
    with connected_to(NAME=elsewhere):
        told = scraped(exposition)
    assert (told("database_up"), told("broker_up")) == (0, 0)
    assert told.names == {"info", "database_up", "broker_up", "scrape_seconds"}


def test_a_database_that_fails_half_way_leaves_no_half_of_the_figures(firm, monkeypatch):
    def half(now):
        yield plain("log_position", "Half.", 5)
        raise django_error()

    monkeypatch.setattr(exposition_module, "figures", half)
    monkeypatch.setattr(exposition_module.connection, "close", lambda: None)
    assert scraped().names == {"info", "database_up", "broker_up", "scrape_seconds"}


def test_no_label_holds_an_order_an_account_or_a_person(firm):
    exposition = Exposition()
    scraped(exposition)
    firm.paper.fault("/orders/batch", "drop")
    ask(firm, 3)
    worker.deliver_account(account_id=firm.account.pk)
    panic(firm)
    CreditPool.objects.create(name=firm.account.address, quota=300)
    sweep.beat("sweep", timezone.now())
    text = scraped(exposition).text.decode()
    values = set(re.findall(r'="([^"]*)"', text))
    cancels = Cancel.objects.values_list("order_id", "client_order_id", "pk")
    secret = {str(name) for row in cancels for name in row if name and name > 99}
    secret |= set(Account.objects.values_list("name", flat=True))
    secret |= set(Account.objects.values_list("address", flat=True))
    secret |= {"olivia", "hannah", "Momentum", "Basis"}
    assert not {word for word in secret if any(word in value for value in values)}


def test_a_scrape_asks_as_much_of_many_cancels_as_of_few(firm):
    def asked():
        exposition = Exposition()
        exposition.tail._position = 0
        with CaptureQueriesContext(connection) as context:
            scraped(exposition)
        return len(context)

    ask(firm, 2)
    few = asked()
    ask(firm, 15)
    ask(firm, 15)
    worker.deliver_account(account_id=firm.account.pk)
    assert asked() == few < 30


def test_every_figure_has_its_words(firm):
    for family in figures(timezone.now()):
        assert family.documentation.endswith(".")

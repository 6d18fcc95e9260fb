"""Row locks of ours and the log's one lock: no transaction may wait for the other's."""

import re
import threading
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orders.accounts import account_keys
from orders.audit import log
from orders.cancels import jobs, requests, unresolved
from orders.delivery import abandoned, expiry, packets, worker
from orders.lifecycle import reopen, transitions
from orders.management import sweep
from orders.models import AuditRecord, Cancel, CancelJob, CancelStatus, Event
from orders.models.cancels import LEASE
from orders.panic import claimed_lines, decision
from orders.panic import worker as panic_worker
from orders.reconcile import resolve
from orders.reconcile import sync as account_sync
from tests.helpers.claims import claim, tells
from tests.helpers.elsewhere import PATIENCE_S, elsewhere

ROOT = Path(__file__).parent.parent.parent
UNNAMED_BY_THE_LOG = {"orders/exchange/credits.py"}  # no record points at a pool


def ask(firm):
    orders = firm.orders(2)
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=[o.pk for o in orders])


def record_elsewhere():
    """Another sender records something about the account and its cancels, and commits."""
    rows = list(Cancel.objects.select_related("account__desk", "job__desk"))
    fact = log.Fact(
        event=Event.NO_ANSWER,
        account=rows[0].account,
        job=rows[0].job,
        lines=tuple(log.line_of(row) for row in rows),
    )
    try:
        log.record(fact)
    finally:
        connection.close()


def within(monkeypatch, owner, name):
    """While ``owner.name`` runs, in a transaction that holds its rows, another one records."""
    real, done = getattr(owner, name), []

    def meanwhile(*args, **options):
        other = threading.Thread(target=record_elsewhere, daemon=True)
        other.start()
        other.join(PATIENCE_S)
        done.append(not other.is_alive())
        return real(*args, **options)

    monkeypatch.setattr(owner, name, meanwhile)
    return done


def sync(firm):
    account_sync.sync_account(account_id=firm.account.pk)


def settle(firm):
    Cancel.objects.update(status=CancelStatus.UNKNOWN, next_check_at=timezone.now())
    resolve.settle_account(account_id=firm.account.pk)


def conclude(firm):
    chunk = claim(account_id=firm.account.pk, now=timezone.now())
    pairs, _ = worker.sign(chunk, timezone.now())
    transitions.conclude(packets.packed(pairs), timezone.now())


def end_a_panic(firm, act):
    """A sender ends the line of a panic, whose job's cancels another one concludes just then."""
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    (line,) = panic_worker.claim_lines(timezone.now())
    act(line)


def see_empty(firm):
    end_a_panic(firm, lambda line: claimed_lines.record_empty(line, [], ""))


def give_up(firm):
    end_a_panic(firm, lambda line: claimed_lines.leave_to_person(line, "The time is over."))


def recover(firm):
    claim(account_id=firm.account.pk, now=timezone.now())
    sweep.recover_abandoned(timezone.now() + LEASE * 2)


@pytest.mark.skipif(settings.IS_SQLITE, reason="SQLite has one writer at a time, and no row locks")
@pytest.mark.parametrize(
    ("act", "owner", "name"),
    [
        (sync, account_sync, "_write"),
        (settle, transitions, "write"),
        (conclude, transitions, "write"),
        (recover, transitions, "write"),
        (see_empty, transitions, "finish_jobs"),
        (give_up, transitions, "finish_jobs"),
    ],
    ids=["sync", "settle", "conclude", "recover", "see_empty", "give_up"],
)
def test_a_record_about_locked_rows_does_not_wait_for_them(
    committing_firm, monkeypatch, act, owner, name
):
    """It would wait with the log's lock in its hands, which the other needs to end: a deadlock."""
    ask(committing_firm)
    done = within(monkeypatch, owner, name)
    act(committing_firm)
    assert done == [True]


def contradict(firm):
    chunk = claim(account_id=firm.account.pk, now=timezone.now())
    Cancel.objects.update(status=CancelStatus.GONE, claim_token=None)
    reopen.answered_yes(cancels=chunk, now=timezone.now())


@pytest.mark.skipif(settings.IS_SQLITE, reason="SQLite has one writer at a time, and no row locks")
@pytest.mark.parametrize("act", [sync, settle, conclude, recover, contradict])
def test_cancels_and_orders_are_locked_in_one_order(firm, act):
    """Whoever waits for a lock waits for one who goes the same way: not for one who waits too."""
    ask(firm)
    with CaptureQueriesContext(connection) as queries:
        act(firm)
    locks = [one["sql"] for one in queries if "FOR NO KEY UPDATE" in one["sql"]]
    waiting = [sql for sql in locks if "SKIP LOCKED" not in sql and not sql.startswith(OF_ONE_ROW)]
    assert waiting
    assert [sql for sql in waiting if not BY_ID.search(sql)] == []


OF_ONE_ROW = 'SELECT "orders_account"'
BY_ID = re.compile(r'ORDER BY (1|"orders_\w+"."id") ASC FOR NO KEY')


@pytest.mark.skipif(settings.IS_SQLITE, reason="SQLite has one writer at a time, and no row locks")
def test_no_request_of_a_disabled_agent_wallet_follows_its_disabling(committing_firm, monkeypatch):
    firm = committing_firm
    ask(firm)
    about = {"user": firm.administrator, "actor": firm.actor(firm.administrator)}
    wallet, real, others = firm.account.agent_wallets.get(), log.append, []

    def disable():
        account_keys.disable_agent_wallet(wallet=wallet, **about)

    def append(*facts):
        if not others and tells(facts, Event.REQUEST):
            others.append(None)
            others[0] = elsewhere(disable, 0.5)
        return real(*facts)

    monkeypatch.setattr(log, "append", append)
    worker.deliver_account(account_id=firm.account.pk)
    others[0].join(PATIENCE_S)
    events = [Event.REQUEST, Event.AGENT_WALLET_DISABLED]
    told = AuditRecord.objects.filter(event__in=events).order_by("position")
    assert list(told.values_list("event", flat=True)) == events


@contextmanager
def before_the_update(act, wait_s):
    """Do it elsewhere when the block is about to update cancels, and see it end afterwards."""
    begun = []

    def look(execute, sql, *rest):
        if sql.startswith('UPDATE "orders_cancel" ') and not begun:
            begun.append(elsewhere(act, wait_s))
        return execute(sql, *rest)

    with connection.execute_wrapper(look):
        yield
    begun[0].join(PATIENCE_S)


@pytest.mark.skipif(settings.IS_SQLITE, reason="SQLite has one writer at a time, and no row locks")
def test_what_another_sender_is_claiming_is_passed_over_without_waiting(committing_firm):
    firm = committing_firm
    ask(firm)
    got = []
    with transaction.atomic():
        mine = claim(account_id=firm.account.pk, now=timezone.now(), limit=1)
        elsewhere(lambda: got.extend(claim(account_id=firm.account.pk, now=timezone.now())))
    assert [cancel.pk for cancel in mine + got] == sorted(
        Cancel.objects.values_list("pk", flat=True)
    )


def test_every_row_lock_leaves_the_row_free_to_be_pointed_at():
    """A record's foreign keys take a share of the rows they name: only a change of keys hurts."""
    locks = [
        (str(path.relative_to(ROOT)), options[:60])
        for path in ROOT.glob("orders/**/*.py")
        for options in path.read_text().split(".select_for_update(")[1:]
    ]
    assert len(locks) > 5
    bare = {path for path, options in locks if "no_key=True" not in options}
    assert bare == UNNAMED_BY_THE_LOG


@pytest.mark.skipif(settings.IS_SQLITE, reason="SQLite has one writer at a time, and no row locks")
def test_an_order_taken_by_a_click_while_its_job_is_resumed_is_skipped(committing_firm):
    firm = committing_firm
    ask(firm)
    order, job = firm.account.orders.first(), CancelJob.objects.get()
    about = {"user": firm.operator, "actor": firm.actor(), "job_id": job.pk}
    jobs.stop(**about)

    def click():
        one = {"user": firm.operator, "actor": firm.actor(), "order_ids": [order.pk]}
        requests.cancel_orders(**one)

    with before_the_update(click, PATIENCE_S):
        said = jobs.resume(**about)
    assert said == "Resumed: 1 waiting to be sent, 1 skipped: already being cancelled."


@pytest.mark.skipif(settings.IS_SQLITE, reason="SQLite has one writer at a time, and no row locks")
def test_a_stop_that_comes_while_a_question_is_sent_again_stops_that_too(committing_firm):
    firm = committing_firm
    ask(firm)
    job, moment = CancelJob.objects.get(), timezone.now()
    Cancel.objects.update(status=CancelStatus.UNKNOWN, next_check_at=moment)
    about = {"user": firm.operator, "actor": firm.actor()}
    ids = list(Cancel.objects.values_list("pk", flat=True))
    with before_the_update(lambda: jobs.stop(**about, job_id=job.pk), 0.3):
        unresolved.send_again(**about, cancel_ids=ids)
    assert set(Cancel.objects.values_list("status", flat=True)) == {CancelStatus.STOPPED}


@pytest.mark.skipif(settings.IS_SQLITE, reason="SQLite has one writer at a time, and no row locks")
def test_a_stop_while_cancels_expire_waits_for_them_and_they_do_not_wait_for_it(committing_firm):
    """One takes the job's row before those of its cancels; so must the other."""
    firm = committing_firm
    ask(firm)
    job, told = CancelJob.objects.get(), []
    Cancel.objects.update(requested_at=timezone.now() - timedelta(hours=1))
    about = {"user": firm.operator, "actor": firm.actor(), "job_id": job.pk}
    with before_the_update(lambda: told.append(jobs.stop(**about)), 0.3):
        expiry.expire_unsent(timezone.now())
    assert told[0].startswith("Nothing to stop")
    assert set(Cancel.objects.values_list("status", flat=True)) == {CancelStatus.EXPIRED}


@pytest.mark.skipif(settings.IS_SQLITE, reason="SQLite has one writer at a time, and no row locks")
def test_a_stop_while_cancels_are_refused_unsent_waits_for_them(committing_firm):
    firm = committing_firm
    ask(firm)
    job, told = CancelJob.objects.get(), []
    chunk = claim(account_id=firm.account.pk, now=timezone.now(), limit=1)
    about = {"user": firm.operator, "actor": firm.actor(), "job_id": job.pk}
    with before_the_update(lambda: told.append(jobs.stop(**about)), 0.3):
        transitions.refuse_unsent(chunk, "It has no agent wallet.", timezone.now())
    assert told == ["Stopped: 1 not sent, 0 still being followed to their end."]
    assert set(Cancel.objects.values_list("status", flat=True)) == {"refused", "stopped"}


@pytest.mark.skipif(settings.IS_SQLITE, reason="SQLite has one writer at a time, and no row locks")
def test_a_stop_while_a_dead_senders_cancels_are_taken_over_waits_for_that(committing_firm):
    firm = committing_firm
    ask(firm)
    job, told = CancelJob.objects.get(), []
    claim(account_id=firm.account.pk, now=timezone.now(), limit=1)
    about = {"user": firm.operator, "actor": firm.actor(), "job_id": job.pk}
    with before_the_update(lambda: told.append(jobs.stop(**about)), 0.3):
        abandoned.recover_abandoned(timezone.now() + LEASE * 2)
    assert told == ["Stopped: 2 not sent, 0 still being followed to their end."]
    assert set(Cancel.objects.values_list("status", flat=True)) == {"stopped"}

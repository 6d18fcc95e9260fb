"""Prepared queries: each says what its plain one says, whatever it is filled with."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from orders.access import (
    api_tokens,
    backends,
    bearers,
    permissions,
    second_factor,
    session_store,
    sessions,
)
from orders.accounts import wallet_check
from orders.admin import site_state
from orders.admin.guards import strip
from orders.admin.orders import cancel_cell
from orders.admin.push import watch as push_watch
from orders.admin.shared import filters, saved_views
from orders.audit import log, reader
from orders.cancels import cancel_rows, intake, live_cancels, requests
from orders.delivery import abandoned, claims, expiry, send_permission, worker
from orders.exchange import credits, markets
from orders.lifecycle import transitions
from orders.management import sweep
from orders.models import Account, Cancel, Membership, senders
from orders.models.prepared import ALL, SAMPLE_DAY, Prepared, PreparedUpdate, plan_all, prepare_all
from orders.operations.alerts import guard_matters, watch
from orders.operations.errands import background
from orders.operations.time_stamps import alarm
from orders.panic import worker as panic_worker
from orders.panic.guard import arming, latches, lookout, schedules
from orders.reconcile import filled_amounts
from orders.reconcile.stream import leases

USERS = (
    abandoned,
    alarm,
    api_tokens,
    arming,
    backends,
    background,
    bearers,
    cancel_cell,
    cancel_rows,
    claims,
    credits,
    expiry,
    filled_amounts,
    filters,
    guard_matters,
    intake,
    latches,
    leases,
    live_cancels,
    log,
    lookout,
    markets,
    panic_worker,
    permissions,
    push_watch,
    reader,
    requests,
    saved_views,
    schedules,
    second_factor,
    send_permission,
    senders,
    session_store,
    sessions,
    site_state,
    strip,
    sweep,
    transitions,
    wallet_check,
    watch,
    worker,
)  # what prepares them
QUERIES = [each for each in ALL if isinstance(each, Prepared)]
MOMENT = datetime(2026, 2, 3, 4, 5, 6, 789012, tzinfo=UTC)


def filled(prepared, number):
    """A value for each name of a prepared query."""
    values = {
        int: number,
        float: number / 7,
        datetime: MOMENT,
        str: f"{number:064}",
        UUID: UUID(int=number),
        set: {number, number + 1, 3},
    }
    return {name: values[type(pair[0])] for name, pair in prepared.samples.items()}


def test_there_are_some():
    assert len(ALL) >= len(USERS)


@pytest.mark.parametrize("prepared", ALL, ids=lambda each: "-".join(each.samples))
def test_a_prepared_query_asks_what_the_plain_one_asks(db, prepared):
    for number in (7, 2_000_000_000):
        values = filled(prepared, number)
        assert prepared.statement(**values) == prepared.plain(**values)


@pytest.mark.parametrize("prepared", QUERIES, ids=lambda each: "-".join(each.samples))
def test_a_prepared_query_finds_what_the_plain_one_finds(firm, prepared):
    for number in range(1, 5):
        values = filled(prepared, number)
        assert prepared(**values) == list(prepared.build(**values))


def test_what_was_found_once_is_looked_for_anew(firm):
    people = Prepared(lambda pk: User.objects.filter(pk=pk), pk=(1, 2))
    (before,) = people(pk=firm.operator.pk)
    User.objects.filter(pk=firm.operator.pk).update(is_active=False)
    (after,) = people(pk=firm.operator.pk)
    assert (before.is_active, after.is_active) == (True, False)


def test_each_thread_and_each_connection_has_its_own(committing_firm):
    people = Prepared(lambda pk: User.objects.filter(pk=pk), pk=(1, 2))
    found = []

    def ask(person):
        found.extend(people(pk=person.pk))
        connections.close_all()

    for person in (committing_firm.operator, committing_firm.auditor):
        thread = threading.Thread(target=ask, args=[person])
        thread.start()
        thread.join()
    assert found == [committing_firm.operator, committing_firm.auditor]
    assert people(pk=committing_firm.operator.pk)
    connection.close()
    assert people(pk=committing_firm.operator.pk)


def test_threads_at_once_share_what_was_compiled_and_nothing_else(committing_firm):
    built = []

    def build(pk):
        built.append(pk)
        return User.objects.filter(pk=pk)

    people, wrong = Prepared(build, pk=(1, 2)), []
    ALL.pop()
    people.prepare()
    everybody = list(User.objects.values_list("pk", flat=True))

    def ask(first):
        for number in range(100):
            pk = everybody[(first + number) % len(everybody)]
            wrong.extend(found for found in people(pk=pk) if found.pk != pk)
        connections.close_all()

    threads = [threading.Thread(target=ask, args=[first]) for first in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (wrong, built) == ([], [1, 2])


def test_a_process_that_starts_compiles_all(db, monkeypatch):
    for each in ALL:
        kept = "_compiled" if isinstance(each, Prepared) else "_fillings"
        monkeypatch.setattr(each, kept, {})
    prepare_all()
    for each in ALL:
        monkeypatch.setattr(each, "build", None)  # nothing is built any more
        assert each.prepare()


def test_a_thread_that_is_opened_early_only_plans(db):
    by_server = [each for each in ALL if getattr(each, "is_for_server", True)]
    with CaptureQueriesContext(connection) as queries:
        plan_all()
    verbs = [query["sql"].split()[0] for query in queries]
    planned = 0 if connection.vendor == "sqlite" else len(by_server)
    assert verbs == ["EXPLAIN"] * planned


def test_a_moment_may_be_moved_by_a_fixed_time(db):
    days = (SAMPLE_DAY, SAMPLE_DAY + timedelta(days=1))
    late = Prepared(
        lambda now: Cancel.objects.filter(sent_at__lt=now - timedelta(days=2)), now=days
    )
    assert late.statement(now=MOMENT) == late.plain(now=MOMENT)


def test_a_prepared_update_is_the_plain_one_and_says_how_many_rows(firm):
    def rename(of_desk, name):
        return Account.objects.filter(desk=of_desk, is_active=True), {"name": name}

    prepared = PreparedUpdate(rename, of_desk=(1, 2), name=("a", "b"))
    with CaptureQueriesContext(connection) as queries:
        accounts, columns = rename(firm.basis.pk, "Beta 1")
        accounts.update(**columns)
        assert prepared(of_desk=firm.basis.pk, name="Beta 1") == accounts.count()
        assert prepared(of_desk=0, name="Beta 1") == 0
    plain, same, *_ = (query["sql"] for query in queries)
    assert plain == same
    ALL.pop()


@pytest.mark.parametrize(
    "build",
    [
        lambda pk: Membership.objects.filter(pk=pk + 1),  # computed
        lambda pk: Membership.objects.all(),  # not asked about
        lambda pk: Membership.objects.all()[:pk],  # not a parameter
    ],
)
def test_what_cannot_be_filled_in_is_refused(db, build):
    with pytest.raises(TypeError):
        Prepared(build, pk=(1, 2))(pk=1)
    ALL.pop()

"""Connections: subscribed, kept alive, noticed when they end however they end, opened again."""

import itertools
import json
import threading
from dataclasses import replace

import pytest
from django.db import OperationalError
from django.utils import timezone

from orders.models import AccountStream
from orders.pacifica.stream_frames import SOURCES
from orders.reconcile.stream import leases
from tests.helpers.stream_server import until
from tests.reconcile.stream.conftest import QUICK, following, row, until_healthy, until_row, update

pytestmark = pytest.mark.once


@pytest.fixture
def account(committing_firm):
    committing_firm.foreign_account.is_active = False
    committing_firm.foreign_account.save()
    return committing_firm.account


def test_every_source_of_every_account_is_subscribed_and_the_stream_stands(server, account):
    with following() as process:
        found = until_healthy(account)
    (connection,) = server.connections
    subscribed = [message["params"] for message in connection.received if "params" in message]
    assert subscribed == [{"source": s, "account": account.address} for s in SOURCES]
    assert found.connected_at <= found.subscribed_at <= found.caught_up_at
    assert (found.trouble, found.reconnects, process.reads) == ("", 0, [account.pk])


def test_what_comes_is_written_in_order_word_for_word(server, account):
    frames = [json.dumps(update(account, number)) for number in range(50)]
    with following() as process:
        until_healthy(account)
        for frame in frames:
            server.connections[0].send(frame)
        until(lambda: len(process.applied) == 50)
        found = until_row(account, lambda found: found.frames_per_minute == 50)
    assert process.applied == [(account.pk, frame.encode()) for frame in frames]
    assert found.last_frame_at is not None


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1008, 1009, 1011, 1012, 1013, 4000, None])
def test_whatever_ends_a_connection_it_is_opened_again_and_read_again(server, account, code):
    with following() as process:
        until_healthy(account)
        server.connections[0].end(code)
        found = until_row(account, lambda found: found.reconnects == 1 and found.caught_up_at)
    assert len(server.connections) == 2
    assert len(process.reads) == 2
    assert found.trouble == ""


def test_while_it_is_lost_it_says_why_and_does_not_count(server, account):
    timings = replace(QUICK, first_pause_s=60, max_pause_s=60)
    with following(timings=timings):
        until_healthy(account)
        server.connections[0].end(1011)
        found = until_row(account, lambda found: found.trouble)
    assert found.trouble == "The exchange had an error (1011: in words)."
    assert (found.connected_at, found.subscribed_at, found.caught_up_at) == (None, None, None)
    assert found.healthy_at is not None


def test_a_mute_connection_is_noticed_without_a_close(server, account):
    with following():
        until_healthy(account)
        server.is_mute = True
        found = until_row(account, lambda found: found.trouble.startswith("Nothing came"))
        assert not found.caught_up_at
        server.is_mute = False
        until_row(account, lambda found: found.caught_up_at)


def test_pings_are_sent_while_nothing_else_is(server, account):
    with following():
        until_healthy(account)
        until(lambda: server.connections[0].received.count({"method": "ping"}) >= 3)
        assert len(server.connections) == 1


def test_an_exchange_that_is_not_there_is_asked_again_ever_more_rarely(server, account, settings):
    settings.PACIFICA_STREAM_URL = "ws://127.0.0.1:1/ws"
    with following():
        found = until_row(account, lambda found: found.trouble)
        assert found.trouble == "The connection was refused."


def test_a_storm_of_closes_is_bounded(server, account):
    timings = replace(QUICK, first_pause_s=0.1, max_pause_s=0.4)
    server.closes = [1000] * 6
    with following(timings=timings):
        until(lambda: len(server.connections) == 7)
    opened = [connection.opened_at for connection in server.connections]
    pauses = [later - earlier for earlier, later in itertools.pairwise(opened)]
    for pause, least in zip(pauses, [0.05, 0.1, 0.2, 0.2, 0.2, 0.2], strict=True):
        assert pause >= least


@pytest.mark.parametrize("source", SOURCES)
def test_a_subscription_that_is_not_acknowledged_is_an_error_of_the_account(
    server, account, source
):
    server.refuses = {source}
    with following() as process:
        found = until_row(account, lambda found: found.trouble)
        assert found.trouble == f"Not acknowledged by the exchange: {source}."
        assert not found.caught_up_at
        assert not process.reads
        server.refuses = set()
        found = until_row(account, lambda found: found.caught_up_at)
    assert found.trouble == ""
    assert len(server.connections) == 1


def test_a_frame_that_cannot_be_read_means_a_read_of_the_open_orders(server, account):
    with following() as process:
        until_healthy(account)
        server.connections[0].send("{")
        until(lambda: len(process.reads) == 2)
        until_row(account, lambda found: found.caught_up_at)


def test_a_row_that_names_no_account_means_a_read_too(server, account):
    with following() as process:
        until_healthy(account)
        server.connections[0].send(update(account, u=None))
        until(lambda: len(process.reads) == 2)


def test_changes_of_other_accounts_and_error_frames_are_harmless(server, account):
    with following() as process:
        until_healthy(account)
        server.connections[0].send({"code": 400, "err": "no such method"})
        server.connections[0].send(update(account, u="So11111111111111111111111111111111111111112"))
        server.connections[0].send(update(account))
        until(lambda: process.applied)
        assert len(process.applied) == len(process.reads) == 1


def test_an_old_connection_is_replaced_before_it_is_closed_and_nothing_is_missed(server, account):
    with following(timings=replace(QUICK, life_s=0.6)) as process:
        until_healthy(account)
        until(lambda: len(server.connections) >= 3 and not server.connections[1].is_open)
        found = row(account)
    first, second = server.connections[:2]
    assert second.opened_at < first.closed_at
    assert (found.reconnects, len(process.reads)) == (0, 1)


def test_an_old_connection_goes_on_where_no_new_one_can_be_had(server, account):
    with following(timings=replace(QUICK, life_s=0.6)) as process:
        until_healthy(account)
        server.closes = [1013, 1013]
        until(lambda: len(server.connections) >= 4)
        found = row(account)
    assert (found.reconnects, len(process.reads)) == (0, 1)


def test_no_connection_takes_over_that_is_not_acknowledged_everything(server, account):
    server.refuses_after_first = {SOURCES[1]}
    with following(timings=replace(QUICK, life_s=0.6)) as process:
        until_healthy(account)
        until(lambda: len(server.connections) >= 3)
        found = row(account)
        assert server.connections[0].is_open
        assert (found.trouble, found.reconnects, len(process.reads)) == ("", 0, 1)
        server.refuses_after_first = set()
        until(lambda: not server.connections[0].is_open)
    assert len(process.reads) == 1


def test_a_database_that_cannot_be_reached_is_told_once_and_all_goes_on(
    server, account, monkeypatch, caplog
):
    real, failures = leases.renew, []

    def renew(**about):
        if len(failures) < 5:
            failures.append(1)
            raise OperationalError
        real(**about)

    monkeypatch.setattr(leases, "renew", renew)
    with following():
        until_healthy(account)
    assert caplog.text.count("leases could not be renewed (OperationalError)") == 1
    assert caplog.text.count("leases are renewed again") == 1


def test_a_read_that_fails_leaves_it_catching_up_until_one_does_not(server, account):
    problem, answers = "no credits are left", []

    def read(account_id):
        answers.append(problem)
        return problem

    with following(read=read):
        found = until_row(account, lambda found: found.trouble)
        assert (found.trouble, found.caught_up_at) == ("no credits are left", None)
        until(lambda: len(answers) > 1)
        problem = None
        until_row(account, lambda found: found.caught_up_at and not found.trouble)
    assert answers.count(None) == 1


def test_what_comes_during_a_read_is_written_and_counts_afterwards(server, account):
    may_end = threading.Event()

    def read(account_id):
        may_end.wait(20)

    with following(read=read) as process:
        until_row(account, lambda found: found.subscribed_at)
        server.connections[0].send(update(account))
        until(lambda: process.applied)
        assert not row(account).caught_up_at
        may_end.set()
        until_row(account, lambda found: found.caught_up_at)


def test_the_stream_does_not_count_while_a_change_waits_for_long_to_be_written(server, account):
    may_end = threading.Event()

    def apply(account_id, frames):
        may_end.wait(20)

    with following(apply=apply) as process:
        until_healthy(account)
        server.connections[0].send(update(account))
        last = until_row(account, lambda found: found.last_frame_at).last_frame_at
        found = until_row(account, lambda found: not found.caught_up_at)
        assert found.trouble == "Changes wait to be written."
        assert not found.is_healthy(timezone.now())
        assert found.healthy_at <= last
        may_end.set()
        found = until_row(account, lambda found: found.healthy_at > last)
    assert found.caught_up_at
    assert not found.trouble
    assert len(process.reads) == 1  # nothing was missed


def test_a_change_that_is_written_at_once_leaves_the_stream_as_it_is(server, account):
    with following(timings=replace(QUICK, behind_after_s=60)) as process:
        caught_up_at = until_healthy(account).caught_up_at
        server.connections[0].send(update(account))
        until(lambda: process.applied)
        until_row(account, lambda found: found.last_frame_at)
        assert row(account).caught_up_at == caught_up_at


def test_frames_that_cannot_be_written_are_tried_again_and_then_read_instead(server, account):
    tries = []

    def apply(account_id, frames):
        tries.append(len(frames))
        raise OSError

    with following(apply=apply) as process:
        until_healthy(account)
        server.connections[0].send(update(account))
        until(lambda: len(process.reads) == 2)
    assert tries == [1] * QUICK.apply_tries


def test_the_handshake_follows_no_redirect_and_no_proxy_of_the_environment(
    server, account, monkeypatch
):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    with following():
        until_healthy(account)
    assert "PF-API-KEY" not in server.connections[0].headers


class Hold:
    """Whether nothing may be read; ``looks``: how often somebody asked while it was so."""

    def __init__(self):
        self.is_on, self.looks = False, 0

    def __call__(self):
        self.looks += self.is_on
        return self.is_on

    def begin(self):
        self.is_on, self.looks = True, 0

    def outlast(self, seconds):
        """Wait until it was looked at for so long."""
        until(lambda: self.looks * QUICK.look_again_s > seconds)


def test_while_a_panic_is_given_way_to_nothing_is_read_and_nothing_is_lost(server, account):
    hold, timings = Hold(), replace(QUICK, ping_every_s=0.05, pong_within_s=0.4)
    frames = [json.dumps(update(account, number)) for number in range(50)]
    with following(timings=timings, is_held=hold) as process:
        until_healthy(account)
        hold.begin()
        until(lambda: hold.looks)
        held_at = timezone.now()
        for frame in frames:
            server.connections[0].send(frame)
        hold.outlast(0.7)
        assert process.applied == []
        assert row(account).healthy_at <= held_at  # nobody claims to know more
        hold.is_on = False
        until(lambda: len(process.applied) == 50)
    assert process.applied == [(account.pk, frame.encode()) for frame in frames]
    assert len(server.connections) == 1
    assert len(process.reads) == 1


def test_panics_without_end_do_not_keep_the_stream_from_being_read(server, account):
    hold = Hold()
    with following(timings=replace(QUICK, held_s=0.1), is_held=hold) as process:
        until_healthy(account)
        hold.begin()
        until(lambda: hold.looks)
        for number in range(3):
            server.connections[0].send(update(account, number))
        until(lambda: len(process.applied) == 3)
    assert hold.is_on


def test_acknowledgements_are_read_all_the_same(server, account):
    hold = Hold()
    hold.begin()
    with following(is_held=hold):
        until_row(account, lambda found: found.subscribed_at)
        until(lambda: hold.looks)


def test_an_account_that_is_switched_off_is_left(server, account):
    with following():
        until_healthy(account)
        type(account).objects.update(is_active=False)
        until(lambda: not server.connections[0].is_open)
        found = until_row(account, lambda found: not found.token)
    assert not found.connected_at
    assert AccountStream.objects.count() == 1

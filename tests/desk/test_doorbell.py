"""Doorbells: who waits is told at once, and a lost ring costs half a second at most."""

import threading
import time
from pathlib import Path

import pytest
from kombu import Connection

import desk.celery  # noqa: F401  (names the transport)
from desk import doorbell

LONG_S = 20


@pytest.fixture
def bell(tmp_path):
    bell = doorbell.Doorbell(tmp_path)
    yield bell
    bell.close()


def waited_s(bell, seconds=LONG_S):
    began = time.monotonic()
    bell.wait(seconds)
    return time.monotonic() - began


def test_a_ring_ends_the_wait(tmp_path, bell):
    threading.Timer(0.05, doorbell.ring, [tmp_path]).start()
    assert waited_s(bell) < LONG_S / 2


def test_a_ring_before_the_wait_is_heard_unless_it_was_silenced(tmp_path, bell):
    doorbell.ring(tmp_path)
    assert waited_s(bell) < LONG_S / 2
    doorbell.ring(tmp_path)
    bell.silence()
    assert waited_s(bell, 0.05) >= 0.05


def test_every_bell_of_the_folder_rings_however_often(tmp_path, bell):
    other = doorbell.Doorbell(tmp_path)
    for _ in range(2000):  # more than the socket holds: nobody waits for it
        doorbell.ring(tmp_path)
    assert waited_s(bell) < LONG_S / 2
    assert waited_s(other) < LONG_S / 2
    other.close()


def test_the_bell_of_a_process_that_died_is_taken_away(tmp_path, bell):
    bell._socket.close()  # as the kernel does then; its name stays
    bell._socket = None
    doorbell.ring(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_ring_raises_nothing(tmp_path, bell, monkeypatch):
    def none_left(*given):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(doorbell.socket, "socket", none_left)
    doorbell.ring(tmp_path)
    monkeypatch.setattr(Path, "glob", none_left)
    doorbell.ring(tmp_path)


def test_a_dead_bell_that_may_not_be_taken_away_stays(tmp_path, bell, monkeypatch):
    bell._socket.close()

    def denied(*given, **about):
        raise PermissionError

    monkeypatch.setattr(Path, "unlink", denied)
    doorbell.ring(tmp_path)
    monkeypatch.undo()
    bell._socket = None


def test_where_no_socket_can_be_made_the_wait_is_short(tmp_path):
    folder = tmp_path / ("far" * 40)
    folder.mkdir()
    bell = doorbell.Doorbell(folder)
    assert waited_s(bell) < LONG_S / 2
    bell.close()


@pytest.fixture
def consumer(tmp_path):
    """A worker's side: takes one message at a time, and the list of what it has taken."""
    options = {"folder": str(tmp_path)}
    with Connection("embedded://", transport_options=options) as connection:
        queue, taken = connection.SimpleQueue("urgent"), []
        queue.consumer.qos(prefetch_count=1)
        queue.consumer.callbacks = [lambda body, message: taken.append(message)]
        queue.consumer.consume()
        yield connection, taken


def put(folder):
    with Connection("embedded://", transport_options={"folder": str(folder)}) as connection:
        connection.SimpleQueue("urgent").put({})


def test_a_message_wakes_who_waits_for_it(tmp_path, consumer, monkeypatch):
    connection, taken = consumer
    monkeypatch.setattr("desk.embedded_broker.MAX_WAIT_S", LONG_S)
    threading.Timer(0.05, put, [tmp_path]).start()
    began = time.monotonic()
    connection.drain_events(timeout=LONG_S)
    assert len(taken) == 1
    assert time.monotonic() - began < LONG_S / 2


def test_room_for_the_next_message_wakes_who_waits(tmp_path, consumer, monkeypatch):
    connection, taken = consumer
    put(tmp_path)
    put(tmp_path)
    connection.drain_events(timeout=LONG_S)
    monkeypatch.setattr("desk.embedded_broker.MAX_WAIT_S", LONG_S)
    threading.Timer(0.05, taken[0].ack).start()  # in the thread of the task that is done
    began = time.monotonic()
    connection.drain_events(timeout=LONG_S)
    assert len(taken) == 2
    assert time.monotonic() - began < LONG_S / 2


def test_a_lost_ring_costs_half_a_second_at_most(tmp_path, consumer, monkeypatch):
    connection, taken = consumer
    monkeypatch.setattr(doorbell, "ring", lambda folder: None)
    put(tmp_path)
    (path,) = tmp_path.glob("*.msg")
    path.rename(tmp_path / "aside")
    threading.Timer(0.05, (tmp_path / "aside").rename, [path]).start()
    began = time.monotonic()
    connection.drain_events(timeout=LONG_S)
    assert len(taken) == 1
    assert time.monotonic() - began < LONG_S / 2


def test_nobody_rings_any_more_where_a_worker_has_ended(tmp_path, consumer):
    connection, _ = consumer
    with pytest.raises(TimeoutError):  # so its worker looks whether to stop, and comes again
        connection.drain_events(timeout=0)
    assert list(tmp_path.glob("*.bell"))
    connection.close()
    assert not list(tmp_path.glob("*.bell"))

"""The embedded broker: whole messages, each taken once, none lost."""

import multiprocessing
from queue import Empty

import pytest
from kombu import Connection

import desk.celery  # noqa: F401  (names the transport)

MESSAGES, WRITERS, READERS = 500, 2, 2
PATIENCE_S = 60


def channel(folder):
    options = {"folder": str(folder), "polling_interval": 0.01}
    return Connection("embedded://", transport_options=options).channel()


def write(folder, writer, size=MESSAGES):
    out = channel(folder)
    for number in range(size):
        out._put("urgent", {"writer": writer, "number": number, "filler": "x" * 3000})


def read(folder, found, written):
    """Take messages until the writers are done and nothing is left; hand over what was read."""
    into, mine = channel(folder), []
    while True:
        was_written = written.is_set()
        try:
            message = into._get("urgent")
            assert len(message["filler"]) == 3000
            mine.append((message["writer"], message["number"]))
        except Empty:
            if was_written:
                return found.put(mine)


def test_several_writers_and_readers_lose_nothing_and_take_each_message_once(tmp_path):
    fork = multiprocessing.get_context("fork")
    found, written = fork.Queue(), fork.Event()
    readers = [fork.Process(target=read, args=(tmp_path, found, written)) for _ in range(READERS)]
    writers = [fork.Process(target=write, args=(tmp_path, number)) for number in range(WRITERS)]
    for process in readers + writers:
        process.start()
    for process in writers:
        process.join(PATIENCE_S)
    written.set()
    taken = [one for _ in readers for one in found.get(timeout=PATIENCE_S)]
    assert [process.exitcode for process in writers] == [0] * WRITERS
    assert len(taken) == len(set(taken)) == WRITERS * MESSAGES
    assert list(tmp_path.iterdir()) == []


def test_a_message_on_its_way_is_not_seen(tmp_path, monkeypatch):
    out, into = channel(tmp_path), channel(tmp_path)
    monkeypatch.setattr("pathlib.Path.rename", lambda *_: None)  # the writer stops right before it
    out._put("urgent", {"number": 1})
    assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
    assert into._size("urgent") == 0
    with pytest.raises(Empty):
        into._get("urgent")


def test_messages_come_in_the_order_they_were_written(tmp_path):
    write(tmp_path, 1, size=20)
    into = channel(tmp_path)
    assert [into._get("urgent")["number"] for _ in range(20)] == list(range(20))


def test_a_queue_gives_only_its_own_messages(tmp_path):
    out = channel(tmp_path)
    out._put("bulk", {"number": 1})
    with pytest.raises(Empty):
        out._get("urgent")
    assert (out._size("bulk"), out._purge("bulk"), out._size("bulk")) == (1, 1, 0)


def test_the_folder_is_made_and_closed_to_others(tmp_path):
    folder = tmp_path / "data" / "broker"
    channel(folder)._put("urgent", {})
    assert folder.stat().st_mode & 0o077 == 0

"""The embedded broker: whole messages, each taken once, none lost."""

import json
import multiprocessing
import os
import stat
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

import desk.celery  # noqa: F401  (names the transport)

MESSAGES, WRITERS, READERS = 500, 2, 2
PATIENCE_S = 120


def channel(folder):
    options = {"folder": str(folder)}
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


def dropped(folder, name):
    return folder / f"0000_{name}.urgent.msg"  # older than any other: it comes first


POISON = {
    "no JSON": b"{'a': 1}",
    "nothing": b"",
    "the half of one": b'{"body": "W1',
    "zeros after a power cut": b"\0" * 300,
    "no text": b"\xff\xfe\x00",
    "no object": b"[1, 2]",
    "null": b"null",
    "a foreign type": b'{"a": {"__type__": "uuid", "__value__": "hush"}}',
    "much too deep": b"[" * 100_000,
    "no properties": b'{"body": "hush"}',
    "a torn body": json.dumps(
        {
            "body": "husha",
            "properties": {
                "delivery_tag": "1",
                "body_encoding": "base64",
                "delivery_info": {"exchange": "", "routing_key": "urgent"},
            },
        }
    ).encode(),
}


def delivered(folder):
    """The first message that a consumer gets, as a worker does."""
    found = []
    options = {"folder": str(folder)}
    with Connection("embedded://", transport_options=options) as connection:
        queue = connection.SimpleQueue("urgent")
        queue.put({"number": 1})
        queue.consumer.callbacks = [lambda body, message: found.append(body) or message.ack()]
        queue.consumer.consume()
        while not found:
            connection.drain_events(timeout=10)
    return found


@pytest.mark.parametrize("content", POISON.values(), ids=POISON)
def test_what_is_no_message_is_moved_aside_and_the_next_one_taken(tmp_path, content, caplog):
    dropped(tmp_path, "poison").write_bytes(content)
    assert delivered(tmp_path) == [{"number": 1}]
    (aside,) = (tmp_path / "unreadable").iterdir()
    assert ".urgent." in aside.name
    assert [path.name for path in tmp_path.iterdir()] == ["unreadable"]
    assert "is passed over" in caplog.text
    assert "hush" not in caplog.text


def test_a_folder_a_pipe_and_a_link_to_nowhere_are_moved_aside(tmp_path):
    dropped(tmp_path, "folder").mkdir()
    os.mkfifo(dropped(tmp_path, "pipe"))
    dropped(tmp_path, "link").symlink_to(tmp_path / "gone")
    assert delivered(tmp_path) == [{"number": 1}]
    assert len(list((tmp_path / "unreadable").iterdir())) == 3


def test_what_can_be_neither_read_nor_moved_is_passed_over(tmp_path, monkeypatch):
    rename = Path.rename

    def refusing(path, target):
        if "poison" in path.name:
            raise PermissionError(1, "Operation not permitted")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refusing)
    dropped(tmp_path, "poison").write_bytes(b"")
    assert delivered(tmp_path) == [{"number": 1}]
    assert dropped(tmp_path, "poison").exists()


def test_a_folder_among_the_messages_does_not_stop_a_purge(tmp_path):
    out = channel(tmp_path)
    out._put("urgent", {})
    dropped(tmp_path, "folder").mkdir()
    assert out._purge("urgent") == 2
    assert out._size("urgent") == 0


def test_a_message_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    steps = []
    monkeypatch.setattr(os, "fsync", lambda handle: steps.append("on disk"))
    monkeypatch.setattr("pathlib.Path.rename", lambda *_: steps.append("named"))
    channel(tmp_path)._put("urgent", {"number": 1})
    assert steps == ["on disk", "named"]


def test_no_umask_opens_a_message_to_others(tmp_path):
    usual = os.umask(0)
    try:
        channel(tmp_path / "broker")._put("urgent", {})
    finally:
        os.umask(usual)
    (message,) = (tmp_path / "broker").iterdir()
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "broker", message)]
    assert modes == [0o700, 0o600]


def test_a_message_over_which_its_consumer_stumbles_is_passed_over_for_good(tmp_path):
    options = {"folder": str(tmp_path)}
    with Connection("embedded://", transport_options=options) as connection:
        queue, found = connection.SimpleQueue("urgent"), []
        queue.put({})
        queue.put({"id": 1})

        def take(body, message):
            found.append(body["id"])
            message.ack()

        queue.consumer.callbacks = [take]
        queue.consumer.consume()
        while not found:
            connection.drain_events(timeout=10)
    assert found == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["unreadable"]

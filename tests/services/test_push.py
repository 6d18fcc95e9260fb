"""The push process as it is started: a real stream over a real socket, ended by a signal."""

import re
import signal
import socket
import time

import pytest
import requests
from django.conf import settings

from orders.audit import log
from orders.models import Event
from tests.helpers.screens import signed_in
from tests.services.test_web_without_keys import process, public_half
from tests.services.test_worker import until

pytestmark = pytest.mark.services
ENDS_WITHIN_S = 3


@pytest.fixture
def push(committing_firm, paper, tmp_path):
    """The process and the address of its stream."""
    output = tmp_path / "push"
    keys = {"AGENT_KEY_SEALING_KEY": public_half(), "PYTHONUNBUFFERED": "1"}
    with process(paper, output, "manage.py", "push", "--port", "0", **keys) as running:
        until(lambda: "Pages follow" in output.read_text())
        port = re.search(r"port (\d+)", output.read_text())[1]
        assert answers(int(port)), "It names its port before it takes connections."
        yield running, f"http://127.0.0.1:{port}/events"


def answers(port):
    """Whether it takes connections."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def followed(address, user):
    """The answer to a browser of this person's, not read yet."""
    key = signed_in(user).cookies[settings.SESSION_COOKIE_NAME].value
    cookies = {settings.SESSION_COOKIE_NAME: key}
    return requests.get(address, cookies=cookies, stream=True, timeout=10)


def line_with(lines, word):
    return next(line for line in lines if line.startswith(word))


def test_a_change_comes_over_the_wire_and_a_signal_ends_it_within_seconds(committing_firm, push):
    running, address = push
    with followed(address, committing_firm.operator) as answer:
        assert answer.headers["Content-Encoding"] == "identity"
        lines = answer.iter_lines(decode_unicode=True)
        assert line_with(lines, "event") == "event: hello"
        position = log.record(log.Fact(Event.SYNC, account=committing_firm.account))[0]
        assert line_with(lines, "id") == f"id: {position}"
        assert line_with(lines, "event") == "event: change"
        began = time.monotonic()
        running.send_signal(signal.SIGTERM)
        assert line_with(lines, "event") == "event: end"
        assert running.wait(ENDS_WITHIN_S) == 0
        assert time.monotonic() - began < ENDS_WITHIN_S


def test_a_signal_ends_it_though_a_client_takes_nothing(committing_firm, push):
    running, address = push
    host, port = address.split("/")[2].split(":")
    key = signed_in(committing_firm.operator).cookies[settings.SESSION_COOKIE_NAME].value
    with socket.create_connection((host, int(port))) as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        cookie = f"{settings.SESSION_COOKIE_NAME}={key}"
        silent.sendall(f"GET /events HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n".encode())
        with socket.create_connection((host, int(port))) as slow:
            slow.sendall(b"GET /events HTTP/1.1\r\nHost: x")  # and never the rest
            silent.recv(10)
            running.send_signal(signal.SIGTERM)
            assert running.wait(ENDS_WITHIN_S) == 0

"""The metrics' own port: one address, one question at a time, on this machine unless told."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest
from django.conf import settings

from orders.operations.monitoring import server as metrics_server
from orders.operations.monitoring.exposition import Exposition
from tests.helpers.stack import ROOT


@pytest.fixture
def port(monkeypatch):
    monkeypatch.setattr(Exposition, "text", lambda self, now: b"figures 1\n")
    monkeypatch.setattr(metrics_server._Handler, "timeout", 0.2)
    monkeypatch.setattr(metrics_server, "close_old_connections", lambda: None)
    server = metrics_server.MetricsServer("127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server.port
    server.shutdown()
    server.server_close()


def asked(port, path="/metrics", method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, answer.headers.get_content_type(), body


def test_there_is_one_address_and_one_method(port):
    assert asked(port) == asked(port, "/metrics?x=1") == (200, "text/plain", b"figures 1\n")
    assert [asked(port, path)[0] for path in ("/", "/metrics/x", "/admin/")] == [404] * 3
    assert asked(port, method="POST")[0] == 501


def test_clients_that_say_nothing_are_let_go(port):
    mute = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
    assert asked(port)[0] == 200
    for each in mute:
        each.close()


def test_a_client_that_has_gone_harms_nobody(port):
    gone = socket.create_connection(("127.0.0.1", port))
    gone.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
    gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    gone.close()
    assert asked(port)[0] == 200


@pytest.mark.thorough
def test_the_command_serves_until_sigterm_even_without_its_database(tmp_path):
    environment = {name: os.environ[name] for name in ("PATH", "ENV_FILE", "SECRET_KEY")}
    environment |= {"DATA_DIR": str(tmp_path), "PACIFICA_NETWORK": settings.PACIFICA_NETWORK}
    command = [sys.executable, "manage.py", "metrics", "--port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        said = process.stdout.readline()
        status, _, body = asked(int(said.partition("port ")[2].partition(",")[0]))
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert status == 200
    assert b"pacifica_desk_database_up 0.0" in body

"""The client of docs/api.md does what the page says, taken from the page and run as a program."""

import os
import re
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection

from orders.api import waiting
from orders.delivery import worker
from orders.models import Cancel, CancelJob
from tests.helpers.screens import known_order
from tests.helpers.tokens import new_token

PAGE = Path(settings.BASE_DIR) / "docs" / "api.md"


class Server(ThreadingMixIn, WSGIServer):
    """A thread for each request, as the site has."""

    daemon_threads = True


class Quiet(WSGIRequestHandler):
    """Says nothing, and lets go of the request's connection to the database."""

    def log_message(self, *args):
        """Nothing."""

    def handle(self):
        try:
            super().handle()
        finally:
            connection.close()


@contextmanager
def site():
    """The site's address on this machine, while the block lasts."""
    server = make_server("127.0.0.1", 0, get_wsgi_application(), Server, Quiet)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def client() -> str:
    """The one program of the page."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return code


def run(address, secret, tmp_path):
    """What the program says, run as a process of its own."""
    file = tmp_path / "token"
    file.write_text(f"{secret}\n")
    about = {"DESK": address, "DESK_TOKEN_FILE": str(file), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-W", "error::ImportWarning", "-c", client()]
    return subprocess.run(command, env=about, capture_output=True, text=True, timeout=60)


def test_it_is_about_thirty_lines():
    assert len([line for line in client().splitlines() if line.strip()]) <= 34


def test_it_cancels_each_order_and_tells_what_was_proven(committing_firm, settings, tmp_path):
    firm, sender = committing_firm, threading.Event()
    settings.API_ACTS_PER_S = 100
    orders = firm.orders(2)
    firm.orders(1, symbol="ETH")
    secret = new_token(firm, "read", "cancel")[1]

    def send():
        while not sender.wait(0.02):
            worker.deliver_account(account_id=firm.account.pk)
        connection.close()

    thread = threading.Thread(target=send)
    thread.start()
    try:
        with site() as address:
            ended = run(address, secret, tmp_path)
    finally:
        sender.set()
        thread.join()
    assert ended.returncode == 0, ended.stderr
    said = [f"{each.order_id} 1 cancel recorded. {{'cancelled': 1}}" for each in orders]
    assert ended.stdout.splitlines() == said
    assert {job.token_name for job in CancelJob.objects.all()} == {"quoter-1"}
    assert Cancel.objects.count() == 2


def test_it_cancels_the_orders_of_every_page(committing_firm, settings, monkeypatch, tmp_path):
    settings.API_REQUESTS_PER_S = settings.API_ACTS_PER_S = 10_000
    monkeypatch.setattr(waiting, "is_over", lambda *_: False)
    for number in range(101):  # a page has a hundred
        known_order(committing_firm.account, 71_000_000_000 + number)
    secret = new_token(committing_firm, "read", "cancel")[1]
    with site() as address:
        ended = run(address, secret, tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert Cancel.objects.values("order_id").distinct().count() == 101


def test_it_says_why_it_was_refused(committing_firm, tmp_path):
    secret = new_token(committing_firm, "cancel")[1]
    with site() as address:
        ended = run(address, secret, tmp_path)
    assert "Not for this token: This token has not the right read." in ended.stderr
    assert secret not in ended.stderr + ended.stdout

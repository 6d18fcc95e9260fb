"""Starting, controlling, stopping and keeping the paper exchange."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from orders.pacifica import signing
from orders.pacifica.paper import state
from orders.pacifica.paper.accounts import Account
from orders.pacifica.paper.book import PaperOrder
from orders.pacifica.paper.exchange import PaperExchange
from orders.pacifica.paper.rules import FIELDS, BadRule, Rules, changed
from orders.pacifica.paper.strategies import Strategy
from tests.helpers.paper import Signatory, running_paper_exchange

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"not_found_kode": 6}, "There is no rule 'not_found_kode'"),
        ({"not_found_code": 7}, "takes one of 5, 6"),
        ({"error_body": "xml"}, "takes one of json"),
        ({"error_id": 1}, "cannot be a int"),
        ({"latency_ms": True}, "cannot be a bool"),
        ({"latency_ms": -1}, "cannot be negative"),
        ({"credit_window_s": 0}, "must be more than zero"),
    ],
)
def test_a_rule_that_cannot_be_changes_nothing(changes, sentence):
    with pytest.raises(BadRule, match=sentence):
        changed(Rules(), {"reject_replays": True} | changes)


def test_every_rule_takes_its_own_default():
    defaults = {name: getattr(Rules(), name) for name in FIELDS}
    assert changed(Rules(), defaults) == Rules()


def test_a_refused_rule_is_told_over_http_and_the_others_are_kept_back(paper_exchange):
    with pytest.raises(ValueError, match="400"):
        paper_exchange.rules(reject_replays=True, nonsense=1)
    assert paper_exchange.rules()["reject_replays"] is False


def test_a_reset_forgets_everything(paper_exchange):
    signatory = Signatory(paper_exchange, credits=10)
    paper_exchange.orders(signatory.address, 1)
    paper_exchange.rules(not_found_code=6)
    paper_exchange.fault("*", "drop")
    paper_exchange.fault("*", "stale_reads", for_ms=60_000)
    paper_exchange.reset()
    assert paper_exchange.truth() == {}
    assert paper_exchange.rules()["not_found_code"] == 5
    assert paper_exchange.faults() == []
    assert paper_exchange.ledger() == {"requests": [], "effects": [], "next": 1}
    assert signatory.get("/account").status_code == 404


def test_a_reset_may_name_the_accounts_to_go_on_with(paper_exchange):
    forgotten, kept = Signatory(paper_exchange), Signatory(paper_exchange)
    paper_exchange.reset(accounts=[(kept.address, [kept.agent_wallet])])
    assert kept.send(signing.list_agent_wallets()).status_code == 200
    assert kept.get("/account").status_code == 200
    assert forgotten.get("/account").status_code == 404


@pytest.mark.parametrize(
    ("door", "body"),
    [
        ("/orders", {"account": "nobody", "orders": []}),
        ("/fills", {"order_id": 5}),
        ("/closings", {"order_id": 5}),
        ("/accounts", {"address": "nobody"}),
        ("/accounts", {"name": "x"}),
        ("/orders", []),
        ("/nothing", {}),
    ],
)
def test_what_the_control_doors_cannot_do_they_say(paper_exchange, door, body):
    method = "PUT" if door == "/accounts" else "POST"
    url = paper_exchange.control_url + door
    answer = requests.request(method, url, json=body, timeout=5)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"].endswith(".")


@pytest.mark.parametrize(
    "fields",
    [{"colour": "red"}, {"price": "cheap"}, {"order_id": 7}, {"client_order_id": "c"}],
)
def test_an_order_that_cannot_be_is_not_placed(paper_exchange, fields):
    signatory = Signatory(paper_exchange)
    paper_exchange.orders(signatory.address, [{"order_id": 7, "client_order_id": "c"}])
    with pytest.raises(ValueError, match="400"):
        paper_exchange.orders(signatory.address, [fields])
    assert len(paper_exchange.truth()) == 1


def test_latency_is_added_to_answers(paper_exchange):
    paper_exchange.rules(latency_ms=40)
    started = time.monotonic()
    requests.get(paper_exchange.url + "/info", timeout=5)
    assert time.monotonic() - started >= 0.04


def test_a_client_that_dies_amid_its_request_is_no_error(paper_exchange, caplog):
    with socket.create_connection(("127.0.0.1", paper_exchange.port)) as dying:
        dying.sendall(
            b"POST /api/v1/orders/cancel HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"
        )
        time.sleep(0.1)  # for the exchange to wait for the rest
    time.sleep(0.1)
    assert paper_exchange.ledger()["requests"] == []
    assert caplog.records == []


def test_it_starts_and_stops_quickly():
    started = time.monotonic()
    with running_paper_exchange() as paper:
        assert requests.get(paper.url + "/info", timeout=5).status_code == 200
    assert time.monotonic() - started < 20


def test_it_stops_at_once_while_a_request_hangs_by_order():
    with running_paper_exchange() as paper:
        signatory = Signatory(paper)
        paper.fault("/orders", "late", delay_ms=60_000)
        with pytest.raises(requests.ReadTimeout):
            requests.get(paper.url + "/orders", params={"account": "x"}, timeout=0.03)
        started = time.monotonic()
    assert time.monotonic() - started < 30
    assert signatory.address


def filled_exchange():
    exchange = PaperExchange()
    address, agent = (
        "9C6hybhQ6Aycep9jaUnP6uL9ZYvDjUp1aSkFWPUFJtpj",
        "11111111111111111111111111111111",
    )
    exchange.accounts.put(Account(address, agents=[agent], credits=5))
    fields = {"symbol": "NEW", "side": "bid", "price": "1", "initial_amount": "2"}
    placed = [exchange.engine.place(PaperOrder(address, **fields)) for _ in range(3)]
    exchange.engine.fill(placed[0], amount="0.5")
    exchange.engine.cancel(placed[1])
    now = exchange.now_ms()
    exchange.strategies.add(Strategy("s", address, "NEW", created_at=now, updated_at=now))
    return exchange


def test_state_comes_back_as_it_was(tmp_path):
    before, after = filled_exchange(), PaperExchange()
    path = tmp_path / "deep" / "state.json"
    assert state.load(after, path) is False
    state.save(before, path)
    assert state.load(after, path) is True
    assert after.accounts.as_plain() == before.accounts.as_plain()
    assert after.book.as_plain() == before.book.as_plain()
    assert after.strategies.as_plain() == before.strategies.as_plain()
    assert {who: list(orders) for who, orders in after.book.open.items()} == {
        who: list(orders) for who, orders in before.book.open.items()
    }
    assert "NEW" in after.markets
    assert not list(path.parent.glob("*.new"))


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": 99}'])
def test_a_file_that_is_no_state_is_named_and_left_alone(tmp_path, text):
    path = tmp_path / "state.json"
    path.write_text(text)
    with pytest.raises(state.UnreadableState, match=r"state\.json"):
        state.load(PaperExchange(), path)
    assert path.read_text() == text


def started(tmp_path, *options):
    command = [sys.executable, "manage.py", "paper_exchange", "--port", "0", *options]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if "http://" in line:
            return process, line.split()[-1].removesuffix("/api/v1")
    raise AssertionError(process.communicate())


@pytest.mark.thorough
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_its_address_stops_cleanly_and_keeps_its_state(tmp_path, number):
    path = tmp_path / "state.json"
    process, address = started(tmp_path, "--state", str(path), "--latency-ms", "1")
    assert address.startswith("http://127.0.0.1:")
    account = {"address": "9C6hybhQ6Aycep9jaUnP6uL9ZYvDjUp1aSkFWPUFJtpj"}
    requests.put(address + "/_paper/accounts", json=account, timeout=5)
    assert requests.get(address + "/_paper/rules", timeout=5).json()["latency_ms"] == 1
    process.send_signal(number)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (0, "")
    assert out.endswith("Paper exchange stopped\n")
    kept = json.loads(path.read_text())["accounts"]
    assert [one["address"] for one in kept] == [account["address"]]


@pytest.mark.thorough
def test_a_taken_port_is_said_in_one_sentence(paper_exchange):
    command = [sys.executable, "manage.py", "paper_exchange", "--port", str(paper_exchange.port)]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1
    assert "Cannot run: " in done.stderr
    assert str(paper_exchange.port) in done.stderr
    assert "Traceback" not in done.stderr


def test_the_package_needs_no_django():
    code = "import sys, orders.pacifica.paper.background_server; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0

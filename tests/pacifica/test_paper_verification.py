"""The paper exchange lets a signed request act only if everything about it is right."""

import json
import time
from pathlib import Path

import pytest
from solders.keypair import Keypair

from orders.pacifica import signing
from orders.pacifica.paper.accounts import Account
from orders.pacifica.paper.exchange import PaperExchange
from orders.pacifica.paper.forms import FORMS
from orders.pacifica.paper.refusals import Refused
from orders.pacifica.paper.verification import verified
from tests.helpers.paper import Signatory

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
CLOID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


class ThenExchange(PaperExchange):
    """An exchange whose clock stands at the vectors' time."""

    def now_ms(self):
        return VECTORS["timestamp"] + 1000


@pytest.fixture
def signatory(paper_exchange):
    return Signatory(paper_exchange)


def cancel(order_id=1, symbol="BTC"):
    return signing.cancel_order(symbol=symbol, order_id=order_id)


def said(answer):
    return answer.status_code, answer.json()["error"]


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda one: one["name"])
@pytest.mark.parametrize("body", ["request_body", "agent_request_body"])
def test_every_known_good_request_is_verified(vector, body):
    exchange = ThenExchange()
    exchange.accounts.put(
        Account(VECTORS["main"]["pubkey_b58"], agents=[VECTORS["agent"]["pubkey_b58"]])
    )
    form = FORMS[vector["endpoint"].removeprefix("POST /api/v1")]
    assert verified(vector[body], form, exchange=exchange).payload == vector["payload"]


@pytest.mark.parametrize("wrong", VECTORS["must_refuse"], ids=lambda one: one["name"])
def test_a_signature_over_any_other_text_is_refused(signatory, wrong):
    body = json.loads(wrong["server_canonical_text"])
    now = str(int(time.time() * 1000))
    operation = signing.Operation(body["type"], "/orders/cancel", body["data"])
    answer = signatory.send(
        operation,
        timestamp=int(now),
        expiry_window=body["expiry_window"],
        signed_text=wrong["signed_text"].replace(str(VECTORS["timestamp"]), now),
    )
    assert said(answer)[0] == 400
    assert said(answer)[1].startswith("Verification failed")
    assert answer.json()["error_id"] == "signature_verification_failed"


def test_an_expired_request_is_refused_and_not_applied(signatory):
    (order_id,) = signatory.paper.orders(signatory.address, 1)
    old = int(time.time() * 1000) - 5100
    assert said(signatory.send(cancel(order_id), timestamp=old)) == (400, "Invalid message")
    assert signatory.open_ids() == [order_id]


def test_expiry_follows_the_exchanges_own_clock(signatory):
    (order_id,) = signatory.paper.orders(signatory.address, 1)
    signatory.paper.rules(clock_offset_ms=40_000)
    answer = signatory.send(cancel(order_id))
    assert said(answer) == (400, "Invalid message")


def test_an_agent_that_is_not_bound_is_refused(signatory):
    signatory.paper.account(signatory.address, agents=[])
    assert said(signatory.send(cancel())) == (400, "Agent not authorized for account")


def test_an_agent_of_another_account_is_refused(signatory):
    other = Signatory(signatory.paper)
    answer = signatory.send(cancel(), account=other.address)
    assert said(answer) == (400, "Agent not authorized for account")


def test_the_main_key_may_sign_for_its_own_account(signatory):
    (order_id,) = signatory.paper.orders(signatory.address, 1)
    assert signatory.send(cancel(order_id), by_agent=False).status_code == 200
    body = signatory.body(cancel(order_id), by_agent=False, agent_wallet=None)
    assert said(signatory.post("/orders/cancel", body)) == (422, "Failed to cancel order")


def test_beta_access_is_asked_of_the_signer_not_the_account(signatory):
    (order_id,) = signatory.paper.orders(signatory.address, 1)
    signatory.paper.rules(beta_required=[signatory.agent_wallet])
    answer = signatory.send(cancel(order_id))
    assert answer.status_code == 403
    assert answer.json()["error"].startswith("Beta access required")
    assert signatory.send(cancel(order_id), by_agent=False).status_code == 200


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"signature": "abc"}, "Invalid signature"),
        ({"signature": "0OIl" * 22}, "Invalid signature"),
        ({"account": "tooshort"}, "Invalid public key"),
        ({"account": "é" * 43}, "Invalid public key"),
        ({"agent_wallet": "tooshort"}, "Invalid public key"),
        ({"order_id": "1"}, "Invalid parameters"),
        ({"order_id": 1.0}, "Invalid parameters"),
        ({"order_id": True}, "Invalid parameters"),
        ({"order_id": -1}, "Invalid parameters"),
        ({"order_id": 2**64}, "Invalid parameters"),
        ({"order_id": None}, "Invalid parameters"),
        ({"client_order_id": CLOID}, "Invalid parameters"),
        ({"symbol": None}, "Invalid parameters"),
        ({"symbol": 7}, "Invalid parameters"),
        ({"timestamp": "1"}, "Invalid parameters"),
        ({"expiry_window": "5000"}, "Invalid parameters"),
        ({"signature": None}, "Invalid parameters"),
        ({"account": None}, "Invalid parameters"),
        ({"symbol": "\ud800"}, "Invalid message"),
    ],
)
def test_a_body_of_the_wrong_shape_is_refused(signatory, changes, text):
    body = signatory.body(cancel()) | changes
    assert said(signatory.post("/orders/cancel", json.dumps(body).encode())) == (400, text)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"order_id":NaN}',
        b"[" * 4000,
        b'{"order_id":' + b"9" * 4000 + b"}",
    ],
)
def test_a_body_that_is_no_json_object_is_refused(signatory, raw):
    assert said(signatory.post("/orders/cancel", raw)) == (400, "Invalid parameters")


def test_a_number_that_json_does_not_know_spoils_the_whole_body(signatory):
    (order_id,) = signatory.paper.orders(signatory.address, 1)
    raw = signing.body_bytes(signatory.body(cancel(order_id)))[:-1] + b',"note":NaN}'
    assert said(signatory.post("/orders/cancel", raw)) == (400, "Invalid parameters")
    assert signatory.open_ids() == [order_id]


def test_unsigned_fields_that_the_route_does_not_know_are_ignored(signatory):
    (order_id,) = signatory.paper.orders(signatory.address, 1)
    assert signatory.send(cancel(order_id), note="hello").status_code == 200


def test_a_future_timestamp_is_refused_only_by_rule(signatory):
    ahead = int(time.time() * 1000) + 60_000
    assert signatory.send(cancel(), timestamp=ahead).status_code == 422
    signatory.paper.rules(future_tolerance_ms=1000)
    assert said(signatory.send(cancel(), timestamp=ahead)) == (400, "Invalid message")


def test_a_replay_is_taken_by_default_and_refused_by_rule(signatory):
    body = signatory.body(signing.list_agent_wallets())
    assert [signatory.post("/agent/list", body).status_code for _ in range(2)] == [200, 200]
    signatory.paper.rules(reject_replays=True)
    assert [signatory.post("/agent/list", body).status_code for _ in range(2)] == [200, 400]


def test_an_account_nobody_opened_is_told_so(paper_exchange):
    stranger = Signatory(paper_exchange)
    paper_exchange.reset()
    answer = stranger.send(cancel(), by_agent=False)
    assert said(answer) == (422, f"Account not found: {stranger.address}")
    assert answer.json()["code"] == 1


def test_only_the_main_key_binds_an_agent_wallet(signatory):
    new = str(Keypair().pubkey())
    bind = signing.Operation("bind_agent_wallet", "/agent/bind", {"agent_wallet": new})
    body = signatory.body(bind, by_agent=True, agent_wallet=new)
    assert signatory.post("/agent/bind", body).status_code == 400
    assert signatory.send(bind, by_agent=False).status_code == 200
    listed = signatory.send(signing.list_agent_wallets()).json()["data"]["agent_wallets"]
    assert listed == [signatory.agent_wallet, new]


def test_verification_raises_a_named_refusal_and_nothing_else():
    for body in (None, 1, [], {}, {"account": {}, "signature": []}):
        with pytest.raises(Refused):
            verified(body, FORMS["/orders/cancel"], exchange=PaperExchange())

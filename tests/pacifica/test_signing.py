"""Signed texts are byte-exact, and nothing else can be signed."""

import json
import pathlib

import pytest
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature

from orders.pacifica import signing

VECTORS = json.loads((pathlib.Path(__file__).parent / "vectors.json").read_text())
TIMES = {"timestamp": VECTORS["timestamp"], "expiry_window": VECTORS["expiry_window"]}
MAIN = Keypair.from_seed(bytes.fromhex(VECTORS["main"]["seed_hex"]))
AGENT = Keypair.from_seed(bytes.fromhex(VECTORS["agent"]["seed_hex"]))
MAKERS = {
    "cancel_order": signing.cancel_order,
    "cancel_stop_order": signing.cancel_stop_order,
    "cancel_twap_order": signing.cancel_twap_order,
    "cancel_order_strategy": signing.cancel_order_strategy,
    "list_agent_wallets": signing.list_agent_wallets,
}
ONE_ORDER = [signing.cancel_order, signing.cancel_stop_order, signing.cancel_twap_order]


def operation_of(vector):
    if vector["type"] == "cancel_all_orders":
        payload = dict(vector["payload"])
        payload.pop("all_symbols")
        return signing.cancel_all_orders(**payload)
    return MAKERS[vector["type"]](**vector["payload"])


@pytest.fixture(params=VECTORS["vectors"], ids=lambda vector: vector["name"])
def vector(request):
    return request.param


def test_the_keys_are_those_of_the_vectors():
    assert str(MAIN.pubkey()) == VECTORS["main"]["pubkey_b58"]
    assert str(AGENT.pubkey()) == VECTORS["agent"]["pubkey_b58"]


def test_the_signed_text_is_byte_exact(vector):
    operation = operation_of(vector)
    assert signing.canonical_text(operation.type, operation.payload, **TIMES) == vector["message"]
    assert "POST /api/v1" + operation.route == vector["endpoint"]


@pytest.mark.parametrize(
    ("keypair", "agent_wallet", "signature_field", "body_field"),
    [
        (MAIN, None, "signature_b58", "request_body"),
        (AGENT, str(AGENT.pubkey()), "agent_signature_b58", "agent_request_body"),
    ],
    ids=["main", "agent"],
)
def test_signature_and_body_are_byte_exact(
    vector, keypair, agent_wallet, signature_field, body_field
):
    operation = operation_of(vector)
    text = signing.canonical_text(operation.type, operation.payload, **TIMES)
    signature = signing.sign_text(text, signing.SigningKey(keypair))
    assert signature == vector[signature_field]
    body = signing.request_body(
        operation,
        account=str(MAIN.pubkey()),
        agent_wallet=agent_wallet,
        signature=signature,
        **TIMES,
    )
    assert body == vector[body_field]
    compact = json.dumps(vector[body_field], separators=(",", ":")).encode()
    assert json.loads(signing.body_bytes(body)) == vector[body_field]
    assert len(signing.body_bytes(body)) == len(compact)


def test_a_signature_that_begins_with_a_zero_byte_keeps_it():
    (vector,) = [v for v in VECTORS["vectors"] if v["name"] == "twap_cancel_by_order_id"]
    signature = signing.sign_text(vector["message"], signing.SigningKey(MAIN))
    assert signature.startswith("1")
    assert bytes(Signature.from_string(signature))[0] == 0


@pytest.mark.parametrize("wrong", VECTORS["must_refuse"], ids=lambda wrong: wrong["name"])
def test_a_wrong_text_is_never_ours_and_its_signature_does_not_pass(wrong):
    operation = signing.cancel_order(symbol="BTC", order_id=123)
    ours = signing.canonical_text(operation.type, operation.payload, **TIMES)
    assert ours == wrong["server_canonical_text"]
    assert ours != wrong["signed_text"]
    signature = Signature.from_string(
        signing.sign_text(wrong["signed_text"], signing.SigningKey(MAIN))
    )
    pubkey = Pubkey.from_string(VECTORS["main"]["pubkey_b58"])
    assert not signature.verify(pubkey, ours.encode())
    assert signature.verify(pubkey, wrong["signed_text"].encode())


def test_names_are_sorted_at_every_depth():
    text = signing.canonical_text("t", {"b": {"z": 1, "a": [{"y": 1, "x": 2}]}, "a": 1}, 1, 2)
    assert text == (
        '{"data":{"a":1,"b":{"a":[{"x":2,"y":1}],"z":1}},"expiry_window":2,"timestamp":1,"type":"t"}'
    )


@pytest.mark.parametrize("symbol", ["BTÇ", "ＢＴＣ", "", " ".replace(" ", "\t"), "BTC\n", None, 5])
@pytest.mark.parametrize("make", ONE_ORDER)
def test_a_symbol_that_is_not_printable_ascii_is_refused(make, symbol):
    with pytest.raises(signing.Unsignable):
        make(symbol=symbol, order_id=1)


def test_a_text_outside_ascii_is_refused_whatever_field_it_stands_in():
    with pytest.raises(signing.Unsignable):
        signing.canonical_text("cancel_order", {"symbol": "kBONKé"}, 1, 2)


@pytest.mark.parametrize("symbol", ["kBONK", "SOL-USDC", "BTC"])
def test_symbols_keep_their_case(symbol):
    assert signing.cancel_order(symbol=symbol, order_id=1).payload["symbol"] == symbol


@pytest.mark.parametrize("order_id", [0, -1, True, "123", 1.0, 2**53 + 1])
@pytest.mark.parametrize("make", ONE_ORDER)
def test_an_order_id_is_a_whole_number_from_one_to_two_to_the_53(make, order_id):
    with pytest.raises(signing.Unsignable):
        make(symbol="BTC", order_id=order_id)


@pytest.mark.parametrize("order_id", [1, 2**31, 28_416_222_569, 2**53])
def test_an_order_id_beyond_32_bits_is_signed_as_a_number(order_id):
    operation = signing.cancel_order(symbol="BTC", order_id=order_id)
    assert f'"order_id":{order_id},' in signing.canonical_text(
        operation.type, operation.payload, **TIMES
    )


@pytest.mark.parametrize("make", ONE_ORDER)
@pytest.mark.parametrize(
    "ids", [{}, {"order_id": 1, "client_order_id": "f47ac10b-58cc-4372-a567-0e02b2c3d479"}]
)
def test_an_order_is_named_by_exactly_one_id(make, ids):
    with pytest.raises(signing.Unsignable):
        make(symbol="BTC", **ids)


@pytest.mark.parametrize(
    "client_order_id",
    ["", "abc", "f47ac10b58cc4372a5670e02b2c3d479", "f47ac10b-58cc-4372-a567-0e02b2c3d479\n", 7],
)
def test_a_client_order_id_is_a_full_uuid_with_dashes(client_order_id):
    with pytest.raises(signing.Unsignable):
        signing.cancel_order(symbol="BTC", client_order_id=client_order_id)
    with pytest.raises(signing.Unsignable):
        signing.cancel_order_strategy(strategy_id=client_order_id)


@pytest.mark.parametrize(
    "name",
    [
        {"order_id": 28_416_222_569},
        {"client_order_id": "f47ac10b-58cc-4372-a567-0e02b2c3d479"},
    ],
    ids=["order id", "client order id"],
)
def test_ten_cancels_fit_into_one_batch_of_four_kilobytes(name):
    operation = signing.cancel_order(symbol="SOL-USDC", **name)
    text = signing.canonical_text(operation.type, operation.payload, **TIMES)
    data = signing.request_body(
        operation,
        account=str(AGENT.pubkey()),
        agent_wallet=str(AGENT.pubkey()),
        signature=signing.sign_text(text, signing.SigningKey(AGENT)),
        **TIMES,
    )
    body = signing.body_bytes({"actions": [{"type": "Cancel", "data": data}] * 10})
    assert len(body) < 4096

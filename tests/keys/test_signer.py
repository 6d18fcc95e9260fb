"""A signer says cancels and one read, and nothing else however it is asked."""

import pytest
from solders.keypair import Keypair

from orders.keys.signer import CannotOpen, Signer
from orders.pacifica import signing
from tests.keys import fuzz_signer

PAIR = Keypair.from_seed(bytes([7]) * 32)


def test_nothing_foreign_is_ever_signed():
    count, foreign = fuzz_signer.run(tries=3_000, seed=11)
    assert foreign == []
    assert count["signed"] > 200


def test_the_fuzz_would_see_a_foreign_signature():
    foreign = b'{"data":{"amount":"1"},"expiry_window":1,"timestamp":1,"type":"withdraw"}'
    assert fuzz_signer.is_foreign(foreign)
    doubled = b'{"data":{},"expiry_window":1,"timestamp":1,"type":"list_agent_wallets","type":"x"}'
    assert fuzz_signer.is_foreign(doubled)
    hidden = b'{"data":{"amount":"1"},"expiry_window":1,"timestamp":1,"type":"cancel_order"}'
    assert fuzz_signer.is_foreign(hidden)


def test_the_public_ways_of_a_signer_are_these_four():
    ways = {name for name in dir(Signer) if not name.startswith("_")}
    assert ways == {"cancel", "cancel_all", "cancel_strategy", "list_agent_wallets"}


TIMES = {"timestamp": 1_700_000_000_000, "expiry_window": 5_000}


def signer_of(pair, *, public_key=None):
    return Signer(pair, account=str(pair.pubkey()), public_key=public_key or str(pair.pubkey()))


def test_a_signature_is_the_one_that_the_official_signer_makes():
    signed = signer_of(PAIR).list_agent_wallets(**TIMES)
    assert signed.signature == str(PAIR.sign_message(signed.text.encode("ascii")))
    assert signing.is_signed_by(signed.text, signed.signature, str(PAIR.pubkey()))


def test_the_key_of_another_wallet_signs_nothing():
    signer = signer_of(PAIR, public_key=str(Keypair().pubkey()))
    for _ in range(2):
        with pytest.raises(CannotOpen, match="does not belong"):
            signer.list_agent_wallets(**TIMES)


@pytest.mark.parametrize("library", ["_sodium", "_openssl"])
def test_what_two_libraries_do_not_agree_on_goes_nowhere(library):
    signer = signer_of(PAIR)
    sound = getattr(signer._signing_key, library)

    class Faulty:
        def sign(self, message):
            return sound.sign(message + b"!")

    setattr(signer._signing_key, library, Faulty())
    with pytest.raises(CannotOpen, match="nothing was sent"):
        signer.list_agent_wallets(**TIMES)


def test_a_first_signature_that_two_libraries_agree_on_is_verified_all_the_same(monkeypatch):
    monkeypatch.setattr(signing, "sign_text", lambda text, key: "1" * 64)
    with pytest.raises(CannotOpen):
        signer_of(PAIR).list_agent_wallets(**TIMES)


@pytest.mark.parametrize("operation", fuzz_signer.FOREIGN)
def test_no_operation_that_places_moves_or_grants_can_be_asked_for(operation):
    signer = signer_of(PAIR)
    assert not hasattr(signer, operation)
    with pytest.raises(KeyError):
        signer.cancel(
            kind=operation,
            symbol="BTC",
            order_id=1,
            client_order_id=None,
            timestamp=1,
            expiry_window=1,
        )

"""A signer says cancels and one read, and nothing else however it is asked."""

import pytest
from solders.keypair import Keypair

from orders.signer import Signer
from tests import fuzz_signer

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


@pytest.mark.parametrize("operation", fuzz_signer.FOREIGN)
def test_no_operation_that_places_moves_or_grants_can_be_asked_for(operation):
    signer = Signer(PAIR, account=str(PAIR.pubkey()), public_key=str(PAIR.pubkey()))
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

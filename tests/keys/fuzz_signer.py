"""Fuzz the signer: ``python -m tests.keys.fuzz_signer --tries 100000 --seed 1``.

Asks a signer for everything Pacifica can be asked to do, through every public way it has and with
every kind of value. Whatever it signed is read back by a strict reader of its own; a signature
over anything but a cancel or the one harmless read counts as foreign. There must be none.
"""

import argparse
import collections
import json
import os
import random
import time

from solders.keypair import Keypair

CANCEL_DATA = {
    "cancel_order": {"symbol", "order_id", "client_order_id"},
    "cancel_stop_order": {"symbol", "order_id", "client_order_id"},
    "cancel_twap_order": {"symbol", "order_id", "client_order_id"},
    "cancel_all_orders": {"symbol", "all_symbols", "exclude_reduce_only"},
    "cancel_order_strategy": {"strategy_id"},
    "list_agent_wallets": set(),
}
# What the documentation and the official SDK name besides; none may ever be signed here.
FOREIGN = [
    "create_order",
    "create_market_order",
    "create_stop_order",
    "create_twap_order",
    "edit_order",
    "batch_orders",
    "set_position_tpsl",
    "create_order_strategy",
    "update_leverage",
    "update_margin_mode",
    "add_isolated_margin",
    "withdraw",
    "spot_withdraw",
    "transfer_funds",
    "subaccount_transfer",
    "subaccount_initiate",
    "subaccount_confirm",
    "create_subaccount",
    "bind_agent_wallet",
    "revoke_agent_wallet",
    "revoke_all_agent_wallets",
    "add_agent_ip_whitelist",
    "remove_agent_ip_whitelist",
    "set_agent_ip_whitelist_enabled",
    "list_agent_ip_whitelist",
    "create_api_key",
    "revoke_api_key",
    "list_api_keys",
    "create_lake",
    "deposit_to_lake",
    "withdraw_from_lake",
    "claim_referral_code",
    "approve_builder_code",
    "revoke_builder_code",
    "update_auto_lend_disabled",
    "repay",
    "borrow",
]
UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
TYPES = [*CANCEL_DATA, *FOREIGN]
ODD = [None, True, False, 0, 1, -1, 2**53, 2**53 + 1, 10**40, 1.5, float("nan"), "", "BTC", UUID]
ODD += ["\0", "é", "BTC\n", {"type": "withdraw"}, ["withdraw"], b"BTC", "x" * 5_000]


class WatchedKey:
    """A signing key that remembers everything it signed."""

    def __init__(self, key):
        self._key, self.signed = key, []

    def sign(self, message):
        self.signed.append(bytes(message))
        return self._key.sign(message)


def smuggled(chance):
    """Text that tries to end a field and begin another message."""
    name = chance.choice(TYPES)
    return chance.choice(
        [
            name,
            f'BTC","type":"{name}',
            f'BTC"}},"type":"{name}","x":{{"y":"',
            f'{UUID}","type":"{name}',
            json.dumps({"type": name, "data": {"amount": "1"}}),
            f"BTC\\u0022,\\u0022type\\u0022:\\u0022{name}",
        ]
    )


def value(chance, usual):
    """Mostly what belongs there, often what does not."""
    pick = chance.random()
    return usual if pick < 0.5 else smuggled(chance) if pick < 0.75 else chance.choice(ODD)


def attempt(signer, chance):
    """One call through one public way, with some of its values replaced, missing or added."""
    ways = [name for name in dir(signer) if not name.startswith("_")]
    way = chance.choice([*ways, chance.choice(TYPES)])
    usual = {
        "kind": chance.choice(["order", "stop", "twap"]),
        "symbol": "BTC",
        "order_id": 28_000_000_042,
        "client_order_id": chance.choice([None, UUID]),
        "exclude_reduce_only": False,
        "strategy_id": UUID,
        "timestamp": 1_700_000_000_000,
        "expiry_window": 5_000,
    }
    wanted = WANTED.get(way, tuple(usual))
    given = {name: value(chance, usual[name]) for name in wanted if chance.random() > 0.02}
    if chance.random() < 0.05:
        given[chance.choice(["type", "data", "amount", "operation", "route"])] = smuggled(chance)
    return getattr(signer, way)(**given)


TIMES = ("timestamp", "expiry_window")
WANTED = {
    "cancel": ("kind", "symbol", "order_id", "client_order_id", *TIMES),
    "cancel_all": ("symbol", "exclude_reduce_only", *TIMES),
    "cancel_strategy": ("strategy_id", *TIMES),
    "list_agent_wallets": TIMES,
}


def is_foreign(message: bytes) -> bool:
    """Whether signed bytes say anything but a cancel or the one read."""
    try:
        said = json.loads(message, object_pairs_hook=_once)
        return not (
            set(said) == {"type", "timestamp", "expiry_window", "data"}
            and set(said["data"]) <= CANCEL_DATA[said["type"]]
        )
    except (ValueError, KeyError, TypeError):
        return True


def _once(pairs):
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a key stands twice")
    return dict(pairs)


def run(*, tries, seed):
    """How many tries were signed, refused and foreign, by kind; the foreign messages."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    from orders.keys.signer import Signer

    chance, keypair = random.Random(seed), Keypair.from_seed(bytes([7]) * 32)
    public_key = str(keypair.pubkey())
    count, foreign = collections.Counter(), []
    for _ in range(tries):
        signer = Signer(keypair, account=public_key, public_key=public_key)
        watched = signer._signing_key = WatchedKey(signer._signing_key)
        try:
            attempt(signer, chance)
        except Exception as refusal:  # any refusal will do; what counts is what was signed
            count[f"refused: {type(refusal).__name__}"] += 1
        for message in watched.signed:
            count["signed"] += 1
            if is_foreign(message):
                foreign.append(message)
    return count, foreign


def main():
    """The long run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tries", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    began = time.monotonic()
    count, foreign = run(tries=options.tries, seed=options.seed)
    took = f"{time.monotonic() - began:.0f} s"
    print(f"{options.tries} tries, seed {options.seed}, {took}: {dict(count)}")
    print(f"foreign signatures: {len(foreign)}")
    for message in foreign[:10]:
        print(message)
    raise SystemExit(bool(foreign))


if __name__ == "__main__":
    main()

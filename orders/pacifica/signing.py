"""The canonical text of a signed request and its Ed25519 signature. Pure.

Source: the official SDK's ``common/utils.py`` and the signing pages of docs.pacifica.fi: the
header (``type``, ``timestamp``, ``expiry_window``) and the payload under ``data``, keys sorted at
every depth, no spaces, UTF-8, Ed25519 over the raw bytes, base58 of the 64 signature bytes.
"""

import functools
import json
import re
from dataclasses import dataclass, field
from typing import Any

import nacl.signing
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from solders.keypair import Keypair
from solders.pubkey import Pubkey
from solders.signature import Signature

MAX_ORDER_ID = 2**53
SEED_BYTES = 32  # of a key pair's 64; the rest is the public key
FULL_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


# Made once: json.dumps with options makes an encoder for every call.
_SORTED = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
)
_COMPACT = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
BATCH_ROUTE = "/orders/batch"
BATCH_SIZE = 10  # requests that one batch may hold; docs.pacifica.fi batch-order page


class Unsignable(ValueError):
    """The instruction cannot be put into a signed request; the text says why."""


@dataclass(frozen=True)
class Operation:
    """One signable instruction: its wire type, its route and the payload that is signed.

    ``type``: Pacifica's operation type. ``route``: path under ``/api/v1``. ``payload``: the wire
    fields, all of them signed. Only the functions below make one, and they make nothing that can
    place an order or move funds.
    """

    type: str
    route: str
    payload: dict[str, Any] = field(default_factory=dict)


def cancel_order(
    *, symbol: str, order_id: int | None = None, client_order_id: str | None = None
) -> Operation:
    """Cancel one resting order, named by exactly one of its ids."""
    return _one_order("cancel_order", "/orders/cancel", symbol, order_id, client_order_id)


def cancel_stop_order(
    *, symbol: str, order_id: int | None = None, client_order_id: str | None = None
) -> Operation:
    """Cancel one stop order; stops have a route of their own."""
    return _one_order("cancel_stop_order", "/orders/stop/cancel", symbol, order_id, client_order_id)


def cancel_twap_order(
    *, symbol: str, order_id: int | None = None, client_order_id: str | None = None
) -> Operation:
    """Cancel one TWAP order. By order id the exchange answers 200 even where nothing is there."""
    return _one_order("cancel_twap_order", "/orders/twap/cancel", symbol, order_id, client_order_id)


def cancel_all_orders(*, symbol: str | None = None, exclude_reduce_only: bool = False) -> Operation:
    """Cancel every order of the account, or every order of one symbol."""
    payload: dict[str, Any] = {
        "all_symbols": symbol is None,
        "exclude_reduce_only": bool(exclude_reduce_only),
    }
    if symbol is not None:
        payload["symbol"] = _symbol(symbol)
    return Operation("cancel_all_orders", "/orders/cancel_all", payload)


def cancel_order_strategy(*, strategy_id: str) -> Operation:
    """Cancel an order strategy and its open orders."""
    payload = {"strategy_id": _uuid(strategy_id, "strategy_id")}
    return Operation("cancel_order_strategy", "/order_strategies/cancel", payload)


def list_agent_wallets() -> Operation:
    """Ask which agent wallets are bound to the account: the one signed read."""
    return Operation("list_agent_wallets", "/agent/list")


def canonical_text(
    operation_type: str, payload: dict[str, Any], timestamp: int, expiry_window: int
) -> str:
    """Build the exact text that is signed. ``timestamp`` and ``expiry_window`` in milliseconds.

    Raises `Unsignable` on any non-ASCII text: SDKs disagree on its bytes, and no cancel needs it.
    """
    message = {
        "type": operation_type,
        "timestamp": timestamp,
        "expiry_window": expiry_window,
        "data": payload,
    }
    text = _SORTED.encode(message)
    if not text.isascii():
        raise Unsignable("a signed field holds a character outside ASCII")
    return text


class Disagreement(RuntimeError):
    """Two libraries made different signatures of one text."""


class SigningKey:
    """One Ed25519 key, held by libsodium and by OpenSSL, which must agree on every byte.

    Ed25519 leaves a signer no choice (RFC 8032, section 5.1): sound libraries make the same
    signature. To sign twice takes three fifths of the time that signing and checking does.
    """

    def __init__(self, keypair: Keypair) -> None:
        seed = bytes(keypair)[:SEED_BYTES]
        self._sodium = nacl.signing.SigningKey(seed)
        self._openssl = Ed25519PrivateKey.from_private_bytes(seed)

    def sign(self, message: bytes) -> bytes:
        """Make the 64 bytes of the signature. Raises `Disagreement`."""
        signature = self._sodium.sign(message).signature
        if signature != self._openssl.sign(message):
            raise Disagreement
        return signature


def sign_text(text: str, key: SigningKey) -> str:
    """Sign the text's bytes with Ed25519; return base58, leading zero bytes kept."""
    return str(Signature.from_bytes(key.sign(text.encode("ascii"))))


def is_signed_by(text: str, signature: str, public_key: str) -> bool:
    """Whether the base58 signature over the text's bytes was made with this base58 key's secret."""
    try:
        signed = Signature.from_string(signature)
        return signed.verify(_public_key(public_key), text.encode("utf-8"))
    except (ValueError, TypeError):  # what stands in their place may be no text at all
        return False


@functools.lru_cache(maxsize=1024)
def _public_key(text: str) -> Pubkey:
    return Pubkey.from_string(text)


def request_body(
    operation: Operation,
    *,
    account: str,
    agent_wallet: str | None,
    timestamp: int,
    expiry_window: int,
    signature: str,
) -> dict[str, Any]:
    """Build the flat body that the exchange takes: header and payload, no ``type``, no ``data``."""
    body: dict[str, Any] = {"account": account}
    if agent_wallet is not None:
        body["agent_wallet"] = agent_wallet
    body |= {"signature": signature, "timestamp": timestamp, "expiry_window": expiry_window}
    return body | operation.payload


def body_bytes(body: dict[str, Any]) -> bytes:
    """Spell compact JSON: ten cancels then fit the exchange's 4 KB bound for one body."""
    return _COMPACT.encode(body).encode("ascii")


def _one_order(
    operation_type: str,
    route: str,
    symbol: str,
    order_id: int | None,
    client_order_id: str | None,
) -> Operation:
    if (order_id is None) == (client_order_id is None):
        raise Unsignable("name the order by exactly one of order id and client order id")
    payload: dict[str, Any] = {"symbol": _symbol(symbol)}
    if order_id is not None:
        payload["order_id"] = _order_id(order_id)
    else:
        payload["client_order_id"] = _uuid(client_order_id, "client_order_id")
    return Operation(operation_type, route, payload)


def _symbol(symbol: Any) -> str:
    if not isinstance(symbol, str) or not (symbol and symbol.isascii() and symbol.isprintable()):
        raise Unsignable("the symbol must be printable ASCII text, as on the wire")
    return symbol


def _order_id(order_id: Any) -> int:
    if type(order_id) is not int or not 0 < order_id <= MAX_ORDER_ID:
        raise Unsignable("the order id must be a whole number between 1 and 2^53")
    return order_id


def _uuid(value: Any, name: str) -> str:
    if not isinstance(value, str) or FULL_UUID.fullmatch(value) is None:
        raise Unsignable(f"{name} must be a full UUID with dashes")
    return value

"""The signed requests in an export: each text is rebuilt from its body, each signature checked."""

from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from export_files import compact, read

ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
HEADER = {"account", "agent_wallet", "signature", "timestamp", "expiry_window"}
TYPES = {
    "/orders/cancel": "cancel_order",
    "/orders/stop/cancel": "cancel_stop_order",
    "/orders/twap/cancel": "cancel_twap_order",
    "/orders/cancel_all": "cancel_all_orders",
    "/order_strategies/cancel": "cancel_order_strategy",
    "/order_strategies/list": "list_order_strategies",
    "/agent/list": "list_agent_wallets",
}
ACTIONS = {"Cancel": "cancel_order", "CancelStopOrder": "cancel_stop_order"}


class Unsound(Exception):
    """What is wrong with a request."""


def check_request(record: dict[str, Any], body: bytes) -> int:
    """Rebuild every signed text from the body alone and check its signature; return how many.

    Raises `Unsound`.
    """
    (data, faults), (whole, more) = read(record["data"]), read(body, spelling=None)
    if faults or more:
        raise Unsound(f"its {'data' if faults else 'body'} {(faults or more)[0]}")
    route = "/" + data["url"].partition("/api/v1/")[2]
    if route == "/orders/batch":
        items = [(ACTIONS[each["type"]], each["data"]) for each in whole["actions"]]
        said = data["signed_texts"]
    else:
        items, said = [(TYPES[route], whole)], [data["signed_text"]]
    texts = [signed_text(*item) for item in items]
    if texts != said:
        raise Unsound("its body says something else than the text recorded as signed")
    for signed_type, flat in items:
        text, signer = signed_text(signed_type, flat), flat.get("agent_wallet") or flat["account"]
        if not is_signed(text.encode("ascii"), base58(flat["signature"]), base58(signer)):
            raise Unsound("a signature in it does not hold")
    return len(items)


def signed_text(signed_type: str, flat: dict[str, Any]) -> str:
    """Return what had to be signed for a flat request body, as the exchange documents it."""
    payload = {name: value for name, value in flat.items() if name not in HEADER}
    header = {"timestamp": flat["timestamp"], "expiry_window": flat["expiry_window"]}
    text: bytes = compact({"type": signed_type, "data": payload, **header})
    return text.decode("ascii")


def is_signed(data: bytes, signature: bytes, public_key: bytes) -> bool:
    """Whether this Ed25519 signature (raw bytes) over the data holds."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def base58(text: str) -> bytes:
    """Decode base58, leading zero bytes kept."""
    number = 0
    for character in text:
        number = number * 58 + ALPHABET.index(character)
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")

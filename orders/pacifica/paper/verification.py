"""Whether a signed request may act: shape, keys, expiry, signature, agent, beta; in that order."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from solders.pubkey import Pubkey
from solders.signature import Signature

from ..signing import canonical_text
from . import refusals
from .forms import Form, is_text, is_whole

if TYPE_CHECKING:
    from .exchange import PaperExchange

# Documented for a request without the field; what must then be signed is not documented.
DEFAULT_EXPIRY_WINDOW_MS = 30_000


@dataclass(slots=True)
class Signed:
    """A request that may act. ``payload``: its operation's fields. Times in ms."""

    account: str
    signer: str
    payload: dict[str, Any]
    timestamp: int
    expiry_window: int
    signature: str


def verified(body: Any, form: Form, *, exchange: "PaperExchange") -> Signed:
    """Return the request, if all is well; raise `Refused` at the first thing that is not."""
    signed = _shaped(body, form)
    account_key, signer_key = public_key(signed.account), public_key(signed.signer)
    signature = _signature(signed.signature)
    _check_time(signed, exchange)
    if not signature.verify(signer_key, _signed_text(signed, form)):
        raise refusals.signature_does_not_match(exchange.rules)
    if signer_key != account_key:
        _check_agent(signed, exchange)
    if exchange.rules.beta_required and signed.signer in exchange.rules.beta_required:
        raise refusals.beta_required()
    if exchange.rules.reject_replays:
        exchange.check_replay(signed)
    return signed


@lru_cache(maxsize=4096)
def public_key(text: str) -> Pubkey:
    """Read a public key; raise `Refused` where it is not base58 of 32 bytes."""
    try:
        return Pubkey.from_string(text)
    except ValueError as error:
        raise refusals.invalid_public_key() from error


def _shaped(body: Any, form: Form) -> Signed:
    if not isinstance(body, dict):
        raise refusals.invalid_parameters()
    account, signature = body.get("account"), body.get("signature")
    timestamp, window = body.get("timestamp"), body.get("expiry_window")
    # Null stands for absent, as the SDK's `agent_wallet: null` shows.
    window = DEFAULT_EXPIRY_WINDOW_MS if window is None else window
    agent = None if form.main_only else body.get("agent_wallet")
    if not (is_text(account) and is_text(signature) and is_whole(timestamp) and is_whole(window)):
        raise refusals.invalid_parameters()
    if agent is not None and not is_text(agent):
        raise refusals.invalid_parameters()
    return Signed(account, agent or account, _payload(body, form), timestamp, window, signature)


def _payload(body: dict[str, Any], form: Form) -> dict[str, Any]:
    payload = {}
    for name, is_right in form.required.items():
        if not is_right(body.get(name)):
            raise refusals.invalid_parameters()
        payload[name] = body[name]
    for name, is_right in form.optional.items():
        if body.get(name) is not None:
            if not is_right(body[name]):
                raise refusals.invalid_parameters()
            payload[name] = body[name]
    if not form.is_whole_right(payload):
        raise refusals.invalid_parameters()
    return payload


def _signature(text: str) -> Signature:
    try:
        return Signature.from_string(text)
    except ValueError as error:
        raise refusals.invalid_signature() from error


def _check_time(signed: Signed, exchange: "PaperExchange") -> None:
    now = exchange.now_ms()
    if now > signed.timestamp + signed.expiry_window:
        raise refusals.invalid_message()
    tolerance = exchange.rules.future_tolerance_ms
    if tolerance is not None and signed.timestamp > now + tolerance:
        raise refusals.invalid_message()


def _signed_text(signed: Signed, form: Form) -> bytes:
    try:
        text = canonical_text(form.type, signed.payload, signed.timestamp, signed.expiry_window)
    except ValueError as error:
        # Outside ASCII the SDKs disagree about the bytes.
        raise refusals.invalid_message() from error
    return text.encode("ascii")


def _check_agent(signed: Signed, exchange: "PaperExchange") -> None:
    account = exchange.accounts.get(signed.account)
    if account is None or signed.signer not in account.agents:
        raise refusals.agent_not_authorized()

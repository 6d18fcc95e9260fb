"""Seal and open agent keys: read what people paste, bind what is sealed, open it in senders.

Secrets are sealed with HPKE (X25519, HKDF-SHA256, AES-256-GCM) to a public key, so the web, which
holds only that half, can take a key in and never read it again. ``info`` binds a sealed key to its
network, account and agent wallet: copied to another row it opens nothing.
"""

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from django.conf import settings
from django.utils import timezone
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from orders.keys import pasted_keys
from orders.keys.key_settings import KeySettingsWrong, opening_keys, sealing_key
from orders.keys.pasted_keys import BadAgentKey
from orders.keys.signer import FOREIGN, CannotOpen, Signer
from orders.models import Account, AgentWallet, SealedApiConfigKey, SealedKey

__all__ = [
    "BadAgentKey",
    "CannotOpen",
    "KeySettingsWrong",
    "Signer",
]  # belong to taking in and opening

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


def read_secret(pasted: str, *, public_key: str, account: str) -> bytes:
    """Return the 64 secret bytes of an agent wallet, from any form people hold them in.

    Accepts 64 bytes as base58 (Pacifica, Phantom), a 32-byte seed as base58, and the JSON array of
    ``solana-keygen``. Raises `BadAgentKey` with a sentence that never repeats what was pasted.
    """
    raw = pasted_keys.secret_bytes(pasted)
    _refuse_public(raw, public_key, account)
    keypair = _keypair(raw)
    if str(keypair.pubkey()) == account:
        raise BadAgentKey(
            "This is the account's main key. It can move funds and is refused: "
            "make an agent wallet on Pacifica's API key page and paste that one's secret."
        )
    if str(keypair.pubkey()) != public_key:
        may_be = "a public key, or " if _may_be_public(raw) else ""
        raise BadAgentKey(
            f"This is {may_be}a secret that belongs to {keypair.pubkey()}, not to the agent wallet "
            "you named. Check both on Pacifica's API key page."
        )
    return bytes(keypair)


def check_public_key(value: str, *, what: str) -> str:
    """Return the public key, stripped; raise `BadAgentKey` unless it is base58 of 32 bytes."""
    try:
        raw = pasted_keys.from_base58(pasted_keys.joined(value))
    except BadAgentKey:
        raw = b""
    if len(raw) == 64:
        raise BadAgentKey(f"This is a secret, not the {what}: it belongs in no other box.")
    if len(raw) != 32:
        raise BadAgentKey(f"The {what} must be a base58 public key of 32 bytes.")
    return str(Pubkey.from_bytes(raw))


def _refuse_public(raw: bytes, public_key: str, account: str) -> None:
    """Refuse a public key in a seed's place: both have 32 bytes, and the former is no secret."""
    if len(raw) != 32:
        return
    named = {public_key: "the agent wallet's public key", account: "the account's address"}
    if what := named.get(str(Pubkey.from_bytes(raw))):
        raise BadAgentKey(
            f"This is {what}, a public key, and not a secret. Paste the secret that Pacifica's "
            "API key page showed once, when the agent wallet was made."
        )


def _may_be_public(raw: bytes) -> bool:
    return len(raw) == 32 and Pubkey.from_bytes(raw).is_on_curve()


def seal(agent_wallet: AgentWallet, secret: bytes) -> SealedKey:
    """Seal a secret; the row is not yet saved, and only senders can open it."""
    key_id, public = sealing_key()
    sealed = SUITE.encrypt(secret, public, info=_binding(agent_wallet))
    return SealedKey(agent_wallet=agent_wallet, sealed_with=key_id, sealed=sealed)


def open_signer(agent_wallet: AgentWallet, *, despite_age: bool = False) -> Signer:
    """Open a signer for this agent wallet. Raises `CannotOpen`; there is no fallback.

    A wallet too old signs nothing, unless ``despite_age``: a panic must not wait for house-keeping.
    """
    if is_too_old(agent_wallet) and not despite_age:
        raise CannotOpen(
            f"This agent wallet is older than {settings.AGENT_WALLET_STOP_DAYS} days: make a new "
            "one on Pacifica's API key page, add it here and disable this one."
        )
    sealed: SealedKey | None = getattr(agent_wallet, "sealed_key", None)
    if sealed is None:
        raise CannotOpen("No key is stored for this agent wallet: add it again.")
    try:
        keypair = Keypair.from_bytes(_opened(sealed, _binding(agent_wallet)))
    except ValueError:
        raise CannotOpen(CHANGED) from None
    if str(keypair.pubkey()) != agent_wallet.public_key:
        raise CannotOpen(FOREIGN)
    return Signer(keypair, account=agent_wallet.account.address, public_key=agent_wallet.public_key)


CHANGED = "The sealed key was changed or belongs elsewhere: add it again."


def is_too_old(agent_wallet: AgentWallet) -> bool:
    """Whether this agent wallet was added so long ago that it signs no more."""
    return (timezone.now() - agent_wallet.created_at).days >= settings.AGENT_WALLET_STOP_DAYS


def is_ageing(agent_wallet: AgentWallet) -> bool:
    """Whether this agent wallet should be replaced soon."""
    return (timezone.now() - agent_wallet.created_at).days >= settings.AGENT_WALLET_WARN_DAYS


def resealed(sealed: SealedApiConfigKey | SealedKey) -> tuple[str, bytes]:
    """Seal a stored key once more with the key that seals now; return its id and the bytes.

    The result is opened again before it is returned: nothing is sealed to a key that nobody holds.
    Raises `CannotOpen`, `KeySettingsWrong`.
    """
    if isinstance(sealed, SealedKey):
        info = _binding(sealed.agent_wallet)
    else:
        info = _api_binding(sealed.account)
    secret = _opened(sealed, info)
    key_id, public = sealing_key()
    private = opening_keys().get(key_id)
    anew = SUITE.encrypt(secret, public, info=info)
    if private is None or SUITE.decrypt(anew, private, info=info) != secret:
        raise KeySettingsWrong(
            f"AGENT_KEY_OPENING_KEYS: does not hold {key_id!r}, which seals now: add it first."
        )
    return key_id, anew


def _opened(sealed: SealedApiConfigKey | SealedKey, info: bytes) -> bytes:
    """Open a sealed row; return the secret bytes. Raises `CannotOpen`."""
    private = opening_keys().get(sealed.sealed_with)
    if private is None:
        raise CannotOpen(
            f"This key is sealed to {sealed.sealed_with!r}, which this sender does not hold: "
            "check AGENT_KEY_OPENING_KEYS."
        )
    try:
        return SUITE.decrypt(bytes(sealed.sealed), private, info=info)
    except (InvalidTag, ValueError):
        raise CannotOpen(CHANGED) from None


def seal_api_config_key(account: Account, api_config_key: str) -> SealedApiConfigKey:
    """Seal an API config key; the row is not saved. Its form: docs.pacifica.fi api-config-keys."""
    api_config_key = pasted_keys.joined(api_config_key)
    if pasted_keys.API_CONFIG_KEY.fullmatch(api_config_key) is None:
        raise BadAgentKey("An API config key has 8 characters, an underscore and base58 text.")
    key_id, public = sealing_key()
    sealed = SUITE.encrypt(api_config_key.encode(), public, info=_api_binding(account))
    hint = api_config_key[:4]
    return SealedApiConfigKey(account=account, hint=hint, sealed_with=key_id, sealed=sealed)


def open_api_config_key(account: Account) -> str | None:
    """Open the account's API config key; None where it has none or it does not open here.

    Without it a request costs the keyless pool: dearer, never unsafe.
    """
    sealed: SealedApiConfigKey | None = getattr(account, "api_config_key", None)
    if sealed is None:
        return None
    private = opening_keys().get(sealed.sealed_with)
    if private is None:
        return None
    try:
        return SUITE.decrypt(bytes(sealed.sealed), private, info=_api_binding(account)).decode()
    except (InvalidTag, ValueError):
        return None


def _binding(agent_wallet: AgentWallet) -> bytes:
    """Spell what a sealed key is bound to; changing any of it makes the key open nothing."""
    parts = ["pacifica-desk agent key 1", settings.PACIFICA_NETWORK]
    return "|".join([*parts, agent_wallet.account.address, agent_wallet.public_key]).encode()


def _api_binding(account: Account) -> bytes:
    parts = ["pacifica-desk api config key 1", settings.PACIFICA_NETWORK, account.address]
    return "|".join(parts).encode()


def _keypair(raw: bytes) -> Keypair:
    try:
        if len(raw) == 32:
            return Keypair.from_seed(raw)
        if len(raw) == 64 and bytes(Keypair.from_seed(raw[:32])) == raw:
            return Keypair.from_bytes(raw)
    except ValueError:
        pass
    if len(raw) == 64:
        raise BadAgentKey("The two halves of this key do not match: it was cut or mixed up.")
    raise BadAgentKey(f"An agent key has 64 bytes (or a 32-byte seed); this has {len(raw)}.")

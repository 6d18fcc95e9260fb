"""The opening and sealing keys of this process, as its settings hold them."""

import base64
import binascii
import re

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from django.conf import settings


class KeySettingsWrong(Exception):
    """A key setting cannot be used; the text names the setting and never shows its value."""


def opening_keys() -> dict[str, X25519PrivateKey]:
    """Read the private halves this process holds, by id; the first one seals. Senders only."""
    pairs = _pairs("AGENT_KEY_OPENING_KEYS", settings.AGENT_KEY_OPENING_KEYS)
    keys = {key_id: X25519PrivateKey.from_private_bytes(raw) for key_id, raw in pairs}
    if len(keys) < len(pairs):
        raise KeySettingsWrong("AGENT_KEY_OPENING_KEYS: one id is there twice. Keep one of them.")
    return keys


def sealing_key() -> tuple[str, X25519PublicKey]:
    """Return the id and public half that new keys are sealed to."""
    pairs = _pairs("AGENT_KEY_SEALING_KEY", settings.AGENT_KEY_SEALING_KEY)
    if len(pairs) > 1:
        raise KeySettingsWrong("AGENT_KEY_SEALING_KEY: takes one key; the newest seals.")
    if pairs:
        key_id, raw = pairs[0]
        return key_id, X25519PublicKey.from_public_bytes(raw)
    for key_id, private in opening_keys().items():
        return key_id, private.public_key()
    raise KeySettingsWrong(
        "AGENT_KEY_SEALING_KEY: is not set, so no agent key can be taken in. "
        "`python manage.py new_opening_key` makes a pair."
    )


def check_halves() -> None:
    """Raise `KeySettingsWrong` where this process could not open what is sealed from now on."""
    if not can_open():
        raise KeySettingsWrong(
            "AGENT_KEY_OPENING_KEYS: is not set here. Run this with the senders' settings."
        )
    key_id, public = sealing_key()
    private = opening_keys().get(key_id)
    if private is None:
        raise KeySettingsWrong(
            f"AGENT_KEY_SEALING_KEY: seals with {key_id!r}, which AGENT_KEY_OPENING_KEYS does not "
            "hold: add it there, or take the newest one's public half."
        )
    if private.public_key() != public:
        raise KeySettingsWrong(
            f"AGENT_KEY_SEALING_KEY: is not the public half of {key_id!r} in "
            "AGENT_KEY_OPENING_KEYS: take both lines that new_opening_key printed."
        )


def newest_key() -> str:
    """Return the id of the key that everything is sealed anew with.

    Raises `KeySettingsWrong` where the settings disagree about it.
    """
    check_halves()
    key_id, _ = sealing_key()
    first = next(iter(opening_keys()))
    if key_id != first:
        raise KeySettingsWrong(
            f"AGENT_KEY_SEALING_KEY: seals with {key_id!r}, but {first!r} stands first in "
            "AGENT_KEY_OPENING_KEYS. Put the newest first there, and its public half here."
        )
    return key_id


def can_open() -> bool:
    """Whether this process holds any opening key."""
    return bool(settings.AGENT_KEY_OPENING_KEYS)


def new_opening_key(key_id: str) -> tuple[str, str]:
    """Make a new pair; return the two settings' values: opening (secret), sealing (public)."""
    private = X25519PrivateKey.generate()
    opening, sealing = private.private_bytes_raw(), private.public_key().public_bytes_raw()
    return _entry(key_id, opening), _entry(key_id, sealing)


def _entry(key_id: str, half: bytes) -> str:
    return f"{key_id}:{base64.b64encode(half).decode()}"


def _pairs(name: str, value: str) -> list[tuple[str, bytes]]:
    return [_pair(name, part) for part in re.split(r"[,\s]+", value) if part]


def _pair(name: str, part: str) -> tuple[str, bytes]:
    key_id, _, text = part.partition(":")
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not key_id or len(raw) != 32:
        raise KeySettingsWrong(f"{name}: each entry must be id:base64 of 32 bytes.")
    return key_id, raw

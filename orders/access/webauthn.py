"""WebAuthn without people and database: what a browser is asked, and whether its answer is true.

The one door to the library `fido2`, which checks kind, challenge, origin, host, the user's presence
and verification, and the signature. This module adds what the library leaves to its caller.
"""

import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from cryptography.exceptions import UnsupportedAlgorithm
from fido2 import cbor
from fido2.cose import ES256, RS256, CoseKey, EdDSA
from fido2.server import Fido2Server
from fido2.webauthn import (
    Aaguid,
    AttestationConveyancePreference,
    AttestedCredentialData,
    AuthenticationResponse,
    CollectedClientData,
    PublicKeyCredentialDescriptor,
    PublicKeyCredentialParameters,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialType,
    PublicKeyCredentialUserEntity,
    RegistrationResponse,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from orders.models.logins import MAX_CREDENTIAL_ID

MAX_ANSWER = 32 * 1024  # characters; some browsers send an attestation nobody asked for
MAX_KEY = 2 * 1024  # bytes: an RSA key of 4096 bits takes 550
TIMEOUT_MS = 120_000
TOLD = ("clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle")
KEYS = (ES256, EdDSA, RS256)  # what authenticators make, the best first
# What the library raises over what it cannot read.
UNREADABLE = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, AssertionError),
    *(NotImplementedError, RecursionError, OverflowError, struct.error),
    UnsupportedAlgorithm,
)


@dataclass(frozen=True)
class Site:
    """The site as browsers know it.

    ``host``: what passkeys belong to. ``origin``: scheme, host and port.
    """

    host: str
    origin: str


@dataclass(frozen=True)
class NewKey:
    """What an authenticator made."""

    credential_id: bytes
    public_key: bytes
    sign_count: int


class NotTrue(ValueError):
    """The answer does not prove what it should; the text says why, for the log."""


def creation_options(
    site: Site, *, challenge: bytes, handle: bytes, name: str, known: Iterable[bytes]
) -> dict[str, Any]:
    """Return what a browser needs to make a passkey.

    ``handle``: what the authenticator knows the person by. ``known``: the ids of passkeys that the
    person has: an authenticator that holds one of them makes no other.
    """
    options, _ = _server(site).register_begin(
        PublicKeyCredentialUserEntity(id=handle, name=name, display_name=name),
        credentials=_descriptors(known),
        resident_key_requirement=ResidentKeyRequirement.PREFERRED,
        user_verification=UserVerificationRequirement.REQUIRED,
        challenge=challenge,
    )
    return _plain(options)


def request_options(site: Site, *, challenge: bytes, known: Iterable[bytes]) -> dict[str, Any]:
    """Return what a browser needs to have one of these passkeys sign."""
    options, _ = _server(site).authenticate_begin(
        credentials=_descriptors(known),
        user_verification=UserVerificationRequirement.REQUIRED,
        challenge=challenge,
    )
    return _plain(options)


def new_key(site: Site, *, challenge: bytes, answer: str) -> NewKey:
    """Return the passkey that a browser made. Raises `NotTrue`."""
    try:
        response = RegistrationResponse.from_dict(_read(answer))
        _check_frame(response.response.client_data)
        server = _server(site)
        made = server.register_complete(_state(server, challenge), response)
        credential = made.credential_data
        if credential is None:
            raise NotTrue("It holds no key.")
        key = cbor.encode(credential.public_key)
        _check_key(credential.public_key, key)
    except UNREADABLE as error:
        raise _not_true(error) from None
    if not 0 < len(credential.credential_id) <= MAX_CREDENTIAL_ID:
        raise NotTrue("Its id is empty or too long.")
    return NewKey(bytes(credential.credential_id), key, made.counter)


def proven(
    site: Site, *, challenge: bytes, keys: Mapping[bytes, bytes], answer: str
) -> tuple[bytes, int]:
    """Return the id of the passkey that signed, and its counter. Raises `NotTrue`.

    ``keys``: the public keys of the person's passkeys, by their ids.
    """
    try:
        response = AuthenticationResponse.from_dict(_read(answer))
        _check_frame(response.response.client_data)
        known = [_credential(one, key) for one, key in keys.items() if one == response.raw_id]
        server = _server(site)
        server.authenticate_complete(_state(server, challenge), known, response)
    except UNREADABLE as error:
        raise _not_true(error) from None
    return bytes(response.raw_id), response.response.authenticator_data.counter


def whose(answer: str) -> tuple[bytes, bytes]:
    """Return the id of the passkey that says it signed, and its person's handle; nothing proven.

    Raises `NotTrue`, also where there is no handle: the authenticator keeps none.
    """
    try:
        response = AuthenticationResponse.from_dict(_read(answer))
        handle = response.response.user_handle
    except UNREADABLE as error:
        raise _not_true(error) from None
    if not handle:
        raise NotTrue("It does not say whose it is.")
    return bytes(response.raw_id), bytes(handle)


def _server(site: Site) -> Fido2Server:
    server = Fido2Server(
        PublicKeyCredentialRpEntity(id=site.host, name="Pacifica Desk"),
        attestation=AttestationConveyancePreference.NONE,
        verify_origin=lambda origin: origin == site.origin,
    )
    server.timeout = TIMEOUT_MS  # type: ignore[assignment]  # declared by its value at the start
    server.allowed_algorithms = [
        PublicKeyCredentialParameters(type=PublicKeyCredentialType.PUBLIC_KEY, alg=key.ALGORITHM)
        for key in KEYS
    ]
    return server


def _state(server: Fido2Server, challenge: bytes) -> Any:
    """Return what an answer is held against: the challenge, and that the user is verified."""
    required = UserVerificationRequirement.REQUIRED
    return server.authenticate_begin(user_verification=required, challenge=challenge)[1]


def _descriptors(ids: Iterable[bytes]) -> list[PublicKeyCredentialDescriptor]:
    kind = PublicKeyCredentialType.PUBLIC_KEY
    return [PublicKeyCredentialDescriptor(type=kind, id=bytes(one)) for one in ids]


def _credential(credential_id: bytes, public_key: bytes) -> AttestedCredentialData:
    key = CoseKey.parse(cast(Mapping[int, Any], cbor.decode(public_key)))
    return AttestedCredentialData.create(Aaguid.NONE, credential_id, key)


def _read(answer: str) -> dict[str, Any]:
    """Return the fields that are looked at, each known to be text.

    The library makes bytes of whatever else stands there, of a number as many as it says.
    """
    if len(answer) > MAX_ANSWER:
        raise NotTrue("It is too long.")
    read = json.loads(answer)
    if not isinstance(read, dict) or not isinstance(read.get("response"), dict):
        raise NotTrue("It is no answer of a browser.")
    texts = {name: value for name, value in read.items() if name in ("id", "rawId", "type")}
    told = {name: value for name, value in read["response"].items() if name in TOLD}
    if not all(isinstance(value, str) for value in (*texts.values(), *told.values())):
        raise NotTrue("One of its fields is no text.")
    return texts | {"response": told}


def _check_frame(client_data: CollectedClientData) -> None:
    """Refuse what was given within a page of another site; the library does not look."""
    if client_data.cross_origin is not False:
        raise NotTrue("It was given within a page of another site.")


def _check_key(key: CoseKey, encoded: bytes) -> None:
    """Refuse a key that was not asked for, or could never be used."""
    if not isinstance(key, KEYS) or len(encoded) > MAX_KEY:
        raise NotTrue("Its key is of a kind that was not asked for.")


def _not_true(error: BaseException) -> NotTrue:
    return error if isinstance(error, NotTrue) else NotTrue(str(error)[:200] or "It is unreadable.")


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(dict(options), default=dict))
    return plain

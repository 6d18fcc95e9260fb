"""An authenticator of passkeys and the browser around it: an EC key that signs what it is asked."""

import json
import os

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from fido2.cose import ES256
from fido2.utils import sha256, websafe_decode, websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)

from orders.access import passkeys, webauthn
from orders.audit import log
from tests.helpers.screens import url

FLAG = AuthenticatorData.FLAG
HERE = webauthn.Site("localhost", "http://localhost")
CHALLENGE = b"c" * 32


class Device:
    """One passkey on one device. ``counter``: how often it has signed, None where it keeps none."""

    def __init__(self, counter=None):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id, self.counter = os.urandom(16), counter

    def _data(self, host, flags, credential=b""):
        if self.counter is not None:
            self.counter += 1
        return AuthenticatorData.create(sha256(host.encode()), flags, self.counter or 0, credential)

    def create(
        self, challenge=CHALLENGE, site=HERE, flags=FLAG.UP | FLAG.UV, public=None, **frame
    ) -> dict:
        """What a browser sends on of a new passkey. ``public``: a key of another kind than ours."""
        public = public or ES256.from_cryptography_key(self.key.public_key())
        credential = AttestedCredentialData.create(Aaguid.NONE, self.id, public)
        made = AttestationObject.create(
            "none", self._data(site.host, flags | FLAG.AT, credential), {}
        )
        kind = CollectedClientData.TYPE.CREATE
        said = CollectedClientData.create(kind, challenge, site.origin, **frame)
        return self._answer({"clientDataJSON": said.b64, "attestationObject": websafe_encode(made)})

    def sign(
        self, challenge=CHALLENGE, site=HERE, flags=FLAG.UP | FLAG.UV, handle=b"", **frame
    ) -> dict:
        """What a browser sends on of a proof. ``handle``: whose the device says that it is."""
        kind = CollectedClientData.TYPE.GET
        said = CollectedClientData.create(kind, challenge, site.origin, **frame)
        data = self._data(site.host, flags)
        signature = self.key.sign(data + said.hash, ec.ECDSA(SHA256()))
        return self._answer(
            {
                "clientDataJSON": said.b64,
                "authenticatorData": websafe_encode(data),
                "signature": websafe_encode(signature),
                **({"userHandle": websafe_encode(handle)} if handle else {}),
            }
        )

    def _answer(self, response):
        name = websafe_encode(self.id)
        return {"id": name, "rawId": name, "type": "public-key", "response": response}


def enrolled_passkey(person, name="laptop", *, device=None, site=HERE) -> Device:
    """A device that this person has enrolled."""
    device = device or Device()
    passkeys.enrol(
        user=person,
        site=site,
        challenge=CHALLENGE,
        name=name,
        answer=json.dumps(device.create(site=site)),
        actor=log.Actor(person.pk, person.get_username()),
    )
    return device


def challenge_of(answer) -> bytes:
    """The challenge in the options that a browser was given."""
    return websafe_decode(answer.json()["publicKey"]["challenge"])


def asked(client) -> bytes:
    """The challenge for a proof, which a browser on localhost asks for."""
    return challenge_of(client.post(url("passkey_options"), HTTP_HOST="localhost"))


def give(client, device, *, name="second_factor", **how):
    """The answer to a proof by this device; ``how`` it signs, else as it should."""
    signed = device.sign(**({"challenge": asked(client)} | how))
    form = {"passkey": json.dumps(signed)}
    return client.post(url(name), form, HTTP_HOST="localhost")


def enrol_by_page(client, device, name="laptop", **how):
    """The answer to the enrolment of this device."""
    challenge = challenge_of(client.post(url("enrol_passkey_options"), HTTP_HOST="localhost"))
    made = device.create(**({"challenge": challenge} | how))
    form = {"name": name, "passkey": json.dumps(made)}
    return client.post(url("enrol_passkey"), form, HTTP_HOST="localhost")

"""What is no passkey although the library would take it: kind, size, id, frame, length."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from fido2.cose import ES384, RS256

from orders.access import webauthn
from orders.models.logins import MAX_CREDENTIAL_ID
from tests.helpers.passkeys import CHALLENGE, HERE, Device


def made(answer):
    return webauthn.new_key(HERE, challenge=CHALLENGE, answer=json.dumps(answer))


def test_a_key_of_a_kind_that_was_not_asked_for_is_none():
    """The library takes any kind that it can read."""
    public = ES384.from_cryptography_key(ec.generate_private_key(ec.SECP384R1()).public_key())
    with pytest.raises(webauthn.NotTrue, match="kind that was not asked for"):
        made(Device().create(public=public))


@pytest.mark.parametrize(("size", "is_taken"), [(512, True), (2_100, False)])
def test_a_key_that_is_too_large_to_keep_is_none(size, is_taken):
    public = RS256({1: 3, 3: -257, -1: b"\xff" * size, -2: b"\1\0\1"})
    answer = Device().create(public=public)
    if is_taken:
        assert made(answer).public_key
        return
    with pytest.raises(webauthn.NotTrue, match="kind that was not asked for"):
        made(answer)


@pytest.mark.parametrize("length", [0, MAX_CREDENTIAL_ID + 1])
def test_a_key_without_an_id_or_with_an_endless_one_is_none(length):
    device = Device()
    device.id = b"i" * length
    with pytest.raises(webauthn.NotTrue):
        made(device.create())


def test_an_id_of_the_longest_is_taken():
    device = Device()
    device.id = b"i" * MAX_CREDENTIAL_ID
    assert made(device.create()).credential_id == device.id


@pytest.mark.parametrize("of", ["create", "sign"])
@pytest.mark.parametrize("told", [True, 1, "true", "false", [], None])
def test_an_answer_that_does_not_say_that_it_is_of_this_page_is_none(told, of):
    """Whatever stands there and is not the plain *no*."""
    device = Device()
    keys = {device.id: made(device.create()).public_key}
    answer = getattr(device, of)(cross_origin=told)
    with pytest.raises(webauthn.NotTrue, match="page of another site"):
        if of == "create":
            made(answer)
        else:
            about = {"challenge": CHALLENGE, "keys": keys}
            webauthn.proven(HERE, answer=json.dumps(answer), **about)


@pytest.mark.parametrize("of", ["create", "sign"])
def test_an_answer_that_is_longer_than_a_browsers_is_not_read(of):
    answer = getattr(Device(), of)() | {"clientExtensionResults": "x" * webauthn.MAX_ANSWER}
    with pytest.raises(webauthn.NotTrue, match="too long"):
        webauthn._read(json.dumps(answer))

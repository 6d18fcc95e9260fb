"""An authenticator app as people carry it, and browsers that sign in as people do."""

import base64
import re
import time

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.test import Client

from orders.access import second_factor
from orders.audit import log
from tests.helpers.firm import PASSWORD
from tests.helpers.screens import url


class Authenticator:
    """Makes codes for one secret. ``ahead``: steps of 30 s its clock has moved by hand."""

    def __init__(self, secret):
        raw = base64.b32decode(secret.replace(" ", ""))
        self._totp = TOTP(raw, 6, SHA1(), 30, enforce_key_length=False)

    def code(self, ahead=0):
        return self._totp.generate(int(time.time()) + 30 * ahead).decode()


def sign_in(person, password=PASSWORD, *, client=None, address="198.51.100.7") -> Client:
    """A browser that typed name and password at the sign-in page."""
    client = client or Client(REMOTE_ADDR=address)
    form = {"username": getattr(person, "username", person), "password": password}
    client.answer = client.post(url("login"), form)
    return client


def is_in(client) -> bool:
    """Whether the browser is past the door: the overview opens."""
    return client.get(url("index")).status_code == 200


def enrolled(person):
    """The authenticator of a person who has set one up, and the recovery codes."""
    secret, begun = second_factor.begin(user=person)
    device = Authenticator(secret)
    about = {"user": person, "begun": begun, "actor": log.Actor()}
    codes = second_factor.confirm(code=device.code(-1), **about)
    return device, codes


def secret_on(page: str) -> str:
    """The key that the enrolment page shows."""
    return re.search(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}", page)[0]

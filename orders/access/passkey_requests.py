"""What a web request has to do with passkeys: the site it came to, and its session's challenge.

A challenge belongs to one session and one purpose, is good for minutes, and is taken once.
"""

import ipaddress
import os
from enum import StrEnum
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from orders.access.webauthn import Site

CHALLENGE = "desk_passkey_challenge"  # in the session: purpose, challenge, and when it was made
GOOD_FOR_S = 300
NO_NAME = (
    "A passkey belongs to the site's name, and this page was opened by a number. Open it by its "
    "name, on this machine as localhost."
)
NOT_SECURE = "Browsers give passkeys to pages over HTTPS alone: open this page as https://…"


class NoSite(ValueError):
    """Passkeys do not work under this address; the text is for the person."""


class Purpose(StrEnum):
    """What a challenge may be answered for."""

    ENROL = "enrol"
    PROVE = "prove"
    ENTER = "enter"


def site_of(request: HttpRequest) -> Site:
    """Return the site under the address that the browser has it by. Raises `NoSite`.

    That is the request's own host, which Django has held against ``ALLOWED_HOSTS``, by the scheme
    that a trusted proxy tells. Where a proxy changes the host, ``CSRF_TRUSTED_ORIGINS`` names the
    address in full, and the browser says that the page is there.
    """
    origin = request.headers.get("Origin", "")
    if "*" in origin or origin not in settings.CSRF_TRUSTED_ORIGINS:
        origin = f"{request.scheme}://{request.get_host()}"
    parts = urlsplit(origin)
    host = parts.hostname or ""
    if _is_number(host):
        raise NoSite(NO_NAME)
    if parts.scheme != "https" and host != "localhost" and not host.endswith(".localhost"):
        raise NoSite(NOT_SECURE)
    return Site(host, origin)


def begin_challenge(request: HttpRequest, purpose: Purpose) -> bytes:
    """Make a challenge and keep it in the session, in place of an earlier one."""
    challenge, now = os.urandom(32), int(timezone.now().timestamp())
    request.session[CHALLENGE] = [purpose.value, challenge.hex(), now]
    return challenge


def take_challenge(request: HttpRequest, purpose: Purpose) -> bytes | None:
    """Return the session's challenge for this purpose, once; None where there is none, or is old.

    The stored session decides between two requests that answer the same one.
    """
    kept = _taken(request.session.session_key)
    request.session.pop(CHALLENGE, None)
    if kept is None:
        return None
    of, challenge, at = kept
    is_young = 0 <= int(timezone.now().timestamp()) - at <= GOOD_FOR_S
    return bytes.fromhex(challenge) if of == purpose.value and is_young else None


@transaction.atomic
def _taken(session_key: str | None) -> tuple[str, str, int] | None:
    row = Session.objects.select_for_update(no_key=True).filter(session_key=session_key).first()
    data = row.get_decoded() if row else {}
    kept: tuple[str, str, int] | None = data.pop(CHALLENGE, None)
    if row is not None and kept is not None:
        row.session_data = Session.objects.encode(data)
        row.save(update_fields=["session_data"])
    return kept


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True

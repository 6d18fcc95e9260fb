"""Entry by a passkey alone, without name and password, where the settings allow it.

The passkey tells who it is: its authenticator verified its user, and nobody types anything.
"""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare

from orders.access import passkey_requests, passkeys, sign_in, webauthn
from orders.access.passkey_requests import Purpose
from orders.access.sign_in_log import signing_in
from orders.access.webauthn import NotTrue
from orders.models import Passkey

if TYPE_CHECKING:
    from django.contrib.auth.models import User


def is_on() -> bool:
    """Whether somebody may enter so at all."""
    return bool(settings.PASSKEY_SIGN_IN)


def options(request: HttpRequest) -> dict[str, Any]:
    """Return what the browser needs to have any passkey of this site sign.

    Raises `passkey_requests.NoSite`, and `PermissionDenied` where nobody enters so.
    """
    _check_on()
    site = passkey_requests.site_of(request)
    challenge = passkey_requests.begin_challenge(request, Purpose.ENTER)
    return webauthn.request_options(site, challenge=challenge, known=())


def enter(*, request: HttpRequest, answer: str) -> None:
    """Sign in whose passkey signed; it is the second factor too.

    Raises `passkeys.Refused`, `sign_in.Throttled`, `passkey_requests.NoSite`.
    """
    _check_on()
    user = sign_in.attempt(
        request, "passkey", lambda: _proven(request, answer), refusals=passkeys.Refused
    )
    signing_in(request, {"by": "a passkey"})
    login(request, user)
    sign_in.let_in(request, "passkey")


def _check_on() -> None:
    if not is_on():
        raise PermissionDenied("Nobody enters by a passkey alone here.")


def _proven(request: HttpRequest, answer: str) -> "User":
    """Return the person whose passkey signed the challenge of this session. Raises `Refused`."""
    site = passkey_requests.site_of(request)
    challenge = passkey_requests.take_challenge(request, Purpose.ENTER)
    try:
        credential_id, handle = webauthn.whose(answer)
    except NotTrue:
        raise passkeys.Refused(passkeys.WRONG) from None
    held = Passkey.objects.filter(credential_id=credential_id, user__is_active=True)
    passkey = held.select_related("user").first()
    if passkey is None or not constant_time_compare(handle, passkeys.handle_of(passkey.user)):
        raise passkeys.Refused(passkeys.WRONG)
    user: User = passkey.user
    passkeys.prove(user=user, site=site, challenge=challenge, answer=answer)
    return user

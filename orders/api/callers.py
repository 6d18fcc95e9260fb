"""Who calls: a program with a bearer token, for what right, and how fast."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from ninja.security.http import HttpAuthBase

from orders.access import bearers, token_pace
from orders.access.sign_in_log import client_address
from orders.api.problems import WAIT, Refused
from orders.audit.log import Actor
from orders.models import ApiToken, Desk, TokenRight

if TYPE_CHECKING:
    from django.contrib.auth.models import User

NO_TOKEN = "Send the token in the header Authorization: Bearer TOKEN."  # noqa: S105 no password


@dataclass(frozen=True)
class Caller:
    """A program behind a request: its token, and the person in whose name it acts."""

    token: ApiToken
    actor: Actor

    @property
    def desk(self) -> Desk:
        """The one desk that the program may know of."""
        return self.token.desk

    @property
    def user(self) -> "User":
        """The maker of the token, whose rights bound the program's."""
        return self.token.made_by


class Bearer(HttpAuthBase):
    """Lets in who holds a token with one of these rights, and counts its pace.

    ``pace``: None where each costs less than counting it would; its use is noted once a minute.
    """

    openapi_scheme = "bearer"

    def __init__(
        self,
        *rights: TokenRight,
        pace: Callable[[], token_pace.Pace] | None = token_pace.requests,
    ) -> None:
        self.rights, self._pace = rights, pace
        super().__init__()

    def __call__(self, request: HttpRequest) -> Caller:
        """Return who calls. Raises `Refused`, once that is recorded."""
        try:
            return self.let_in(request)
        except Refused as refused:
            refused.record()
            raise

    def let_in(self, request: HttpRequest) -> Caller:
        """Return who calls. Raises `Refused`, whose record the caller writes."""
        now, address = timezone.now(), client_address(request)
        token = _token_of(request, address)
        if wait_s := self._wait_s(token, address, now):
            said = f"This token asked too often; come again in {wait_s} s."
            raise Refused(429, said, what_to_do=WAIT, headers={"Retry-After": str(wait_s)})
        if not token.may(*self.rights):
            what = f"{request.method} {request.path} by an API token without the right"
            record = partial(bearers.refuse, token=token, address=address, what=what, now=now)
            needed = " or ".join(right.value for right in self.rights)
            raise Refused(403, f"This token has not the right {needed}.", record=record)
        return Caller(token, bearers.actor_of(token, address))

    def _wait_s(self, token: ApiToken, address: str, now: datetime) -> int:
        if self._pace is None:
            token_pace.note(token, address=address, now=now)
            return 0
        return token_pace.take(token, self._pace(), address=address, now=now)


@sensitive_variables()
def _token_of(request: HttpRequest, address: str) -> ApiToken:
    """Return the token that the request bears; no other way in is looked at. Raises `Refused`."""
    try:
        return bearers.bearer(secret=secret_in(request), address=address, now=timezone.now())
    except bearers.NotAccepted as refused:
        raise Refused(401, str(refused), record=refused.record) from None


@sensitive_variables()
def secret_in(request: HttpRequest) -> str:
    """Return the secret that the request bears. Raises `Refused`."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise Refused(401, NO_TOKEN)
    return secret.strip()


def caller_of(request: HttpRequest) -> Caller:
    """Return who calls, once `Bearer` let the request in."""
    caller: Caller = request.auth  # type: ignore[attr-defined]  # set by Ninja
    return caller

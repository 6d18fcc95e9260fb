"""Who is at the door: the actor behind a request, and a record of every sign-in."""

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import signals
from django.contrib.auth.models import User
from django.http import HttpRequest

from orders.access import emergency, sessions, throttling
from orders.audit import log
from orders.models import Event

if TYPE_CHECKING:
    from orders.models.desks import Person


def actor_of(request: HttpRequest) -> log.Actor:
    """Return the person behind a web request, as the log keeps them."""
    return _actor(request, request.user)


def _actor(request: HttpRequest, user: "Person") -> log.Actor:
    return log.Actor(
        operator_id=user.pk,
        operator_name=user.get_username(),
        session_hash=session_hash(request.session.session_key),
        address=client_address(request),
    )


def session_hash(session_key: str | None) -> str:
    """Return a keyed hash that tells sessions apart and cannot be turned into one; or nothing."""
    if not session_key:
        return ""
    key = settings.SECRET_KEY.encode()
    return hmac.new(key, b"session:" + session_key.encode(), hashlib.sha256).hexdigest()


def client_address(request: HttpRequest) -> str:
    """Return the peer's address; a proxy's header counts only where the setting says so."""
    peer: str = request.META.get("REMOTE_ADDR", "")
    if settings.TRUST_PROXY_HEADERS:
        forwarded: str = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")[-1].strip()
        return forwarded[:45] or peer
    return peer


def connect() -> None:
    """Record sign-ins, failed sign-ins and sign-outs as they happen."""
    signals.user_logged_in.connect(_logged_in, dispatch_uid="audit_login")
    signals.user_logged_out.connect(_logged_out, dispatch_uid="audit_logout")
    signals.user_login_failed.connect(_login_failed, dispatch_uid="audit_login_failed")


def _logged_in(sender: type[User], request: HttpRequest, user: User, **kwargs: Any) -> None:
    sessions.begin(request, user, address=client_address(request))
    # the request itself may not know its user yet
    data = getattr(request, "signing_in", {})
    if not data and emergency.is_emergency(user):
        data = {"by": "the emergency password"}
        emergency.alarm(user, address=client_address(request))
    log.record(log.Fact(event=Event.LOGIN, actor=_actor(request, user), data=data))


def signing_in(request: HttpRequest, data: dict[str, Any]) -> None:
    """Say how the person is signed in that this request is about to, if not by password."""
    request.signing_in = data  # type: ignore[attr-defined]  # an attribute of ours


def _logged_out(sender: type[User], request: HttpRequest, user: User | None, **kwargs: Any) -> None:
    if user is not None:
        actor = log.Actor(user.pk, user.get_username(), address=client_address(request))
        log.record(log.Fact(event=Event.LOGOUT, actor=actor))


def _login_failed(
    sender: str, credentials: dict[str, str], request: HttpRequest | None = None, **kwargs: Any
) -> None:
    record_failure(request, credentials.get("username", ""))


def name_tried(name: str) -> dict[str, Any]:
    """What the log keeps of a name: a password typed into its box would stay there for ever."""
    if throttling.is_known(name):
        return {"name_tried": str(name)[:150]}
    return {"is_unknown_name": True}


def keep_verdict(request: HttpRequest, verdict: throttling.Verdict) -> None:
    """Keep with a request whether its attempt to sign in may go on."""
    request.sign_in_verdict = verdict  # type: ignore[attr-defined]  # an attribute of ours


def verdict_of(request: HttpRequest | None) -> throttling.Verdict | None:
    """Return whether this request's attempt to sign in may go on; None where it made none."""
    return getattr(request, "sign_in_verdict", None)


def record_failure(
    request: HttpRequest | None, name: str, *, step: str = "", why: str = ""
) -> None:
    """Record an attempt that failed; of those refused unseen only one a minute for each name.

    ``step``: what was asked for beside the first password; ``why``: what was wrong, in words.
    """
    verdict = verdict_of(request)
    if verdict is not None and verdict.is_told:
        return
    address = client_address(request) if request is not None else ""
    data = (name_tried(name) if name or not why else {}) | ({"step": step} if step else {})
    if why:
        data["why"] = why
    if verdict is not None and not verdict.is_free:
        data["throttled_for_s"] = verdict.wait_s
    log.record(log.Fact(Event.LOGIN_FAILED, actor=log.Actor(address=address), data=data))

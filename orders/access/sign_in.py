"""The one door for passwords and codes: throttled below every page, and recorded."""

from collections.abc import Callable

from django.http import HttpRequest

from orders.access import second_factor, sessions, throttling
from orders.access.sign_in_log import actor_of, client_address, keep_verdict, record_failure
from orders.audit import log
from orders.models import Event

BEGUN = "desk_begun_factor"  # in the session, sealed, until the first code confirms it


def give_code(*, request: HttpRequest, code: str) -> bool:
    """Take a second factor for the session; return whether it was right. Raises `Throttled`."""
    user = sessions.person_of(request)
    step = "second factor"
    if not _is_proven(request, step, lambda: second_factor.is_right(user=user, code=code)):
        return False
    was_verified = sessions.is_verified(request)
    sessions.verify(request)
    throttling.know(user=user, address=client_address(request))
    if not was_verified:
        data = {"with": "second factor"}
        log.record(log.Fact(Event.LOGIN, actor_of(request), outcome="verified", data=data))
    return True


def enrol(*, request: HttpRequest, code: str) -> list[str]:
    """Enrol the authenticator that was begun; return its recovery codes.

    Raises `second_factor.WrongCode`, `Throttled`.
    """
    user = sessions.person_of(request)
    begun: str = request.session.get(BEGUN, "")
    recovery_codes: list[str] = []

    def confirm() -> bool:
        recovery_codes.extend(
            second_factor.confirm(user=user, begun=begun, code=code, actor=actor_of(request))
        )
        return True

    _is_proven(request, "second factor", confirm)
    del request.session[BEGUN]
    sessions.keep_after_password(request)
    sessions.verify(request)
    throttling.know(user=user, address=client_address(request))
    return recovery_codes


def give_password(*, request: HttpRequest, password: str) -> bool:
    """Prove again by password who one is; return whether it was right. Raises `Throttled`."""
    check = sessions.person_of(request).check_password
    is_right = _is_proven(request, "password again", lambda: check(password))
    if is_right:
        sessions.prove(request)
    return is_right


def is_own_password(*, request: HttpRequest, password: str) -> bool:
    """Whether this is the old password, asked for before a new one. Raises `Throttled`."""
    check = sessions.person_of(request).check_password
    return _is_proven(request, "old password", lambda: check(password))


class Throttled(Exception):
    """Too many wrong answers; the text says for how long, and is for the person."""


def wait_words(wait_s: int) -> str:
    """*Too many failed attempts. Try again in 3 minutes.*"""
    minutes = -(-wait_s // 60)
    span = "a minute" if minutes == 1 else f"{minutes} minutes"
    return f"Too many failed attempts. Try again in {span}."


def _is_proven(request: HttpRequest, step: str, check: Callable[[], bool]) -> bool:
    """Whether the check says so; counted and recorded as a guess where it does not."""
    user, address = sessions.person_of(request), client_address(request)
    verdict = throttling.begin(name=user.get_username(), address=address)
    keep_verdict(request, verdict)
    if verdict.is_free and check():
        throttling.succeed(verdict=verdict, user=user, address=address)
        return True
    record_failure(request, user.get_username(), step=step)
    if not verdict.is_free:
        raise Throttled(wait_words(verdict.wait_s))
    return False

"""The one door for passwords and codes: throttled below every page, and recorded."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from orders.access import (
    emergency,
    four_eyes,
    passkey_requests,
    passkeys,
    second_factor,
    sessions,
    throttling,
)
from orders.access.passkey_requests import Purpose
from orders.access.sign_in_log import actor_of, client_address, keep_verdict, record_failure
from orders.audit import log
from orders.models import Event

if TYPE_CHECKING:
    from django.contrib.auth.models import User

BEGUN = "desk_begun_factor"  # in the session, sealed, until the first code confirms it


def give_code(*, request: HttpRequest, code: str) -> bool:
    """Take a second factor for the session; return whether it was right. Raises `Throttled`."""
    user = sessions.person_of(request)
    step = "second factor"
    if not _is_proven(request, step, lambda: second_factor.is_right(user=user, code=code)):
        return False
    let_in(request, "second factor")
    return True


def give_passkey(*, request: HttpRequest, answer: str) -> None:
    """Take what a passkey signed, for the session.

    Raises `passkeys.Refused`, `Throttled`, `passkey_requests.NoSite`.
    """
    user, site = sessions.person_of(request), passkey_requests.site_of(request)

    def prove() -> bool:
        challenge = passkey_requests.take_challenge(request, Purpose.PROVE)
        passkeys.prove(user=user, site=site, challenge=challenge, answer=answer)
        return True

    try:
        _is_proven(request, "passkey", prove)
    except passkeys.Refused as refused:
        record_failure(request, user.get_username(), step=refused.step)
        raise
    let_in(request, "passkey")


def let_in(request: HttpRequest, factor: str) -> None:
    """Note in the session that the second factor was given; record it the first time."""
    was_verified = sessions.is_verified(request)
    sessions.verify(request)
    throttling.know(user=sessions.person_of(request), address=client_address(request))
    if not was_verified:
        data = {"with": factor}
        log.record(log.Fact(Event.LOGIN, actor_of(request), outcome="verified", data=data))


def verified_elsewhere(request: HttpRequest, provider: str) -> None:
    """Take the second factor that the provider asked for as this site's own; record it."""
    sessions.verified_elsewhere(request)
    throttling.know(user=sessions.person_of(request), address=client_address(request))
    data = {"with": f"second factor of {provider}"}
    log.record(log.Fact(Event.LOGIN, actor_of(request), outcome="verified", data=data))


def may_enrol(request: HttpRequest) -> bool:
    """Whether this session may add a second factor: the first one, or after giving another.

    Else a stolen password would do: whoever has it would add a factor of their own.
    """
    return sessions.is_verified(request) or not second_factor.is_enrolled(
        sessions.person_of(request)
    )


def enrol(*, request: HttpRequest, code: str) -> list[str]:
    """Enrol the authenticator that was begun; return its recovery codes, none for a second factor.

    Raises `second_factor.WrongCode`, `Throttled`.
    """
    user = _enrolling(request)
    begun: str = request.session.get(BEGUN, "")
    recovery_codes: list[str] = []

    def confirm() -> bool:
        recovery_codes.extend(
            second_factor.confirm(
                user=user,
                begun=begun,
                code=code,
                actor=actor_of(request),
                is_first_only=_is_first_only(request),
            )
        )
        return True

    _is_proven(request, "second factor", confirm)
    del request.session[BEGUN]
    _keep_enrolled(request)
    return recovery_codes


def enrol_passkey(*, request: HttpRequest, name: str, answer: str) -> list[str]:
    """Enrol what the browser made; return the recovery codes, none for a second factor.

    Raises `passkeys.Refused`, `passkey_requests.NoSite`, `sessions.NotFresh`.
    """
    user, site = _enrolling(request), passkey_requests.site_of(request)
    challenge = passkey_requests.take_challenge(request, Purpose.ENROL)
    recovery_codes = passkeys.enrol(
        user=user,
        site=site,
        challenge=challenge,
        name=name,
        answer=answer,
        actor=actor_of(request),
        is_first_only=_is_first_only(request),
    )
    _keep_enrolled(request)
    return recovery_codes


def demand_proof_to_enrol(request: HttpRequest) -> None:
    """Raise where this session adds no second factor now. Raises `sessions.NotFresh` too.

    Who has none, and a provider that tells no times, could never give a fresh proof: for the first
    factor it is enough that the provider named them anew.
    """
    if not may_enrol(request):
        raise PermissionDenied("The second factor is missing.")
    is_first = not second_factor.is_enrolled(sessions.person_of(request))
    if not (is_first and sessions.is_proven_untimed(request)):
        sessions.demand_fresh(request)


def _enrolling(request: HttpRequest) -> "User":
    demand_proof_to_enrol(request)
    return sessions.person_of(request)


def _is_first_only(request: HttpRequest) -> bool:
    """Whether what this session proved is enough for a first factor alone."""
    return not (sessions.is_verified(request) and sessions.is_fresh(request))


def _keep_enrolled(request: HttpRequest) -> None:
    """Let this session outlive the change, with the factor given; the person's others are over."""
    sessions.keep_after_password(request)
    sessions.verify(request)
    throttling.know(user=sessions.person_of(request), address=client_address(request))


def remove_passkey(*, request: HttpRequest, passkey_id: int) -> str | None:
    """Remove one of the person's own passkeys; return its name, or None where there is none such.

    With the last second factor this session ends too. Raises `sessions.NotFresh`, and
    `passkeys.LastFactor` where that waits for a second person.
    """
    sessions.demand_fresh(request)
    user = sessions.person_of(request)
    name = passkeys.remove(
        user=user,
        passkey_id=passkey_id,
        actor=actor_of(request),
        may_be_last=not four_eyes.is_needed_of(user),
    )
    if second_factor.is_enrolled(user):
        sessions.keep_after_password(request)
    return name


def give_password(*, request: HttpRequest, password: str) -> bool:
    """Prove again by password who one is; return whether it was right. Raises `Throttled`."""
    user = sessions.person_of(request)
    is_on = emergency.are_passwords_on(user)
    check = user.check_password
    is_right = _is_proven(request, "password again", lambda: check(password) and is_on)
    if is_right:
        sessions.prove(request)
    return is_right


def is_own_password(*, request: HttpRequest, password: str) -> bool:
    """Whether this is the old password, asked for before a new one. Raises `Throttled`."""
    check = sessions.person_of(request).check_password
    return _is_proven(request, "old password", lambda: check(password))


def attempt(
    request: HttpRequest,
    step: str,
    check: Callable[[], "User"],
    *,
    refusals: type[Exception],
    faults: tuple[type[Exception], ...] = (),
) -> "User":
    """Have somebody try who gives no name; return who it is. Failures count against the address.

    ``step``: how the person tries, as the record says; ``refusals``: what ``check`` raises where it
    fails; ``faults``: those of them that are no fault of who tried, and do not count. Raises them,
    and `Throttled`; each is recorded.
    """
    address = client_address(request)
    verdict = throttling.begin_unnamed(step=step, address=address)
    keep_verdict(request, verdict)
    try:
        if not verdict.is_free:
            raise Throttled(wait_words(verdict.wait_s))
        user = check()
    except (Throttled, refusals) as refused:
        if verdict.is_free and not isinstance(refused, faults):
            throttling.fail_unnamed(step=step, address=address)
        at_step = getattr(refused, "step", step)
        record_failure(request, "", step=at_step, why=str(refused))
        raise
    throttling.succeed(verdict=verdict, user=user, address=address)
    return user


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

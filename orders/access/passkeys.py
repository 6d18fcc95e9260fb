"""Passkeys of people: enrol several, each under a name, have them prove who one is, remove them.

User verification is required, so that a found device is not enough. No attestation is asked for.
A passkey is a second factor after the password; `passkey_entry` lets people in by one alone, where
that is set.
"""

import hashlib
import hmac
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from orders.access import second_factor, webauthn
from orders.access.webauthn import NotTrue, Site
from orders.audit import log
from orders.models import Alert, AlertKind, Passkey
from orders.models.logins import MAX_PASSKEY_NAME

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

MAX_PASSKEYS = 10  # of one person
GONE = "The question for the passkey is too old, or was answered before. Try once more."
WRONG = "That passkey does not fit. Try once more, or use another of your second factors."
NOT_MADE = "The passkey could not be checked. Nothing was set up; try once more."
TWICE = "This device holds a passkey that is set up already."
NAME = f"Give the passkey a name of up to {MAX_PASSKEY_NAME} characters."
SAME_NAME = "You have a passkey of that name: choose another name."
FULL = f"You have {MAX_PASSKEYS} passkeys already: remove one first."
LAST = (
    "It is your only second factor, and turning that off takes a second person: set up another one "
    "first, or ask an administrator."
)
ALARMED_FOR = timedelta(days=1)
COPIED = (
    "This passkey was refused: its counter did not grow since it was last used, so there may be a "
    "copy of it. Use another second factor, remove this passkey and tell an administrator."
)


class Refused(ValueError):
    """The passkey is not taken; the text is for the person.

    ``step``: what the record of a failed sign-in says that it failed at.
    """

    def __init__(self, words: str, step: str = "passkey") -> None:
        super().__init__(words)
        self.step = step


class LastFactor(Exception):
    """The passkey is the last second factor of a person: to remove it waits for a second person.

    The text is for the person.
    """


def of(user: "User") -> "QuerySet[Passkey]":
    """Return a person's passkeys, oldest first."""
    return Passkey.objects.filter(user_id=user.pk)


def creation_options(*, user: "User", site: Site, challenge: bytes) -> dict[str, Any]:
    """Return what the browser needs to make a passkey. Raises `Refused` where there are enough."""
    known = [bytes(one.credential_id) for one in of(user)]
    if len(known) >= MAX_PASSKEYS:
        raise Refused(FULL)
    name, handle = user.get_username(), handle_of(user)
    return webauthn.creation_options(
        site, challenge=challenge, handle=handle, name=name, known=known
    )


def request_options(*, user: "User", site: Site, challenge: bytes) -> dict[str, Any]:
    """Return what the browser needs to have one of the person's passkeys sign."""
    known = [bytes(one.credential_id) for one in of(user)]
    return webauthn.request_options(site, challenge=challenge, known=known)


def enrol(
    *,
    user: "User",
    site: Site,
    challenge: bytes | None,
    name: str,
    answer: str,
    actor: log.Actor,
    is_first_only: bool = False,
    now: datetime | None = None,
) -> list[str]:
    """Enrol what the browser made; return the recovery codes if it is the person's first factor.

    Raises `Refused`. Whether the person may enrol now is the caller's to know; ``is_first_only``:
    they may as long as they have no factor.
    """
    name = sound_name(name)
    if challenge is None:
        raise Refused(GONE)
    try:
        key = webauthn.new_key(site, challenge=challenge, answer=answer)
    except NotTrue:
        raise Refused(NOT_MADE) from None
    passkey = Passkey(user_id=user.pk, name=name, enrolled_at=now or timezone.now())
    passkey.credential_id, passkey.public_key = key.credential_id, key.public_key
    passkey.sign_count = key.sign_count
    return _add(user, passkey, actor, is_first_only=is_first_only)


@transaction.atomic
def _add(user: "User", passkey: Passkey, actor: log.Actor, *, is_first_only: bool) -> list[str]:
    second_factor.lock(user)
    if of(user).count() >= MAX_PASSKEYS:
        raise Refused(FULL)
    if of(user).filter(name=passkey.name).exists():
        raise Refused(SAME_NAME)
    is_first = not second_factor.is_enrolled(user)
    if is_first_only and not is_first:
        raise Refused(second_factor.MEANWHILE)
    try:
        with transaction.atomic():
            passkey.save(force_insert=True)
    except IntegrityError:
        raise Refused(TWICE) from None
    codes = second_factor.replace_codes(user) if is_first else []
    log.append(second_factor.fact(user, actor, {"passkey": ["none", passkey.name]}))
    return codes


def sound_name(name: str) -> str:
    """Return the name as it is kept. Raises `Refused`."""
    name = " ".join(name.split())
    if not name or len(name) > MAX_PASSKEY_NAME or not name.isprintable():
        raise Refused(NAME)
    return name


def prove(
    *,
    user: "User",
    site: Site,
    challenge: bytes | None,
    answer: str,
    now: datetime | None = None,
) -> None:
    """Take what one of the person's passkeys signed. Raises `Refused`."""
    if challenge is None:
        raise Refused(GONE)
    keys = {bytes(one.credential_id): bytes(one.public_key) for one in of(user)}
    try:
        used, counter = webauthn.proven(site, challenge=challenge, keys=keys, answer=answer)
    except NotTrue:
        raise Refused(WRONG) from None
    passkey = of(user).filter(credential_id=used)
    if not _count(passkey, counter, now or timezone.now()):
        copied = passkey.first()
        if copied is None:  # removed at this moment
            raise Refused(WRONG)
        _alarm(user, copied, now or timezone.now())
        step = f"passkey “{copied.name}”, whose counter did not grow: it may be copied"
        raise Refused(COPIED, step)


def _alarm(user: "User", passkey: Passkey, now: datetime) -> None:
    """Tell people at once that a key may be copied; the alarm stands for a day."""
    said = (
        f"Passkey “{passkey.name}” of {user.get_username()} was refused: its counter did not grow, "
        "so there may be a copy of it. Have it removed, and ask where the device is."
    )
    Alert.objects.raise_once(
        kind=AlertKind.COPIED_PASSKEY.value,
        about=f"passkey {passkey.pk} at {now:%Y-%m-%d}",
        desk_name="",
        said=said,
        now=now,
    )


def _count(passkey: "QuerySet[Passkey]", counter: int, now: datetime) -> bool:
    """Whether the counter has grown, or is kept by nobody; it is stored with that.

    One conditional UPDATE decides between two who come with the same counter.
    """
    is_grown = passkey.filter(sign_count__lt=counter) if counter else passkey.filter(sign_count=0)
    return bool(is_grown.update(sign_count=counter, last_used_at=now))


@transaction.atomic
def remove(*, user: "User", passkey_id: int, actor: log.Actor, may_be_last: bool) -> str | None:
    """Remove a passkey of this person; return its name, or None where there is none such.

    With the last second factor go its recovery codes and every session. Raises `LastFactor` where
    that may not be.
    """
    second_factor.lock(user)
    passkey = of(user).filter(pk=passkey_id).first()
    if passkey is None:
        return None
    if not second_factor.has_authenticator(user) and of(user).count() == 1:
        if not may_be_last:
            raise LastFactor(LAST)
        second_factor.reset(user=user, actor=actor)
        return passkey.name
    passkey.delete()
    log.append(second_factor.fact(user, actor, {"passkey": [passkey.name, "none"]}))
    return passkey.name


def handle_of(user: "User") -> bytes:
    """Return what an authenticator knows the person by: no name, and another for each desk."""
    key = settings.SECRET_KEY.encode()
    return hmac.new(key, b"pacifica-desk 1 passkey of %d" % user.pk, hashlib.sha256).digest()

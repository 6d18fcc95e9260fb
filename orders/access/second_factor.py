"""Second factors: enrol an authenticator, check its codes once each, and codes for a lost one.

Passkeys count as second factors here; `passkeys` enrols and checks them.

Time-based codes are RFC 6238's as every authenticator app makes them: SHA-1, 30 s, six digits.
The secret is sealed under a key made from ``SECRET_KEY``: a copied database gives no codes.
"""

import base64
import hashlib
import hmac
import os
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from orders.access import sessions
from orders.audit import log
from orders.models import Event, Membership, Passkey, RecoveryCode, Role, SecondFactor
from orders.models.clocks import MAY_DIFFER
from orders.models.desks import sees_everything
from orders.models.prepared import Prepared

if TYPE_CHECKING:
    from django.contrib.auth.models import User


STEP_S = 30
DRIFT = (0, -1, 1)  # steps an authenticator's clock may be off
AHEAD = 2 + MAY_DIFFER // timedelta(seconds=STEP_S)  # the most that two codes of one moment differ
RECOVERY_CODES = 10
MEANWHILE = "A second factor was set up meanwhile. Sign in with that one, then add this one."


class WrongCode(ValueError):
    """The code is not the authenticator's, or was used before. The text is for the person."""


class NoFactor(Exception):
    """There is no second factor that recovery codes could stand in for; the text says so."""


def is_asked_of(user: "User") -> bool:
    """Whether this person must give a second factor: they have one, or their role acts."""
    return is_enrolled(user) or (settings.SECOND_FACTOR_REQUIRED and is_acting(user))


def is_enrolled(user: "User", *, since: datetime | None = None) -> bool:
    """Whether this person has an authenticator or a passkey, and had it at that time if told."""
    if since is None:
        return bool(_enrolled(pk=user.pk))
    has = Q(second_factor__confirmed_at__lte=since) | Q(passkeys__enrolled_at__lte=since)
    return get_user_model().objects.filter(has, pk=user.pk).exists()


#: One query: each page asks.
_enrolled = Prepared(
    lambda pk: (
        get_user_model()
        .objects.filter(Q(second_factor__isnull=False) | Q(passkeys__isnull=False), pk=pk)
        .values_list("pk", flat=True)[:1]
    ),
    pk=(1, 2),
)


def has_authenticator(user: "User") -> bool:
    """Whether this person has a confirmed authenticator app."""
    return SecondFactor.objects.filter(user_id=user.pk).exists()


def lock(user: "User") -> None:
    """Have whoever else changes this person's second factors or roles wait, in a transaction."""
    people = get_user_model().objects.select_for_update(no_key=True)
    people.filter(pk=user.pk).values_list("pk").get()


def is_acting(user: "User") -> bool:
    """Whether this person may do more than look: on any desk, or as an administrator."""
    more = Membership.objects.filter(user_id=user.pk).exclude(role=Role.VIEWER)
    return sees_everything(user) or more.exists()


def begin(*, user: "User", begun: str = "") -> tuple[str, str]:
    """Make a secret to enrol with: in base32, and sealed, to be kept until it is confirmed.

    ``begun``: the sealed secret of an earlier call; it is shown again. Writes nothing.
    """
    secret = _open(user.pk, _bytes(begun)) or os.urandom(20)
    sealed = base64.b64encode(_seal(user.pk, secret)).decode()
    return base64.b32encode(secret).decode(), sealed


def uri(*, user: "User", secret: str) -> str:
    """Return what the QR code says to an authenticator app."""
    issuer = f"Pacifica Desk {settings.PACIFICA_NETWORK}"
    label = quote(f"{issuer}:{user.get_username()}")
    return f"otpauth://totp/{label}?secret={secret}&issuer={quote(issuer)}"


@transaction.atomic
def confirm(
    *,
    user: "User",
    begun: str,
    code: str,
    actor: log.Actor,
    is_first_only: bool = False,
    now: datetime | None = None,
) -> list[str]:
    """Enrol the authenticator that was begun; return the recovery codes. Raises `WrongCode`.

    Who had a passkey before keeps the recovery codes, and gets no new ones. ``is_first_only``: the
    person may enrol it as long as they have no factor.
    """
    now, sealed = now or timezone.now(), _bytes(begun)
    lock(user)
    if has_authenticator(user):
        raise WrongCode("An authenticator app is set up already.")
    is_first = not is_enrolled(user)
    if is_first_only and not is_first:
        raise WrongCode(MEANWHILE)
    step = _step_of(_open(user.pk, sealed), code, now)
    if step is None:
        raise WrongCode("That code does not fit. Check the device's clock and take the next one.")
    SecondFactor.objects.create(user=user, sealed_secret=sealed, confirmed_at=now, last_step=step)
    codes = replace_codes(user) if is_first else []
    log.append(fact(user, actor, {"second factor": ["none", "enrolled"]}))
    return codes


@transaction.atomic
def renew_codes(*, user: "User", actor: log.Actor) -> list[str]:
    """Make new recovery codes, and forget the older ones; return them. Raises `NoFactor`."""
    lock(user)
    if not is_enrolled(user):
        raise NoFactor("Set up a second factor first: recovery codes stand in for it.")
    left, codes = codes_left(user=user), replace_codes(user)
    log.append(fact(user, actor, {"recovery codes": [f"{left} left", f"{len(codes)} new"]}))
    return codes


def replace_codes(user: "User") -> list[str]:
    """Make recovery codes in place of older ones, within a transaction; return them."""
    RecoveryCode.objects.filter(user_id=user.pk).delete()
    codes = [_new_code() for _ in range(RECOVERY_CODES)]
    hashes = [RecoveryCode(user_id=user.pk, code_hash=_hash(user.pk, each)) for each in codes]
    RecoveryCode.objects.bulk_create(hashes)
    return codes


def is_right(*, user: "User", code: str, now: datetime | None = None) -> bool:
    """Whether this is the authenticator's code of now, or a recovery code; good once."""
    now, code = now or timezone.now(), "".join(str(code).split()).replace("-", "")
    if len(code) == 6:
        factor = SecondFactor.objects.filter(user_id=user.pk).first()
        return factor is not None and _consume_code(factor, code, now)
    if not is_enrolled(user):
        return False
    unused = RecoveryCode.objects.filter(user_id=user.pk, used_at__isnull=True)
    return bool(unused.filter(code_hash=_hash(user.pk, code)).update(used_at=now))


def devices(user: "User") -> list[str]:
    """Return what stands for this person's second factors, to tell whether one was changed."""
    times = SecondFactor.objects.filter(user_id=user.pk).values_list("confirmed_at", flat=True)
    keys = Passkey.objects.filter(user_id=user.pk).values_list("pk", flat=True)
    return [*(at.isoformat() for at in times), *(f"passkey {pk}" for pk in keys)]


def enrolled_at(user: "User") -> datetime | None:
    """Return when this person set the authenticator up; None where there is none."""
    factors = SecondFactor.objects.filter(user_id=user.pk)
    return factors.values_list("confirmed_at", flat=True).first()


def codes_left(*, user: "User") -> int:
    """Count the recovery codes that are still good."""
    return RecoveryCode.objects.filter(user_id=user.pk, used_at__isnull=True).count()


@transaction.atomic
def reset(*, user: "User", actor: log.Actor) -> bool:
    """Forget authenticator and passkeys, and end every session; return whether there were any.

    Call it through `second_factor_off`, which has it wait for a second person where it must.
    """
    lock(user)
    RecoveryCode.objects.filter(user_id=user.pk).delete()
    keys = Passkey.objects.filter(user_id=user.pk)
    names = ", ".join(keys.values_list("name", flat=True))
    changed = {"passkeys": [names, "none"]} if names else {}
    keys.delete()
    if SecondFactor.objects.filter(user_id=user.pk).delete()[0]:
        changed["second factor"] = ["enrolled", "none"]
    if changed:
        sessions.end_all(user=user)
        log.append(fact(user, actor, changed))
    return bool(changed)


def fact(user: "User", actor: log.Actor, changed: dict[str, list[str]]) -> log.Fact:
    """Make the record of second factors that changed, each by its old and new state."""
    data = {"user": user.get_username(), "changed": changed}
    return log.Fact(Event.USER_CHANGED, actor, data=data)


def _consume_code(factor: SecondFactor, code: str, now: datetime) -> bool:
    """Whether the code fits a step that none was taken from yet; the step is taken with it.

    One conditional UPDATE decides between two who give the same code.
    """
    step = _step_of(_open(factor.user_id, bytes(factor.sealed_secret)), code, now)
    if step is None:
        return False
    # One further ahead was taken before a clock was set back.
    is_older = Q(last_step__lt=step) | Q(last_step__gt=step + AHEAD)
    fresh = SecondFactor.objects.filter(is_older, pk=factor.pk)
    return bool(fresh.update(last_step=step))


def _step_of(secret: bytes | None, code: str, now: datetime) -> int | None:
    """Return the 30-second step whose code this is, or None."""
    code = str(code).strip().replace(" ", "")
    if secret is None or not (code.isascii() and code.isdigit()):
        return None
    made = TOTP(secret, 6, SHA1(), STEP_S, enforce_key_length=False)  # noqa: S303  RFC 6238
    for step in (int(now.timestamp()) // STEP_S + drift for drift in DRIFT):
        if hmac.compare_digest(made.generate(step * STEP_S), code.encode()):
            return step
    return None


def _new_code() -> str:
    """80 random bits as people can copy them: four groups of four."""
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, 16, 4))


def _hash(user_id: int, code: str) -> str:
    code = code.replace("-", "").lower()
    return hmac.new(
        _key(b"recovery code"), f"{user_id}:{code}".encode(), hashlib.sha256
    ).hexdigest()


def _key(use: bytes) -> bytes:
    """A key for one use, made from ``SECRET_KEY``."""
    return hmac.new(
        settings.SECRET_KEY.encode(), b"pacifica-desk 1 " + use, hashlib.sha256
    ).digest()


def _seal(user_id: int, secret: bytes) -> bytes:
    nonce = os.urandom(12)
    return nonce + AESGCM(_key(b"second factor")).encrypt(nonce, secret, str(user_id).encode())


def _open(user_id: int, sealed: bytes) -> bytes | None:
    """The secret, or None where it was sealed under another ``SECRET_KEY`` or for another."""
    try:
        cipher = AESGCM(_key(b"second factor"))
        return cipher.decrypt(sealed[:12], sealed[12:], str(user_id).encode())
    except (InvalidTag, ValueError):
        return None


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except ValueError:
        return b""

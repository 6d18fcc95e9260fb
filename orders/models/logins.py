"""What sign-ins leave behind: second factors, attempts that count, addresses known, what ended."""

from typing import Any

from django.conf import settings
from django.db import models

MAX_CREDENTIAL_ID = 1023  # bytes, by the standard
MAX_PASSKEY_NAME = 60


def of_user(related_name: str) -> "models.ForeignKey[Any, Any]":
    """A link to the person; nobody who ever signed in is deleted."""
    return models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name=related_name
    )


class SecondFactor(models.Model):
    """A person's authenticator. Its secret is sealed, so that a copied database gives no codes.

    ``last_step``: the 30-second step of the last code taken; a code is good once.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="second_factor",
        primary_key=True,
    )
    sealed_secret = models.BinaryField()
    confirmed_at = models.DateTimeField()
    last_step = models.BigIntegerField(default=0)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Second factor of {self.user}"


class Passkey(models.Model):
    """One passkey of a person: what the authenticator signs with, and how often it has signed.

    ``sign_count``: the authenticator's counter at the last proof; those that keep none say 0.
    """

    user = of_user("passkeys")
    credential_id = models.BinaryField(max_length=MAX_CREDENTIAL_ID, unique=True)
    public_key = models.BinaryField()  # as the authenticator gave it: a COSE key
    sign_count = models.BigIntegerField(default=0)
    name = models.CharField(max_length=MAX_PASSKEY_NAME)
    enrolled_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="passkey_name_once")]

    def __str__(self) -> str:
        return f"Passkey {self.name} of {self.user}"


class RecoveryCode(models.Model):
    """One code for the day the authenticator is lost: kept as a keyed hash, good once."""

    user = of_user("recovery_codes")
    code_hash = models.CharField(max_length=64)
    used_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["user", "code_hash"], name="recovery_code_once")
        ]

    def __str__(self) -> str:
        return "Recovery code"


class SignInAttempt(models.Model):
    """One attempt to sign in that failed, or is not over. ``name``: as tried, folded to lower case,
    or a keyed hash where nobody has it.

    An attempt that was throttled does not count, so that waiting comes to an end.
    """

    name = models.CharField(max_length=150)
    address = models.CharField(max_length=45)
    at = models.DateTimeField(db_index=True)
    is_counted = models.BooleanField(default=True)

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["name", "at"], name="attempt_name"),
            models.Index(fields=["address", "at"], name="attempt_address"),
        ]

    def __str__(self) -> str:
        return f"{self.name} from {self.address}"


class KnownAddress(models.Model):
    """An address from which a person has signed in, second factor and all."""

    user = of_user("known_addresses")
    address = models.CharField(max_length=45)
    last_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["user", "address"], name="known_address_once")
        ]

    def __str__(self) -> str:
        return f"{self.user} from {self.address}"


class SessionEpoch(models.Model):
    """How often every session of a person was ended: a session of an earlier epoch is over."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="session_epoch",
        primary_key=True,
    )
    epoch = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "orders_standing"  # its name before; nothing is renamed in the database
        default_permissions = ()

    def __str__(self) -> str:
        return f"Sessions of {self.user}"

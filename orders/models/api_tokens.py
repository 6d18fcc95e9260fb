"""Tokens with which a desk's own programs act through the API."""

from datetime import datetime
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Self

from django.conf import settings
from django.db import models

from orders.models.desks import OfDesksQuerySet

MAX_NAME, MAX_NETWORKS = 60, 400  # characters


def acting_token() -> "models.CharField[str, str]":
    """The name of the token by which a program acted; empty where a person did."""
    return models.CharField(max_length=MAX_NAME, blank=True, default="")


class TokenRight(models.TextChoices):
    """One thing that a program may do with its token. The maker's own rights bound all of them."""

    READ = "read", "read orders, jobs and the desk's health"
    CANCEL = "cancel", "cancel orders that it names"
    BULK = "bulk", "cancel whatever matches a scope"
    PANIC = "panic", "pull a panic"
    GUARD = "guard", "arm, beat and disarm guards"


class ApiTokenQuerySet(OfDesksQuerySet["ApiToken"]):
    """Tokens, by desk and by whether they were ended."""

    def living(self) -> Self:
        """Those that nobody ended; some may be past their time."""
        return self.filter(ended_at=None)


class ApiToken(models.Model):
    """A program's way in, for one desk, under the name of the desk head who made it.

    Of its secret only the SHA-256 is kept: with 256 random bits nothing slower is needed.
    """

    desk = models.ForeignKey("Desk", on_delete=models.PROTECT, related_name="api_tokens")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="api_tokens"
    )
    name = models.CharField(max_length=MAX_NAME)
    hint = models.CharField(max_length=8)  # the secret's first characters, to tell it by
    secret_sha256 = models.CharField(max_length=64, unique=True)
    rights = models.CharField(max_length=64)  # values of `TokenRight`, a blank between
    networks = models.CharField(max_length=MAX_NETWORKS, blank=True)  # empty: from anywhere
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    last_used_from = models.CharField(max_length=45, blank=True)
    ended_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(  # null too where it ended with its maker's place on the desk
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    end_reason = models.CharField(max_length=300, blank=True)
    # Up to when its pace is used up, in microseconds since 1970: see `orders.access.token_pace`.
    requests_until = models.BigIntegerField(default=0)
    acts_until = models.BigIntegerField(default=0)
    panics_until = models.BigIntegerField(default=0)
    refusal_told_at = models.DateTimeField(null=True)  # when a refused use was last recorded

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ["desk__name", "name"]
        default_permissions = ()
        constraints = [  # for ever: records name it
            models.UniqueConstraint(fields=["desk", "name"], name="api_token_name_once_per_desk")
        ]

    def __str__(self) -> str:
        return self.name

    def may(self, *rights: TokenRight) -> bool:
        """Whether it was given one of these rights."""
        return any(right.value in self.rights.split() for right in rights)

    def is_over(self, now: datetime) -> bool:
        """Whether it was ended, or its time is over."""
        return self.ended_at is not None or self.expires_at <= now

    def is_at_home(self, address: str) -> bool:
        """Whether it may be used from this address."""
        networks = [ip_network(each) for each in self.networks.split()]
        try:
            return not networks or any(_holds(each, address) for each in networks)
        except ValueError:  # no address, as behind a socket file
            return False


def _holds(network: IPv4Network | IPv6Network, address: str) -> bool:
    peer = ip_address(address)
    return peer.version == network.version and peer in network

"""Accounts, the agent wallets that sign for them, and the sealed keys nobody reads."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models

from orders.models.account_stream import AccountStream
from orders.models.cancels import READ_LAG
from orders.models.clocks import MAY_DIFFER, has_come
from orders.models.desks import OfAccountsQuerySet, OfDesksQuerySet

RARER_WITH_STREAM = 10  # so much rarer are routine reads while the stream is healthy
BOUND = "bound"  # outcome of a test: the exchange listed this very agent wallet
RAREST = timedelta(minutes=5)  # between two of them, for they measure the exchange's clock too


class AccountQuerySet(OfDesksQuerySet["Account"]):
    """Accounts, by desk and by what is due."""

    def active(self) -> Self:
        """Those whose orders are read and followed: the active ones of active desks."""
        return self.filter(is_active=True, desk__is_active=True)

    def due_for_sync(self, now: datetime, period_s: float) -> Self:
        """Active accounts whose book was read longest ago, once their period is over.

        Ten times the period, five minutes at most, where the stream is healthy and a read that may
        not lag behind its beginning any more was made since.
        """
        period = timedelta(seconds=period_s)
        due = models.Q(sync_started_at=None) | _before(now, period)
        is_told = models.Exists(
            AccountStream.objects.healthy(now).filter(
                account=models.OuterRef("pk"),
                subscribed_at__lt=models.OuterRef("sync_started_at") - READ_LAG,
            )
        )
        rested = due & (
            ~is_told | _before(now, max(period, min(period * RARER_WITH_STREAM, RAREST)))
        )
        longest_ago = models.F("sync_started_at").asc(nulls_first=True)
        return self.active().filter(rested).order_by(longest_ago)

    def not_followed(self, now: datetime, patience: timedelta) -> Self:
        """Active accounts of which for so long neither a read nor a caught-up stream told."""
        since = now - patience
        told = AccountStream.objects.filter(
            account=models.OuterRef("pk"), healthy_at__gt=since, healthy_at__lte=now + MAY_DIFFER
        )
        old = models.Q(synced_at=None) | has_come("synced_at", since, patience)
        return self.active().filter(~models.Exists(told), old, created_at__lte=since)


def _before(now: datetime, period: timedelta) -> models.Q:
    return has_come("sync_started_at", now - period, period)


class Account(models.Model):
    """A public key that owns orders."""

    desk = models.ForeignKey("Desk", on_delete=models.PROTECT, related_name="accounts")
    name = models.CharField(max_length=80)
    address = models.CharField(max_length=44, db_index=True)
    # A subaccount shares its main account's credits; empty where the account is a main one.
    main_address = models.CharField(max_length=44, blank=True)
    is_active = models.BooleanField(default=True)
    is_drill = models.BooleanField(default=False)  # panic may be rehearsed on it
    created_at = models.DateTimeField(auto_now_add=True)
    # A sync is claimed by writing when it starts; the book is as old as the last that succeeded.
    sync_started_at = models.DateTimeField(null=True, editable=False)
    synced_at = models.DateTimeField(null=True, editable=False)
    sync_error = models.CharField(max_length=300, blank=True, editable=False)
    # The exchange's highest order id when it built that book, where it said it.
    book_last_order_id = models.BigIntegerField(null=True, editable=False)
    # Which rows of the book last read could not be read, in words.
    book_trouble = models.CharField(max_length=400, blank=True, default="", editable=False)

    if TYPE_CHECKING:  # what screens attach to the rows that they show
        active_wallet: "AgentWallet | None"
        balance: Any  # an `orders.exchange.credits.Balance`
        open_orders: int
        open_in_words: str
        stream_state: Any  # an `orders.admin.shared.stream_state.StreamState`

    objects = AccountQuerySet.as_manager()

    class Meta:
        ordering = ["desk__name", "name"]
        constraints = [
            models.UniqueConstraint(fields=["desk", "name"], name="account_name_once_per_desk"),
            models.UniqueConstraint(fields=["desk", "address"], name="account_once_per_desk"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def trouble(self) -> str:
        """Why its book is not known, or not whole, in words; or nothing."""
        return self.sync_error or self.book_trouble

    @property
    def pool_address(self) -> str:
        """The main account whose credits this account spends."""
        return self.main_address or self.address


class AgentWalletQuerySet(OfAccountsQuerySet["AgentWallet"]):
    """Agent wallets, by desk and by what the exchange showed beside them."""

    def showing_others(self) -> Self:
        """Those beside which the exchange last showed some that we do not hold.

        Active or not: such a one is bound all the same. Older releases wrote what was shown to the
        wallet that had asked, so a later list without any counts.
        """
        later = AgentWallet.objects.filter(
            account__address=models.OuterRef("account__address"),
            tested_at__gt=models.OuterRef("tested_at"),
            test_outcome=BOUND,
            unheld="",
        )
        return self.exclude(unheld="").filter(~models.Exists(later))


class AgentWallet(models.Model):
    """A delegated key that signs for one account; only its public half is kept here."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="agent_wallets")
    public_key = models.CharField(max_length=44)
    is_active = models.BooleanField(default=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True, editable=False)
    # When it was asked for; once a sender took it, until when that sender has it.
    test_asked_at = models.DateTimeField(null=True, editable=False)
    tested_at = models.DateTimeField(null=True, editable=False)
    test_outcome = models.CharField(max_length=20, blank=True, editable=False)
    test_said = models.CharField(max_length=400, blank=True, editable=False)
    # Other agent wallets, not held by the app, that the exchange last showed for the account's
    # address, whichever of its agent wallets asked; ", " between.
    unheld = models.TextField(blank=True, editable=False)

    objects = AgentWalletQuerySet.as_manager()

    class Meta:
        ordering = ["account__name", "-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "public_key"], name="agent_wallet_once_per_account"
            )
        ]

    def __str__(self) -> str:
        return self.public_key

    @property
    def why_silent(self) -> str:
        """Why nothing is signed with it, in words; empty where it may sign."""
        if not self.is_active:
            return "this agent wallet is disabled"
        if not self.account.is_active:
            return "its account is deactivated"
        return "" if self.account.desk.is_active else "its desk is deactivated"


class SealedKey(models.Model):
    """An agent wallet's secret, sealed. No admin registers this table."""

    agent_wallet = models.OneToOneField(
        AgentWallet, on_delete=models.PROTECT, related_name="sealed_key", primary_key=True
    )
    sealed_with = models.CharField(max_length=40)  # id of the X25519 key it is sealed to
    sealed = models.BinaryField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return "sealed"


class SealedApiConfigKey(models.Model):
    """An account's API config key, sealed: it raises the credit quota and signs nothing."""

    account = models.OneToOneField(
        Account, on_delete=models.PROTECT, related_name="api_config_key", primary_key=True
    )
    hint = models.CharField(max_length=8)  # its first characters, so that people can tell it
    sealed_with = models.CharField(max_length=40)
    sealed = models.BinaryField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.hint}…"

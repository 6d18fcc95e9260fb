"""Guards: whose silence empties open orders; what is due at a time; what a halt leaves latched."""

from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now

from orders.models.api_tokens import MAX_NAME, acting_token
from orders.models.desks import Desk, OfAccountsQuerySet, OfDesksQuerySet, Right

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MIN_TTL_S, MAX_TTL_S = 1, 600
MAX_REASON, MAX_BOOT, MAX_SYMBOL = 300, 120, 64  # characters
NOBODY = "nobody who may cancel stands behind it"
DEACTIVATED = "its account is deactivated"
LEVELS = (80, 50)  # percent of its time at which a guard warns
PULSE_FRESH_FOR = timedelta(seconds=5)  # a sweep writes one each second


def acting_guard() -> "models.CharField[str, str]":
    """The name of the guard or schedule that acted; empty where a person or program did."""
    return models.CharField(max_length=MAX_NAME, blank=True, default="")


def levels_up_to(percent: int) -> tuple[str, ...]:
    """Return the levels that a silence reached, as its alert keeps what it told of."""
    return tuple(f"{level} %" for level in LEVELS if level <= percent)


class GuardStatus(models.TextChoices):
    """Where a guard stands."""

    #: It waits for nothing.
    DISARMED = "disarmed", "Disarmed"
    #: It fires when no beat comes within its time to live.
    ARMED = "armed", "Armed"
    #: Its time passed, and what it does was recorded.
    FIRED = "fired", "Fired"
    #: Its time passed while no sweep looked; it was told to ask a person first.
    ASKING = "asking", "Asks whether to fire"


class GuardQuerySet(OfDesksQuerySet["Guard"]):
    """Guards, by desk and by where they stand."""

    def armed(self) -> Self:
        """Those that fire when no beat comes."""
        return self.filter(status=GuardStatus.ARMED)

    def at_work(self) -> Self:
        """Those that are armed, ask, or fired and nobody saw to it."""
        return self.exclude(status=GuardStatus.DISARMED)

    def with_clock(self) -> Self:
        """The same, each with ``read_at``: the database's own time when the row was read."""
        return self.annotate(read_at=Now())


class Guard(models.Model):
    """One bot's dead-man switch: silent for ``ttl_s``, and the open orders in scope are cancelled.

    ``account``: None means every active account of the desk. ``arming`` counts armings, ``beat_no``
    the beats of all of them; a firing names both, so that it is about one silence alone.
    """

    desk = models.ForeignKey("Desk", on_delete=models.PROTECT, related_name="guards")
    account = models.ForeignKey(
        "Account", on_delete=models.PROTECT, null=True, blank=True, related_name="guards"
    )
    name = models.CharField(max_length=MAX_NAME)
    ttl_s = models.PositiveSmallIntegerField()
    keep_reduce_only = models.BooleanField(default=False)
    keep_stops = models.BooleanField(default=False)
    asks_first = models.BooleanField(default=False)  # where its time passed and no sweep looked
    hears_orders = models.BooleanField(default=False)  # a new order in its scope is a beat too
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()

    status = models.CharField(max_length=16, choices=GuardStatus, default=GuardStatus.DISARMED)
    arming = models.PositiveIntegerField(default=0)
    is_drill = models.BooleanField(default=False)  # armed to fire on drill accounts alone
    armed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    armed_by_name = models.CharField(max_length=150, blank=True)
    session_hash = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=45, blank=True)
    token_name = acting_token()
    armed_at = models.DateTimeField(null=True)
    beat_no = models.BigIntegerField(default=0)
    beat_at = models.DateTimeField(null=True)  # by the database's clock
    # The same moment by the clock of the host that wrote it, which nobody can set.
    beat_boot = models.CharField(max_length=MAX_BOOT, blank=True)
    beat_boot_s = models.FloatField(null=True)
    heard_order = models.BigIntegerField(default=0)  # the newest row of an order that it heard
    warned = models.PositiveSmallIntegerField(default=0)  # percent of the time, of this silence
    warning_told_at = models.DateTimeField(null=True)  # when a warning was last recorded

    if TYPE_CHECKING:
        read_at: Any  # by `with_clock`

    objects = GuardQuerySet.as_manager()

    class Meta:
        ordering = ["desk__name", "name"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["desk", "name"], name="guard_name_once_per_desk"),
            models.CheckConstraint(
                condition=models.Q(status__in=GuardStatus.values), name="guard_status"
            ),
            models.CheckConstraint(
                condition=models.Q(ttl_s__gte=MIN_TTL_S, ttl_s__lte=MAX_TTL_S), name="guard_ttl"
            ),
            models.CheckConstraint(
                condition=models.Q(status=GuardStatus.DISARMED)
                | models.Q(armed_by__isnull=False, beat_at__isnull=False, arming__gt=0),
                name="guard_armed_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def sign_of_life(self) -> str:
        """What keeps it from firing, in words."""
        return "a beat or a new order" if self.hears_orders else "a beat"

    @property
    def where(self) -> str:
        """Whose open orders it cancels, in words."""
        return str(self.account) if self.account else f"every account of {self.desk}"


class ArmingEnd(models.TextChoices):
    """How an arming ended."""

    DISARMED = "disarmed", "Disarmed"
    FIRED = "fired", "Fired"


class GuardArming(models.Model):
    """One arming of a guard: who, how many beats, and how it ended. At most one end for each."""

    guard = models.ForeignKey(Guard, on_delete=models.PROTECT, related_name="armings")
    number = models.PositiveIntegerField()
    is_drill = models.BooleanField(default=False)
    ttl_s = models.PositiveSmallIntegerField()
    armed_at = models.DateTimeField()
    armed_by_name = models.CharField(max_length=150)
    token_name = acting_token()
    first_beat_no = models.BigIntegerField()  # the arming itself
    last_beat_no = models.BigIntegerField(null=True)  # written when it ends, as is all below
    last_beat_at = models.DateTimeField(null=True)
    silence_ms = models.BigIntegerField(null=True)  # from the last beat to its firing
    ended_at = models.DateTimeField(null=True)
    end = models.CharField(max_length=16, choices=ArmingEnd, blank=True)
    ended_by_name = models.CharField(max_length=150, blank=True)
    reason = models.CharField(max_length=MAX_REASON, blank=True)
    job = models.ForeignKey("CancelJob", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        ordering = ["-number"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["guard", "number"], name="guard_arming_once"),
            models.CheckConstraint(
                condition=models.Q(end__in=["", *ArmingEnd.values]), name="guard_arming_end"
            ),
            models.UniqueConstraint(
                fields=["job"], condition=models.Q(job__isnull=False), name="guard_arming_one_job"
            ),
        ]

    def __str__(self) -> str:
        return f"Arming {self.number} of {self.guard}"

    @property
    def beats(self) -> int | None:
        """How many beats it heard, once it has ended."""
        return None if self.last_beat_no is None else self.last_beat_no - self.first_beat_no


class GuardPulse(models.Model):
    """When sweeps of one host last looked at the guards, by the database's clock and the host's.

    The two together show whether a clock was set while no sweep ran.
    """

    boot = models.CharField(max_length=MAX_BOOT, unique=True)  # of which host, since which start
    boot_s = models.FloatField()  # seconds since that start
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.boot


class ScheduleKind(models.TextChoices):
    """What a schedule does."""

    EMPTY = "empty", "Empty at a time of day"
    STALE = "stale", "Each hour, cancel old orders"


class Schedule(models.Model):
    """What happens by itself at its time: open orders emptied daily, or old ones cancelled hourly.

    ``last_for``: the time of day or the hour it was last done for; the claim of one that is due.
    """

    desk = models.ForeignKey("Desk", on_delete=models.PROTECT, related_name="schedules")
    account = models.ForeignKey(
        "Account", on_delete=models.PROTECT, null=True, blank=True, related_name="schedules"
    )
    name = models.CharField(max_length=MAX_NAME)
    kind = models.CharField(max_length=16, choices=ScheduleKind)
    at_minute = models.PositiveSmallIntegerField(null=True)  # of the day, UTC
    older_than_h = models.PositiveSmallIntegerField(null=True)
    keep_reduce_only = models.BooleanField(default=False)
    keep_stops = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    set_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()
    last_for = models.DateTimeField(null=True)
    last_said = models.CharField(max_length=400, blank=True)
    last_job = models.ForeignKey("CancelJob", on_delete=models.PROTECT, null=True, related_name="+")
    is_missed = models.BooleanField(default=False)  # the last time could not be done

    objects = OfDesksQuerySet.as_manager()

    class Meta:
        ordering = ["desk__name", "name"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["desk", "name"], name="schedule_name_once_per_desk"),
            models.CheckConstraint(
                condition=models.Q(kind=ScheduleKind.EMPTY, at_minute__lt=1440)
                | models.Q(kind=ScheduleKind.STALE, older_than_h__gte=1),
                name="schedule_kind",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def where(self) -> str:
        """Whose open orders it cancels, in words."""
        return str(self.account) if self.account else f"every account of {self.desk}"


class LatchQuerySet(OfAccountsQuerySet["Latch"]):
    """Latches, by desk and by whether they hold."""

    def holding(self) -> Self:
        """Those that nobody released."""
        return self.filter(released_at=None)


class Latch(models.Model):
    """The mark that a halt left on an account, or on a symbol of it, until a desk head releases it
    with a reason."""

    account = models.ForeignKey("Account", on_delete=models.PROTECT, related_name="latches")
    job = models.ForeignKey("CancelJob", on_delete=models.PROTECT, related_name="latches")
    symbol = models.CharField(max_length=MAX_SYMBOL, blank=True, default="")  # empty: every symbol
    is_cancelling = models.BooleanField(default=False)  # what appears is cancelled at once
    set_at = models.DateTimeField()
    appeared = models.PositiveIntegerField(default=0)  # orders placed since, as far as seen
    released_at = models.DateTimeField(null=True)
    released_by_name = models.CharField(max_length=150, blank=True)
    release_reason = models.CharField(max_length=MAX_REASON, blank=True)

    objects = LatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "latches"
        ordering = ["-set_at"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["account", "symbol"],
                condition=models.Q(released_at__isnull=True),
                name="latch_one_per_symbol",
            )
        ]

    def __str__(self) -> str:
        return f"Latch on {self.where}"

    @property
    def where(self) -> str:
        """What it is on, in words: *Alpha*, *BTC on Alpha*."""
        return f"{self.symbol} on {self.account}" if self.symbol else str(self.account)


def idle(latches: Collection[Latch]) -> dict[int, str]:
    """Say of those, by id, that are to cancel and can cancel nothing, why."""
    people = {latch.job.operator for latch in latches if latch.is_cancelling}
    desks = {who: set(_desks_to_cancel_on(who)) for who in people}
    found: dict[int, str] = {}
    for latch in latches:
        if latch.is_cancelling and not latch.account.is_active:
            found[latch.pk] = DEACTIVATED
        elif latch.is_cancelling and latch.account.desk_id not in desks[latch.job.operator]:
            found[latch.pk] = NOBODY
    return found


def _desks_to_cancel_on(person: "User") -> "models.QuerySet[Desk, int]":
    return Desk.objects.allowing(person, Right.CANCEL).values_list("pk", flat=True)

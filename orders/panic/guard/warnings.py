"""Warn before a guard fires: at half of its time, and when a fifth is left."""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from orders.audit import log
from orders.models import Alert, AlertKind, Event, Guard
from orders.models.clocks import MAY_DIFFER
from orders.models.guards import LEVELS, levels_up_to
from orders.panic.guard import facts

TOLD_EVERY = timedelta(minutes=1)  # a bot that beats late each time leaves few records


def warn(guard: Guard, silence_s: float) -> None:
    """Raise and record what is new to tell of this silence; one of several sweeps does."""
    level = level_of(silence_s, guard.ttl_s)
    if level <= guard.warned:
        return
    same = Guard.objects.armed().filter(pk=guard.pk, beat_no=guard.beat_no, warned__lt=level)
    if not same.update(warned=level):
        return
    now = timezone.now()
    Alert.objects.raise_once(
        kind=AlertKind.GUARD_LOW.value,
        about=about(guard),
        desk_name=guard.desk.name,
        said=in_words(guard, guard.ttl_s - silence_s),
        now=now,
        parts=levels_up_to(level),
    )
    long_ago = Q(warning_told_at=None) | Q(warning_told_at__lte=now - TOLD_EVERY)
    long_ago |= Q(warning_told_at__gt=now + MAY_DIFFER)
    with transaction.atomic():
        if Guard.objects.filter(long_ago, pk=guard.pk).update(warning_told_at=now):
            actor = log.Actor(guard_name=guard.name)
            told: dict[str, Any] = {"percent": level, "ttl_s": guard.ttl_s}
            log.append(facts.fact(Event.GUARD_WARNED, guard, actor, now, **told))


def level_of(silence_s: float, ttl_s: float) -> int:
    """Return the highest level that a silence reached, or 0."""
    return next((level for level in LEVELS if silence_s * 100 >= ttl_s * level), 0)


def about(guard: Guard) -> str:
    """Return what the alert is about."""
    return f"guard {guard.pk}"


def in_words(guard: Guard, left_s: float) -> str:
    """Say how long is left."""
    return f"Guard {guard.name}: no beat; it cancels on {guard.where} in {max(0, left_s):.0f} s."

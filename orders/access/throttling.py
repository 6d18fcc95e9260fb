"""Limit guesses: by name and address together, by name alone, by address alone.

Refusals last for minutes and end by themselves. An address from which the person has signed in
before is spared the limit on the name alone, so that strangers cannot keep a person out.
"""

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import QuerySet
from django.utils.timezone import now as clock

from orders.models import KnownAddress, SignInAttempt
from orders.models.clocks import MAY_DIFFER

if TYPE_CHECKING:
    from django.contrib.auth.models import User


WINDOW = timedelta(minutes=10)
PER_PAIR, PER_NAME, PER_ADDRESS = 5, 10, 30
KEPT = timedelta(days=1)
TOLD_EVERY = timedelta(minutes=1)


@dataclass(frozen=True)
class Verdict:
    """Whether an attempt may go on.

    ``wait_s``: how long to wait where it may not; ``is_told``: a refusal was recorded lately.
    """

    attempt_id: int
    wait_s: int = 0
    is_told: bool = False

    @property
    def is_free(self) -> bool:
        """Whether the password may be looked at."""
        return not self.wait_s


def begin(*, name: str, address: str, now: datetime | None = None) -> Verdict:
    """Count this attempt, and say whether it is one too many.

    The attempt is counted before anything is checked, so that guesses made at once count too.
    """
    now, name = now or clock(), kept(name)
    with transaction.atomic():
        SignInAttempt.objects.filter(at__lt=now - KEPT).delete()
        attempt = SignInAttempt.objects.create(name=name, address=address, at=now)
    ends = [end for end in _ends(attempt, now) if end is not None]
    if not ends:
        return Verdict(attempt.pk)
    with transaction.atomic():
        refused = _lately(now, TOLD_EVERY).filter(name=name, is_counted=False)
        is_told = refused.exists()
        mine = SignInAttempt.objects.filter(pk=attempt.pk)
        mine.delete() if is_told else mine.update(is_counted=False)
    return Verdict(attempt.pk, max(1, int((max(ends) - now).total_seconds()) + 1), is_told)


def succeed(*, verdict: Verdict, user: "User", address: str) -> None:
    """Forget what this person got wrong from this address; what others tried goes on counting."""
    SignInAttempt.objects.filter(pk=verdict.attempt_id).delete()
    name = folded(user.get_username())
    people = get_user_model().objects.filter(username__iexact=name)
    if not people.exclude(pk=user.pk).exists():  # else a namesake would forget guesses at another's
        SignInAttempt.objects.filter(name=name, address=address).delete()


def know(*, user: "User", address: str, now: datetime | None = None) -> None:
    """Remember that this person signed in from here, second factor and all."""
    KnownAddress.objects.update_or_create(
        user=user, address=address, defaults={"last_at": now or clock()}
    )


def unlock(*, name: str) -> int:
    """Forget every attempt under this name; return how many there were."""
    return SignInAttempt.objects.filter(name=kept(name)).delete()[0]


def is_known(name: str) -> bool:
    """Whether somebody has this name."""
    return get_user_model().objects.filter(username__iexact=folded(name)).exists()


def kept(name: str) -> str:
    """Return what its attempts are counted under: the name, or a keyed hash where nobody has it.

    People type their password into the wrong box.
    """
    if is_known(name):
        return folded(name)
    tried = b"name tried:" + folded(name).encode("utf-8", "surrogatepass")
    return "#" + hmac.new(settings.SECRET_KEY.encode(), tried, hashlib.sha256).hexdigest()


def folded(name: str) -> str:
    """Return one name, however its letters are written."""
    return str(name).strip().casefold().replace("\0", "")[:150]


def _ends(attempt: SignInAttempt, now: datetime) -> Iterator[datetime | None]:
    """Yield when each limit that is passed lets go again; None for one that is not."""
    counted = _lately(now, WINDOW).filter(is_counted=True)
    named, here = counted.filter(name=attempt.name), counted.filter(address=attempt.address)
    yield _end(named.filter(address=attempt.address), PER_PAIR)
    yield _end(here, PER_ADDRESS)
    if not _is_known(attempt):
        yield _end(named, PER_NAME)


def _lately(now: datetime, span: timedelta) -> QuerySet[SignInAttempt]:
    """Attempts within this span; what a clock that ran ahead wrote keeps nobody waiting."""
    return SignInAttempt.objects.filter(at__gt=now - span, at__lte=now + MAY_DIFFER)


def _end(attempts: QuerySet[SignInAttempt], most: int) -> datetime | None:
    """Return when fewer than ``most`` will be left, or None where no more than that are there."""
    newest = list(attempts.order_by("-at", "-pk").values_list("at", flat=True)[: most + 1])
    return newest[most] + WINDOW if len(newest) > most else None


def _is_known(attempt: SignInAttempt) -> bool:
    known = KnownAddress.objects.filter(address=attempt.address)
    return known.filter(user__username__iexact=attempt.name).exists()

"""Limit guesses: by name and address together, by name alone, by address alone.

Refusals last for minutes and end by themselves. An address from which the person has signed in
before is spared the limit on the name alone, so that strangers cannot keep a person out.

Who gives no name, by a passkey or the sign-in service, shares one count with the whole address.
There failures alone count, and too few to keep passwords out: the emergency administrator comes in.
"""

import hashlib
import hmac
import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.timezone import now as clock

from orders.models import KnownAddress, SignInAttempt
from orders.models.clocks import MAY_DIFFER

if TYPE_CHECKING:
    from django.contrib.auth.models import User


WINDOW = timedelta(minutes=10)
PER_PAIR, PER_NAME, PER_ADDRESS = 5, 10, 30
PER_STEP = 12  # without a name, from one address; there are two such steps
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


def begin(
    *, name: str, address: str, is_shared: bool = False, now: datetime | None = None
) -> Verdict:
    """Count this attempt, and say whether it is one too many.

    The attempt is counted before anything is checked, so that guesses made at once count too.
    ``is_shared``: the name stands for whoever comes from this address.
    """
    now, name = now or clock(), kept(name)
    with transaction.atomic():
        SignInAttempt.objects.filter(at__lt=now - KEPT).delete()
        attempt = SignInAttempt.objects.create(name=name, address=address, at=now)
    ends = [end for end in _ends(attempt, now, is_shared) if end is not None]
    if not ends:
        return Verdict(attempt.pk)
    with transaction.atomic():
        refused = _lately(now, TOLD_EVERY).filter(name=name, is_counted=False)
        is_told = refused.exists()
        mine = SignInAttempt.objects.filter(pk=attempt.pk)
        mine.delete() if is_told else mine.update(is_counted=False)
    return Verdict(attempt.pk, max(1, int((max(ends) - now).total_seconds()) + 1), is_told)


def begin_unnamed(*, step: str, address: str, now: datetime | None = None) -> Verdict:
    """Say whether an attempt without a name is one too many; it counts once it has failed.

    Nobody guesses what it shows, and an office behind one address comes in at once.
    """
    verdict = begin(name=_shared(step, address), address=address, is_shared=True, now=now)
    if verdict.is_free:
        SignInAttempt.objects.filter(pk=verdict.attempt_id).delete()
    return verdict


def fail_unnamed(*, step: str, address: str, now: datetime | None = None) -> None:
    """Count an attempt without a name, which has failed."""
    name = kept(_shared(step, address))
    SignInAttempt.objects.create(name=name, address=address, at=now or clock())


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
    """Forget every attempt under this name, or from this address; return how many there were."""
    attempts = Q(name=kept(name))
    if is_address(name):
        attempts |= Q(address__in={name, str(ipaddress.ip_address(name))})
    return SignInAttempt.objects.filter(attempts).delete()[0]


def is_address(name: str) -> bool:
    """Whether this is an address in place of a person's name."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return not is_known(name)


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


def _ends(attempt: SignInAttempt, now: datetime, is_shared: bool) -> Iterator[datetime | None]:
    """Yield when each limit that is passed lets go again; None for one that is not."""
    counted = _lately(now, WINDOW).filter(is_counted=True)
    named, here = counted.filter(name=attempt.name), counted.filter(address=attempt.address)
    yield _end(named.filter(address=attempt.address), PER_STEP if is_shared else PER_PAIR)
    yield _end(here, PER_ADDRESS)
    if not is_shared and not _is_known(attempt):
        yield _end(named, PER_NAME)


def _shared(step: str, address: str) -> str:
    return f"{step} from {address}"


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

"""Find what people are told of outside the pages because it cannot wait: one alert per matter.

Where no way of telling is set matters are still listed.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Max, Q, QuerySet

from desk.repeated_warnings import Matters
from orders.access import emergency, one_person, passkeys
from orders.accounts import unheld_wallets
from orders.accounts.unheld_wallets import UNHELD
from orders.exchange import clock
from orders.lifecycle import restored_copy
from orders.models import (
    Account,
    Alert,
    AlertKind,
    Cancel,
    CancelJob,
    CancelStatus,
    Matter,
    PanicLine,
    Proposal,
)
from orders.models.cancels import CancelQuerySet
from orders.models.clocks import has_come, is_ahead
from orders.models.prepared import MOMENTS, Prepared
from orders.models.senders import is_any_alive
from orders.operations.alerts import guard_matters, telling
from orders.operations.time_stamps import alarm

logger = logging.getLogger(__name__)
standing = Matters(logger)
STUCK_AFTER = timedelta(minutes=2)  # without any cancel of a running job getting through
WAITING = [CancelStatus.QUEUED, CancelStatus.SENDING]
EXPIRED_FOR = TRIED_FOR = timedelta(days=1)
RAISED_ELSEWHERE = {  # for it leaves no state behind; and for how long it stands once it is told
    AlertKind.FOREIGN_ANSWER: timedelta(hours=1),
    AlertKind.EMERGENCY: emergency.ALARMED_FOR,
    AlertKind.COPIED_PASSKEY: passkeys.ALARMED_FOR,
}

Key = tuple[str, str]  # kind, and what of that kind it is about


def watch(now: datetime) -> None:
    """Run one round: raise what is new or has become more, end what is over, tell both."""
    wanted = matters(now)
    standing.only({key: matter.said for key, matter in wanted.items()})
    current = {(alert.kind, alert.about): alert for alert in _current()}
    for key, matter in wanted.items():
        if key not in current or current[key].covers != matter.covers:
            _raise(key, matter, now)
    for key in current.keys() - wanted.keys():
        Alert.objects.filter(pk=current[key].pk, over_at__isnull=True).update(
            over_at=now, next_tell_at=now
        )
    telling.tell(now)


def matters(now: datetime) -> dict[Key, Matter]:
    """Return what there is to tell of now."""
    of_jobs = _unresolved(now) | _stuck(now) | _expired(now) | _contradicted()
    of_senders = _restored(now) | _no_sender(now) | _clock(now) | alarm.unstamped(now)
    of_accounts = _not_ours() | _not_followed(now)
    of_others = _one_person() | guard_matters.matters() | _raised_elsewhere(now)
    return of_jobs | _panics(now) | of_senders | of_accounts | of_others


def _unresolved(now: datetime) -> dict[Key, Matter]:
    return {
        (AlertKind.UNRESOLVED.value, f"job {job_id}"): Matter(
            desk_name,
            f"Job {job_id}: the outcome of {_count(count)} is unresolved for more than "
            f"{settings.ALERT_AFTER_S} s. The orders may still be open.",
        )
        for (job_id, desk_name), count in Counter(_asked_long(now=now)).items()
    }


def _by_job(cancels: CancelQuerySet) -> QuerySet[Cancel, tuple[int, str]]:
    """Return job id and desk of each of these cancels, to be counted.

    Where SQLite groups them it reads them in the order of their jobs, and so every one there is.
    """
    return cancels.order_by().values_list("job_id", "job__desk__name")


def _asked_for_long(now: datetime) -> CancelQuerySet:
    patience = timedelta(seconds=settings.ALERT_AFTER_S)
    sent_long_ago = has_come("first_sent_at", now - patience, patience)
    held_long_ago = has_come("restored_at", now - patience, patience)
    return Cancel.objects.open_questions().filter(sent_long_ago | held_long_ago)


_asked_long = Prepared(lambda now: _by_job(_asked_for_long(now)), now=MOMENTS)


def _stuck(now: datetime) -> dict[Key, Matter]:
    matters_by_key: dict[Key, Matter] = {}
    for job_id, desk_name, *moments in _waiting_jobs(now=now):
        moves: Iterator[datetime] = filter(None, moments)
        by_now = (moment for moment in moves if not is_ahead(moment, now))
        moved_at = max(by_now, default=now - STUCK_AFTER)
        if moved_at <= now - STUCK_AFTER:
            minutes = (now - moved_at).total_seconds() / 60
            said = f"Job {job_id}: nothing got through for {minutes:.0f} min; cancels are waiting."
            matters_by_key[AlertKind.STUCK_JOB.value, f"job {job_id}"] = Matter(desk_name, said)
    return matters_by_key


def _moved(now: datetime) -> QuerySet[CancelJob, tuple[Any, ...]]:
    long_ago = has_come("requested_at", now - STUCK_AFTER, STUCK_AFTER)
    waiting = Cancel.objects.filter(long_ago, status__in=WAITING)
    jobs = CancelJob.objects.running().filter(pk__in=waiting.order_by().values("job_id"))
    # What waits again got nowhere, however often it was tried.
    sent = Max("cancels__sent_at", filter=~Q(cancels__status__in=WAITING))
    moved = jobs.annotate(sent=sent, concluded=Max("cancels__concluded_at"))
    return moved.order_by("pk").values_list("pk", "desk__name", "created_at", "sent", "concluded")


_waiting_jobs = Prepared(_moved, now=MOMENTS)


def _expired(now: datetime) -> dict[Key, Matter]:
    """Return what gave up, until it is retried, for a day at the most."""
    return {
        (AlertKind.STUCK_JOB.value, f"job {job_id} expired"): Matter(
            desk_name,
            f"Job {job_id}: {_count(count)} expired, never sent. The orders may still be open.",
        )
        for (job_id, desk_name), count in Counter(_expired_lately(now=now)).items()
    }


def _gave_up(now: datetime) -> CancelQuerySet:
    jobs = CancelJob.objects.filter(created_at__gte=now - EXPIRED_FOR, retries=None).order_by()
    return Cancel.objects.filter(status=CancelStatus.EXPIRED, job__in=jobs)


_expired_lately = Prepared(lambda now: _by_job(_gave_up(now)), now=MOMENTS)


def _contradicted() -> dict[Key, Matter]:
    return {
        (AlertKind.CONTRADICTION.value, f"job {job_id}"): Matter(
            desk_name,
            f"Job {job_id}: {_count(count)} said to be over, and the exchange shows "
            "otherwise. They are asked about again.",
        )
        for (job_id, desk_name), count in Counter(_contradictions()).items()
    }


_contradictions = Prepared(
    lambda: _by_job(Cancel.objects.open_questions().filter(has_contradiction=True))
)


def _panics(now: datetime) -> dict[Key, Matter]:
    waiting, given_up = "waits and is not sent.", "was not seen empty and needs somebody."
    return _panic(AlertKind.PANIC_WAITING, _lines_waiting(now=now), waiting) | _panic(
        AlertKind.PANIC_NEEDS_YOU, _lines_given_up(), given_up
    )


_lines_waiting = Prepared(
    lambda now: PanicLine.objects.waiting_long(now).select_related("account", "job__desk"),
    now=MOMENTS,
)
_lines_given_up = Prepared(
    lambda: PanicLine.objects.needing_somebody().select_related("account", "job__desk")
)


def _panic(kind: AlertKind, lines: Iterable[PanicLine], said: str) -> dict[Key, Matter]:
    lines_by_job: dict[CancelJob, list[PanicLine]] = {}
    for line in lines:
        lines_by_job.setdefault(line.job, []).append(line)
    return {
        (kind.value, f"job {job.pk}"): Matter(
            job.desk.name,
            f"Job {job.pk}: the panic on {', '.join(each.account.name for each in lines)} {said}",
            tuple(f"line {each.pk}" for each in lines),
        )
        for job, lines in lines_by_job.items()
    }


def _restored(now: datetime) -> dict[Key, Matter]:
    said = restored_copy.warning(now)
    return {(AlertKind.RESTORED.value, ""): Matter("", said)} if said else {}


def _no_sender(now: datetime) -> dict[Key, Matter]:
    if is_any_alive(now):
        return {}
    by_account = Account.objects.order_by().values("pk")  # as the index is, which has the live ones
    if not (count := Cancel.objects.live().filter(account__in=by_account).count()):
        return {}
    said = f"Nothing is sending: no sender is alive, and {_count(count)} are waiting."
    return {(AlertKind.NO_SENDER.value, ""): Matter("", said)}


def _clock(now: datetime) -> dict[Key, Matter]:
    known = clock.current(now)
    if known is None or not known.is_off:
        return {}
    said = f"{known.in_words()} Requests may be refused as expired: set it right."
    return {(AlertKind.CLOCK.value, ""): Matter("", said)}


def _not_ours() -> dict[Key, Matter]:
    """Return the foreign agent wallets of each account, until a later list shows none."""
    unheld: dict[Account, dict[str, None]] = {}
    for wallet in _alarmed():
        named = unheld_wallets.entries_of(wallet.unheld)
        unheld.setdefault(wallet.account, {}).update(dict.fromkeys(named))
    return {
        (AlertKind.NOT_OURS.value, f"account {account.pk}"): Matter(
            account.desk.name,
            f"{account}: {UNHELD.format(', '.join(named))} {unheld_wallets.ENDS}",
            tuple(named),
        )
        for account, named in unheld.items()
    }


_alarmed = Prepared(lambda: unheld_wallets.alarmed().select_related("account__desk").order_by("pk"))


def _one_person() -> dict[Key, Matter]:
    """Return what one person did alone, until another has reviewed it."""
    return {
        (AlertKind.ONE_PERSON.value, one_person.matter_of(proposal)): Matter(
            proposal.desk.name if proposal.desk else "",
            one_person.words(proposal.words, str(proposal.decided_by), proposal.reason),
        )
        for proposal in _to_review()
    }


_to_review = Prepared(lambda: Proposal.objects.to_review().select_related("desk", "decided_by"))


def _not_followed(now: datetime) -> dict[Key, Matter]:
    """Return the accounts of which neither a read nor a stream that stands told anything lately."""
    return {
        (AlertKind.NOT_FOLLOWED.value, f"account {account.pk}"): Matter(
            account.desk.name,
            f"{account}: its open orders were not read lately and its stream does not stand. What "
            "the pages show of it may be old.",
        )
        for account in _unseen(now=now)
    }


_unseen = Prepared(
    lambda now: Account.objects.not_followed(
        now, timedelta(seconds=not_followed_after_s())
    ).select_related("desk"),
    now=MOMENTS,
)


def not_followed_after_s() -> int:
    """Return for how long neither may come before people are told: three reads and the patience."""
    return 3 * settings.SYNC_PERIOD_S + settings.ALERT_AFTER_S


def _raised_elsewhere(now: datetime) -> dict[Key, Matter]:
    """Return what was raised where it happened, as long as it stands: no row tells of it."""
    return {
        (alert.kind, alert.about): Matter(alert.desk_name, alert.said)
        for alert in _without_state()
        if _still_stands(alert, now)
    }


def _still_stands(alert: Alert, now: datetime) -> bool:
    """Whether nobody heard of it yet, or it was told lately.

    Where one way took it and another does not, a day more ends it: it keeps the next one back.
    """
    since = now - RAISED_ELSEWHERE[AlertKind(alert.kind)]
    if alert.told_at is not None:
        return alert.told_at > since
    return not alert.told_ways or alert.raised_at > since - TRIED_FOR


_current = Prepared(lambda: Alert.objects.current())
_without_state = Prepared(lambda: Alert.objects.current().filter(kind__in=[*RAISED_ELSEWHERE]))


def _raise(key: Key, matter: Matter, now: datetime) -> None:
    kind, about = key
    Alert.objects.raise_once(kind=kind, about=about, now=now, **matter._asdict())


def _count(number: int) -> str:
    return f"{number} cancel{'' if number == 1 else 's'}"

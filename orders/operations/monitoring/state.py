"""Figures of how the site stands now, each from one bounded question to the database.

No label holds an order, an account or a person.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Case, Count, Min, When
from django.db.models.functions import Coalesce
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from orders.audit import reader
from orders.exchange import clock, credits
from orders.lifecycle import restored_copy
from orders.models import (
    Account,
    AccountStream,
    Alert,
    AlertKind,
    AuditCheckpoint,
    AuditRecord,
    Cancel,
    CancelStatus,
    JobStatus,
    PanicLine,
    PanicStatus,
    Sender,
)
from orders.models.panics import UNFINISHED

PREFIX = "pacifica_desk_"
LANES = {True: "urgent", False: "bulk"}
WAITING = (CancelStatus.QUEUED.value, CancelStatus.SENDING.value)
AGES_S = (0, 60, 600, 3600)  # of unresolved cancels
SHOWN_LINES = (*UNFINISHED, PanicStatus.NEEDS_YOU.value)
KINDS = ("sweep", "worker")  # of senders
Value = float | int | Decimal


def gauge(name: str, words: str, label: str, values: dict[str, Value]) -> GaugeMetricFamily:
    """Make a figure with one label."""
    family = GaugeMetricFamily(PREFIX + name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], float(value))
    return family


def plain(name: str, words: str, value: Value) -> GaugeMetricFamily:
    """Make a figure without labels."""
    return GaugeMetricFamily(PREFIX + name, words, value=float(value))


def figures(now: datetime) -> Iterator[Metric]:
    """Yield all figures of this moment. Raises `django.db.DatabaseError`."""
    yield from _queue(now)
    yield from _unresolved(now)
    yield from _panics(now)
    yield from _alerts()
    yield from _log(now)
    yield from _senders(now)
    yield from _credits(now)
    yield from _accounts(now)
    yield from _exchange_clock(now)
    locked = restored_copy.look(now) is not None
    yield plain("sending_locked", "1 while a restored copy waits to be accepted.", locked)


def _queue(now: datetime) -> Iterator[Metric]:
    active = [JobStatus.RUNNING, JobStatus.STOPPING]
    cancels = Cancel.objects.filter(status__in=WAITING, job__status__in=active).order_by()
    rows = cancels.values_list("is_urgent", "status")
    counts = {(lane, status): 0 for lane in LANES for status in WAITING}
    oldest_s = dict.fromkeys(LANES.values(), 0.0)
    for lane, status, count, since in rows.annotate(Count("pk"), Min("requested_at")):
        counts[lane, status] = count
        oldest_s[LANES[lane]] = max(oldest_s[LANES[lane]], _since(since, now))
    words = "Cancels that wait to be sent, and that a sender has."
    queue = GaugeMetricFamily(f"{PREFIX}queue_cancels", words, labels=["lane", "status"])
    for (lane, status), count in counts.items():
        queue.add_metric([LANES[lane], status], count)
    yield queue
    yield gauge("queue_oldest_seconds", "Age of the oldest of them.", "lane", {**oldest_s})


def _unresolved(now: datetime) -> Iterator[Metric]:
    since = Coalesce("first_sent_at", "restored_at", "requested_at")
    cancels = Cancel.objects.open_questions().annotate(since=since)
    older = {
        f"older_{age_s}": Count(Case(When(since__lte=now - timedelta(seconds=age_s), then=1)))
        for age_s in AGES_S
    }
    found = cancels.aggregate(oldest=Min("since"), **older)
    counts = {str(age_s): found[f"older_{age_s}"] for age_s in AGES_S}
    words = "Cancels without an outcome, sent so many seconds ago or longer."
    yield gauge("unresolved_cancels", words, "older_than", counts)
    words = "Age of the oldest of them since it was sent."
    yield plain("unresolved_oldest_seconds", words, _since(found["oldest"], now))


def _panics(now: datetime) -> Iterator[Metric]:
    lines = PanicLine.objects.filter(status__in=SHOWN_LINES).order_by()
    counts: dict[str, Value] = dict.fromkeys(SHOWN_LINES, 0)
    waiting_s = 0.0
    for status, count, since in lines.values_list("status").annotate(Count("pk"), Min("asked_at")):
        counts[status] = count
        if status == PanicStatus.WAITING:
            waiting_s = _since(since, now)
    yield gauge("panic_lines", "Accounts of panics that are not at rest.", "status", counts)
    yield plain("panic_waiting_seconds", "Age of the oldest panic that was not sent.", waiting_s)


def _alerts() -> Iterator[Metric]:
    current = Alert.objects.current().order_by()
    counts: dict[str, Value] = dict.fromkeys(AlertKind.values, 0)
    counts |= dict(current.values_list("kind").annotate(Count("pk")))
    yield gauge("alerts", "Matters that stand.", "kind", counts)
    untold = current.filter(told_at=None, failures__gt=0).count()
    yield plain("alerts_untold", "Of these, those that could not be told yet.", untold)


def _log(now: datetime) -> Iterator[Metric]:
    tip = reader.tip()
    yield plain("log_position", "Position of the newest record.", tip)
    newest = AuditCheckpoint.objects.filter(lost_at=None).order_by("-number").first()
    signed = min(newest.count, tip) if newest else 0
    first = AuditRecord.objects.filter(position=signed + 1).values_list("at", flat=True).first()
    yield plain("unsigned_records", "Records under no checkpoint.", tip - signed)
    yield plain("unsigned_seconds", "Age of the oldest of them.", _since(first, now))
    if newest:
        words = "Age of the newest checkpoint."
        yield plain("checkpoint_age_seconds", words, _since(newest.at, now))


def _senders(now: datetime) -> Iterator[Metric]:
    fresh = list(Sender.objects.fresh(now))
    counts = Counter([*KINDS, *(sender.kind for sender in fresh)])
    counts.subtract(KINDS)
    yield gauge("senders_alive", "Senders heard of in the last 15 s.", "kind", {**counts})
    memory = {sender.name: sender.memory_kb * 1024 for sender in fresh}
    words = "Memory of a sending process, resident."
    yield gauge("sender_memory_bytes", words, "sender", {**memory})
    words = "How often the database or the broker failed a sending process since its start."
    errors = CounterMetricFamily(f"{PREFIX}sender_errors", words, labels=["sender", "of"])
    for sender in fresh:
        errors.add_metric([sender.name, "database"], sender.database_errors)
        errors.add_metric([sender.name, "broker"], sender.broker_errors)
    yield errors


def _credits(now: datetime) -> Iterator[Metric]:
    pools: dict[str, list[credits.Balance]] = {"keyless": [], "keyed": []}
    for balance in credits.pools(now=now):
        pools["keyless" if balance.name == credits.KEYLESS else "keyed"].append(balance)
    lowest = {kind: min(held, key=_share) for kind, held in pools.items() if held}
    for name, words in (
        ("left", "Credits left in the lowest pool of its kind."),
        ("reserve", "Credits of that pool kept for urgent work."),
        ("quota", "Credits that pool may spend in a minute."),
    ):
        values = {kind: getattr(balance, name) for kind, balance in lowest.items()}
        yield gauge(f"credits_{name}", words, "pool", values)
    paused = {kind: sum(each.paused_until is not None for each in pools[kind]) for kind in pools}
    yield gauge("credit_pools_paused", "Pools that HTTP 429 holds.", "pool", {**paused})


def _share(balance: credits.Balance) -> Decimal:
    return balance.left / balance.quota if balance.quota else Decimal(0)


def _accounts(now: datetime) -> Iterator[Metric]:
    states: Counter[str] = Counter({"live": 0, "not_live": 0, "off": 0})
    oldest_s, lag_ms = 0.0, 0
    accounts = Account.objects.active().select_related("stream").order_by("pk")
    for account in accounts.only("created_at", "synced_at", *STREAM):
        stream: AccountStream | None = getattr(account, "stream", None)
        state = _state(stream, now)
        states[state] += 1
        if state == "live" and stream is not None:
            lag_ms = max(lag_ms, stream.lag_ms or 0)
        else:
            oldest_s = max(oldest_s, _since(account.synced_at or account.created_at, now))
    words = "Active accounts, by how the exchange's stream of each stands."
    yield gauge("accounts", words, "stream", {**states})
    words = "Age of what is known of the open orders: the oldest read of an account not live."
    yield plain("open_orders_age_seconds", words, oldest_s)
    words = "From the exchange's time of a change to our commit: the slowest live account."
    yield plain("stream_lag_seconds", words, lag_ms / 1000)


STREAM = tuple(
    f"stream__{name}" for name in ("token", "leased_until", "caught_up_at", "healthy_at", "lag_ms")
)


def _state(stream: AccountStream | None, now: datetime) -> str:
    if stream is None or not stream.is_leased(now):
        return "off"
    return "live" if stream.is_healthy(now) else "not_live"


def _exchange_clock(now: datetime) -> Iterator[Metric]:
    known = clock.current(now)
    if known is not None:
        words = "The exchange's clock minus ours."
        yield plain("clock_offset_seconds", words, known.offset_ms / 1000)


def _since(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else max(0.0, (now - moment).total_seconds())

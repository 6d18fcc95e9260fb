"""What a fault run showed, in numbers, read from the log that it left."""

from collections import Counter, defaultdict
from datetime import UTC, datetime

from orders.models import AuditRecordOrder, Cancel, CancelStatus, Event
from orders.models.cancels import LIVE

NAMES = {  # what the checker's findings are counted as
    "lost intents": ("lost",),
    "false cancelled": ("false cancelled",),
    "false other endings": ("false",),
    "sent without a record": ("unrecorded",),
    "two in flight under one fence": ("doubled",),
    "outside rights": ("rights",),
    "keys found": ("key",),
    "breaks of the log": ("log",),
    "acts refused by the pages": ("refused",),
}


PLACED = {"make", "stop_created", "twap_created"}


def of(run, evidence, findings) -> dict:
    """All figures of a run."""
    cancels = Cancel.objects.all()
    past = _past()
    lost = {pk for pk, facts in past.items() if facts[Event.SENDER_LOST]}
    shown_s, settled_s = interrupted(past)
    settling = list(_settling(run, lost))
    return {
        "cancels": cancels.count(),
        "of them touched by a fault": len(touched(evidence, past)),
        "acknowledged intents": len(run.intents),
        "storms": len(run.calms) - 1,
        "kill -9 at random moments": run.kills,
        "deaths at named points and of full disks": run.stage.counts["deaths"] - run.kills,
        "done": dict(sorted(run.stage.counts.items())),
        "request faults met": dict(
            Counter(one["fault"] for one in evidence.requests if one["fault"])
        ),
        "outcomes": dict(Counter(cancels.values_list("status", flat=True))),
        "kinds": dict(Counter(cancels.values_list("kind", flat=True))),
        "unanswered": cancels.filter(has_unanswered=True).count(),
        "came_to_rest": run.is_at_rest,
        "still open, listed": cancels.open_questions().count(),
        "still open, not listed": cancels.filter(status__in=LIVE).count()
        - cancels.open_questions().count(),
        **counted(findings),
        "settled after health, s": spread([s for s, _ in settling], 11),
        "settled after health while a sender was frozen, s": spread(
            [s for s, _ in _settling(run, lost, is_frozen=True)], 11
        ),
        "slowest of them": [told for _, told in sorted(settling, key=lambda one: -one[0])[:8]],
        "picked up after recovery, s": spread(_pick_up_s(run, past), 5),
        "interrupted, shown as unknown, s": spread(shown_s, 60),
        "interrupted, settled, s": spread(settled_s, 90),
    }


def counted(findings) -> dict:
    """How many findings of each name; a finding counts once, under the first that fits."""
    counts = dict.fromkeys(NAMES, 0)
    for finding in findings:
        counts[next(name for name, heads in NAMES.items() if finding.startswith(heads))] += 1
    return counts


def spread(seconds, limit) -> dict:
    """Count, median, 99th percentile, maximum, and the share within the limit."""
    times = sorted(seconds)
    if not times:
        return {"count": 0}
    ranks = {"p50": len(times) // 2, "p99": int(len(times) * 0.99), "max": -1}
    within = sum(one <= limit for one in times) / len(times)
    spread = {name: round(times[rank], 2) for name, rank in ranks.items()}
    return {"count": len(times)} | spread | {f"share <= {limit}": round(within, 4)}


def _past():
    """Times of every cancel's records by event: cancel id -> event -> sorted moments."""
    past = defaultdict(lambda: defaultdict(list))
    wanted = [Event.REQUEST, Event.SENDER_LOST, Event.OUTCOME]
    rows = AuditRecordOrder.objects.filter(record__event__in=wanted).order_by("record__position")
    columns = ("cancel_id", "record__event", "record__at", "outcome")
    for pk, event, at, outcome in rows.values_list(*columns):
        if event != Event.SENDER_LOST or outcome == CancelStatus.UNKNOWN:
            past[pk][event].append(at.timestamp())
    return past


def touched(evidence, past) -> set:
    """Row ids of the cancels that a request fault, another hand or a dying sender befell."""
    spoiled = {i for one in evidence.requests if one["fault"] for i in one["order_ids"]}
    spoiled |= {
        one["order_id"]
        for one in evidence.effects
        if one["request"] is None and one["event"] not in PLACED
    }
    rows = Cancel.objects.values_list("pk", "order_id", "attempt")
    return {
        pk
        for pk, order_id, attempt in rows
        if order_id in spoiled or attempt > 1 or past[pk][Event.SENDER_LOST]
    }


def interrupted(past):
    """Of cancels whose sender died while sending: seconds until shown as unknown, until settled."""
    shown_s, settled_s = [], []
    for facts in past.values():
        for lost_at in facts[Event.SENDER_LOST]:
            sent_at = max((at for at in facts[Event.REQUEST] if at <= lost_at), default=None)
            if sent_at is None:
                continue
            shown_s.append(lost_at - sent_at)
            ended = [at for at in facts[Event.OUTCOME] if at >= lost_at]
            settled_s += [min(ended) - sent_at] if ended else []
    return shown_s, settled_s


def _settling(run, lost, is_frozen=False):
    """Seconds from when the exchange was well again to the outcome of what it left unanswered, and
    in words which cancel that was.

    Left out: what ended as not found, what stale reads could show, and what a dying sender held.
    """
    ended = Cancel.objects.filter(has_unanswered=True, concluded_at__isnull=False)
    for cancel in ended.exclude(status=CancelStatus.NOT_FOUND).exclude(pk__in=lost):
        asked_at, ended_at = cancel.first_sent_at.timestamp(), cancel.concluded_at.timestamp()
        if _overlaps(run.stale, asked_at, ended_at):
            continue
        if _overlaps(run.frozen, asked_at, ended_at) == is_frozen:
            well_at = min((at for at in run.calms if at >= asked_at), default=asked_at)
            seconds = max(0.0, ended_at - well_at)
            about = f"{cancel.attempt} attempts, {cancel.checks} checks: {cancel.explanation}"
            yield seconds, f"{seconds:.1f} s, {cancel.kind}, {cancel.status}, {about}"


def _pick_up_s(run, past):
    """Seconds from recovery until what was queued was recorded as sent; none where it never was."""
    for pk, ready_at in run.picked.items():
        if _overlaps(run.frozen, ready_at, ready_at + 5):
            continue
        sent = [at for at in past[pk][Event.REQUEST] if at >= ready_at - 0.05]
        yield max(0.0, min(sent) - ready_at) if sent else float("inf")


def _overlaps(spans, since, until):
    now = datetime.now(UTC).timestamp()
    return any(begin <= until and since <= (end or now) for begin, end in spans)

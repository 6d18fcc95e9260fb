"""What a fault run showed, in numbers, read from the log that it left."""

import re
from collections import Counter, defaultdict
from datetime import UTC, datetime

from orders.models import AuditRecord, AuditRecordOrder, Cancel, CancelStatus, Event, Proof
from orders.models.cancels import LIVE

NAMES = {  # what the checker's findings are counted as
    "lost intents": ("lost",),
    "false cancelled": ("false cancelled",),
    "false other endings": ("false",),
    "wrong causes": ("cause",),
    "orders astray": ("astray",),
    "sent from a copy put back": ("restored",),
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
    past = _past(run.when)
    lost = {pk for pk, facts in past.items() if facts[Event.SENDER_LOST]}
    shown_s, settled_s = interrupted(past)
    settling = list(_settling(run, lost))
    return {
        "cancels": cancels.count(),
        "of them touched by a fault": len(touched(evidence, past)),
        "acknowledged intents": len(run.intents),
        "storms": len(run.calms) - 1,
        "kill -9 at random moments": run.kills,
        "died otherwise: at named points, of a lost database": run.died_otherwise,
        "done": dict(sorted(run.stage.counts.items())),
        "request faults met": dict(
            Counter(one["fault"] for one in evidence.requests if one["fault"])
        ),
        "outcomes": dict(Counter(cancels.values_list("status", flat=True))),
        "kinds": dict(Counter(cancels.values_list("kind", flat=True))),
        "unanswered": cancels.filter(has_unanswered=True).count(),
        "came_to_rest": run.is_at_rest,
        "not at rest": [
            f"{one.pk} {one.status} {one.kind}, {one.checks} checks: {one.explanation}"
            for one in cancels.filter(status__in=LIVE)[:10]
        ],
        "shown by": dict(
            Counter(Proof(one).label for one in cancels.values_list("proof", flat=True))
        ),
        "records of the stream": AuditRecord.objects.filter(event=Event.STREAM).count(),
        "errors in the processes' log": errors(run.stage.folder / "processes.log"),
        "still open, listed": cancels.open_questions().count(),
        "still open, not listed": cancels.filter(status__in=LIVE).count()
        - cancels.open_questions().count(),
        **counted(findings),
        "settled after health, s": spread([one[0] for one in settling], 11),
        "settled after health while a sender was frozen, s": spread(
            [one[0] for one in _settling(run, lost, is_frozen=True)], 11
        ),
        "slowest of them": slowest(settling, evidence, run.when),
        "picked up after recovery, s": spread(_pick_up_s(run, past), 5),
        "interrupted, shown as unknown, s": spread(shown_s, 60),
        "interrupted, settled, s": spread(settled_s, 90),
    }


CAUSE = re.compile(  # an exception that another one was raised from or while handling
    r"^Traceback .*\n(?:(?!Traceback ).*\n)*?(?:The above exception was|During handling of).*\n",
    re.M,
)


def errors(path) -> dict:
    """How often which error ended a step or a process, by the last line of its traceback."""
    ends = CAUSE.sub("", path.read_text())
    found = re.findall(r"^[\w.]+(?:Error|Exception|Interrupt)\b.*", ends, re.M)
    return dict(Counter(re.sub(r"\d[\d.]*", "…", line) for line in found))


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


def _past(when):
    """Times of every cancel's records by event: cancel id -> event -> moments in seconds."""
    past = defaultdict(lambda: defaultdict(list))
    wanted = [Event.REQUEST, Event.SENDER_LOST, Event.OUTCOME]
    rows = AuditRecordOrder.objects.filter(record__event__in=wanted).order_by("record__position")
    columns = ("cancel_id", "record__event", "record__at", "outcome")
    for pk, event, at, outcome in rows.values_list(*columns):
        if event != Event.SENDER_LOST or outcome == CancelStatus.UNKNOWN:
            past[pk][event].append(when(at))
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


def slowest(settling, evidence, when, count=5) -> list[str]:
    """The lives of the cancels that took longest, one of each job."""
    by_job = {}
    for seconds, cancel, well_at in sorted(settling, key=lambda one: -one[0]):
        by_job.setdefault(cancel.job_id, (seconds, cancel, well_at))
    return [_life(*one, evidence, when) for one in list(by_job.values())[:count]]


def _life(seconds, cancel, well_at, evidence, when):
    """What the log and the exchange say of it, in seconds from when that was well again."""
    lines = AuditRecordOrder.objects.filter(cancel=cancel.pk).order_by("record__position")
    steps = [
        f"{event} {outcome} {when(at) - well_at:+.1f}".replace("  ", " ")
        for event, outcome, at in lines.values_list("record__event", "outcome", "record__at")
    ]
    steps += [
        f"[{one['fault'] or one['verdict']} {one['at_ms'] / 1000 - well_at:+.1f}]"
        for one in evidence.requests
        if cancel.order_id in one["order_ids"]
    ]
    return f"{seconds:.1f} s, {cancel.kind}, {cancel.checks} checks: {', '.join(steps)}"


def _settling(run, lost, is_frozen=False):
    """(seconds from when the exchange was well again to the outcome, cancel, when it was well) of
    what was left unanswered.

    Left out: what ended as not found, what stale reads could show, and what a dying sender held.
    """
    ended = Cancel.objects.filter(has_unanswered=True, concluded_at__isnull=False)
    ended = ended.filter(first_sent_at__isnull=False, restored_at__isnull=True)
    for cancel in ended.exclude(status=CancelStatus.NOT_FOUND).exclude(pk__in=lost):
        asked_at, ended_at = run.when(cancel.first_sent_at), run.when(cancel.concluded_at)
        if _overlaps(run.stale, asked_at, ended_at):
            continue
        if _overlaps(run.frozen, asked_at, ended_at) == is_frozen:
            well_at = min((at for at, _ in run.calms if at >= asked_at), default=asked_at)
            yield max(0.0, ended_at - well_at), cancel, well_at


def _pick_up_s(run, past):
    """Seconds from recovery until what was queued was recorded as sent. What could be sent only
    once the next storm had begun is left out.
    """
    for pk, ready_at in run.picked.items():
        if _overlaps(run.frozen, ready_at, ready_at + 5) or not _overlaps(
            run.calms, ready_at, ready_at
        ):
            continue
        sent = [at for at in past[pk][Event.REQUEST] if at >= ready_at - 0.05]
        yield max(0.0, min(sent) - ready_at) if sent else float("inf")


def _overlaps(spans, since, until):
    now = datetime.now(UTC).timestamp()
    return any(begin <= until and since <= (end or now) for begin, end in spans)

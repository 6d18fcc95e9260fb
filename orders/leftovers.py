"""Cancel what a cancel-all left over, each by its own route; strategies first, for they place
orders again."""

from datetime import timedelta
from functools import partial

from django.db.models import Max, Q
from django.utils.timezone import now as clock

from orders import asking, clocking, delivery
from orders.book_looks import ORDERS, STRATEGIES, TWAPS
from orders.keys import CannotOpen, KeySettingsWrong
from orders.models import Cancel, CancelKind, CancelStatus, JobStatus
from orders.models.cancels import LIVE
from orders.models.clocks import is_ahead
from orders.pacifica import answers
from orders.pacifica.client import Answer
from orders.pacifica.signing import Unsignable
from orders.panic_lines import answered, keep
from orders.panic_requests import (
    exchange,
    has_left,
    signer_of,
    tell_of_another,
    times,
    why_not,
)
from orders.routes import kind_of
from orders.targets import Target

LAG = timedelta(seconds=1.5)  # an order that cancel-all took may be listed so long after its yes


class Leftovers:
    """What a line's looks found, cancelled pass by pass; each strategy until the exchange said."""

    def __init__(self, line):
        self._line = line
        self._strategies = {}  # id -> why it was not cancelled, or nothing

    def cancel(self, rows):
        """One pass over the (route, row) pairs of a look."""
        for path, row in rows:
            if path == STRATEGIES and row.strategy_id not in self._strategies:
                self._cancel_strategy(row.strategy_id)
        line, offset = self._line, _offset()
        singly = [one for one in rows if one[0] != STRATEGIES]
        if due := [one for one in singly if not _may_lag(line, one, offset)]:
            _cancel_singly(line, due)

    def refusals(self) -> str:
        """How many were refused, and why the first of them was."""
        why = [said for said in self._strategies.values() if said]
        refused = _own(self._line).filter(status=CancelStatus.REFUSED)
        why += refused.order_by("pk").values_list("explanation", flat=True)
        return f"{len(why)} refused: {why[0]}" if why else ""

    def _cancel_strategy(self, strategy_id):
        """Sent again by the next pass, which is safe by its id, until it is taken or refused."""
        if why_not(self._line):  # the next pass says so
            return
        try:
            signer, _ = signer_of(self._line)
            request = signer.cancel_strategy(strategy_id=strategy_id, **times())
            verdict = exchange(self._line, request, partial(_judged, self._line, strategy_id))
        except (CannotOpen, KeySettingsWrong, Unsignable) as error:
            self._strategies[strategy_id] = f"strategy {strategy_id}: {error}."
            return
        if verdict is None or verdict.kind in {"unknown", "throttled"}:
            return
        said = f"strategy {strategy_id}: {verdict.hint} {verdict.error}".strip()
        self._strategies[strategy_id] = said if verdict.kind == "refused" else ""


def _judged(line, strategy_id, result, before):
    """The verdict on a strategy's cancel, recorded; None where nothing came back."""
    verdict = None
    if isinstance(result, Answer):
        subject = answers.Subject(strategy_id=strategy_id, account=line.account.address)
        about = {"subject": subject, "is_whole": result.is_whole}
        verdict = answers.cancel_verdict(result.status, result.body, **about)
        tell_of_another(line, verdict)
    values = {} if has_left(result) else before
    answered(line, result, verdict.kind if verdict else "unknown", **values)
    return verdict


def _offset():
    """The exchange's clock minus ours, where they differ by more than a measurement's error."""
    known = clocking.current(clock())
    return timedelta(milliseconds=known.offset_ms if known and known.is_off else 0)


def _may_lag(line, one, offset) -> bool:
    """Whether an accepted cancel-all took it, and the book may only not show that yet."""
    path, row = one
    if path != ORDERS or kind_of(row) != CancelKind.ORDER or row.created_at is None:
        return False
    if line.cancelled_count is None:
        return False
    if not timedelta(0) <= clock() - line.answered_at <= LAG:  # a clock may have been set back
        return False
    return row.created_at <= (line.sent_at + offset).timestamp() * 1000


def _cancel_singly(line, rows):
    """A cancel for each that has none, and whatever waits is sent now."""
    ids = {row.order_id for _, row in rows}
    names = [row.client_order_id for _, row in rows if row.client_order_id]
    _hurry(line, Q(order_id__any=ids) | Q(client_order_id__in=names))
    tried = _own(line).filter(order_id__any=ids).exclude(status__in=LIVE)
    tried = set(tried.values_list("order_id", flat=True))
    known = {one.order_id: one for one in line.account.orders.filter(order_id__any=ids)}
    rows = [(path, row) for path, row in rows if row.order_id not in tried]
    targets = [_target(line, path, row, known.get(row.order_id)) for path, row in rows]
    if targets:
        asking.extend(line.job, targets)
    about = {"account_id": line.account_id, "is_urgent_only": True, "is_for_panic": True}
    if delivery.deliver_account(**about):
        _note_last_sent(line)


def _own(line):
    """The cancels of this panic on this account, since somebody asked for it last."""
    own = line.job.cancels.filter(account=line.account)
    if is_ahead(line.asked_at, clock()):
        return own
    return own.filter(requested_at__gte=line.asked_at)


def _hurry(line, named):
    """What waits in bulk for the same orders goes now; a stopped job's is not sent by this."""
    waiting = Cancel.objects.filter(named, account=line.account, status=CancelStatus.QUEUED)
    waiting = waiting.filter(is_urgent=False, job__status=JobStatus.RUNNING)
    if waiting.exists():
        waiting.update(is_urgent=True, not_before_at=None)


def _note_last_sent(line):
    sent = _own(line).filter(first_sent_at__isnull=False)
    last_sent_at = sent.aggregate(last=Max("sent_at"))["last"]
    if last_sent_at and last_sent_at > (line.last_sent_at or line.asked_at):
        keep(line, last_sent_at=last_sent_at)


def _target(line, path, row, known):
    kind = CancelKind.TWAP if path == TWAPS else kind_of(row)
    return Target(line.account, row.symbol, kind, row.order_id, row.client_order_id, known)

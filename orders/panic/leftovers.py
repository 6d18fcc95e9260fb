"""Cancel what a cancel-all left over, each by its own route; strategies first, for they place
orders again."""

from datetime import timedelta

from django.db.models import Max, Q
from django.utils import timezone

from orders.cancels import intake
from orders.delivery import worker
from orders.exchange import clock as exchange_clock
from orders.lifecycle.routes import kind_of
from orders.lifecycle.targets import Target
from orders.models import Cancel, CancelKind, CancelStatus, JobStatus, Order, PanicLine
from orders.models.cancels import LIVE, CancelQuerySet
from orders.models.clocks import is_ahead
from orders.pacifica.rows import OpenOrder, OrderStrategy, TwapOrder
from orders.panic.claimed_lines import update_line
from orders.panic.exchange_requests import why_not
from orders.panic.open_orders import OpenRow
from orders.panic.strategies import Strategies
from orders.panic.timings import TIMINGS


class Leftovers:
    """What a line's looks found, cancelled pass by pass; each strategy until the exchange said."""

    def __init__(
        self,
        line: PanicLine,
        strategies: Strategies | None = None,
        *,
        lag: timedelta = TIMINGS.lag,
    ) -> None:
        self._line, self._lag = line, lag
        self._strategies = strategies or Strategies(line)

    def cancel(self, rows: list[OpenRow]) -> None:
        """Make one pass over the rows of a look."""
        ids = [row.strategy_id for row in rows if isinstance(row, OrderStrategy)]
        if ids and not why_not(self._line):  # else the next pass says so
            self._strategies.cancel(ids)
        line, offset = self._line, _offset()
        singly = [row for row in rows if not isinstance(row, OrderStrategy)]
        if due := [row for row in singly if not _may_lag(line, row, offset, self._lag)]:
            _cancel_singly(line, due)

    def refusals(self) -> str:
        """How many were refused, and why the first of them was."""
        why = self._strategies.refusals()
        refused = _own(self._line).filter(status=CancelStatus.REFUSED)
        why += refused.order_by("pk").values_list("explanation", flat=True)
        return f"{len(why)} refused: {why[0]}" if why else ""


def _offset() -> timedelta:
    """The exchange's clock minus ours, where they differ by more than a measurement's error."""
    known = exchange_clock.current(timezone.now())
    return timedelta(milliseconds=known.offset_ms if known and known.is_off else 0)


def _may_lag(
    line: PanicLine, row: OpenOrder | TwapOrder, offset: timedelta, lag: timedelta
) -> bool:
    """Whether an accepted cancel-all took it, and the open orders may only not show that yet."""
    if not isinstance(row, OpenOrder) or kind_of(row) != CancelKind.ORDER or row.created_at is None:
        return False
    if line.cancelled_count is None or line.sent_at is None or line.answered_at is None:
        return False
    since = timezone.now() - line.answered_at  # negative where a clock was set back
    if not timedelta(0) <= since <= lag:
        return False
    return row.created_at <= (line.sent_at + offset).timestamp() * 1000


def _cancel_singly(line: PanicLine, rows: list[OpenOrder | TwapOrder]) -> None:
    """Make a cancel for each that has none, and send now whatever waits."""
    ids = {row.order_id for row in rows}
    names = [row.client_order_id for row in rows if row.client_order_id]
    _hurry(line, Q(order_id__any=ids) | Q(client_order_id__in=names))
    ended = _own(line).filter(order_id__any=ids).exclude(status__in=LIVE)
    tried = set(ended.values_list("order_id", flat=True))
    known = {order.order_id: order for order in line.account.orders.filter(order_id__any=ids)}
    targets = [
        _target(line, row, known.get(row.order_id)) for row in rows if row.order_id not in tried
    ]
    if targets:
        intake.extend(line.job, targets)
    if worker.deliver_account(account_id=line.account_id, is_urgent_only=True, is_for_panic=True):
        _note_last_sent(line)


def _own(line: PanicLine) -> CancelQuerySet:
    """The cancels of this panic on this account, since somebody asked for it last."""
    own = line.job.cancels.filter(account=line.account)
    if is_ahead(line.last_asked_at, timezone.now()):
        return own
    return own.filter(requested_at__gte=line.last_asked_at)


def _hurry(line: PanicLine, named: Q) -> None:
    """What waits in bulk for the same orders goes now; a stopped job's is not sent by this."""
    waiting = Cancel.objects.filter(named, account=line.account, status=CancelStatus.QUEUED)
    waiting = waiting.filter(is_urgent=False, job__status=JobStatus.RUNNING)
    if waiting.exists():
        waiting.update(is_urgent=True, not_before_at=None)


def _note_last_sent(line: PanicLine) -> None:
    sent = _own(line).filter(first_sent_at__isnull=False)
    last_sent_at = sent.aggregate(last=Max("sent_at"))["last"]
    if last_sent_at and last_sent_at > (line.last_sent_at or line.last_asked_at):
        update_line(line, last_sent_at=last_sent_at)


def _target(line: PanicLine, row: OpenOrder | TwapOrder, known: Order | None) -> Target:
    kind = CancelKind.TWAP if isinstance(row, TwapOrder) else kind_of(row)
    return Target(line.account, row.symbol, kind, row.order_id, row.client_order_id, known)

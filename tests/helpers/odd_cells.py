"""One odd field of one row, met by one act: the cells of the table in test_odd_cells.py.

Each act lays out sound orders and one order T whose row is odd, acts, and leaves what happened for
`judge`: the exchange's own truth against what we say.
"""

from dataclasses import replace
from datetime import timedelta

from django.utils import timezone

from orders.cancels import requests
from orders.delivery import worker
from orders.models import Cancel, CancelKind, CancelStatus, Order, OrderState, PanicLine
from orders.models.cancels import LIVE
from orders.pacifica.rows import HistoryOrder, OpenOrder, OrderEvent, OrderStrategy, TwapOrder
from orders.panic import decision
from orders.panic import worker as panic_worker
from orders.reconcile import resolve
from orders.reconcile import sync as account_sync
from tests.helpers.panics import QUICK

ODDITIES = {  # JSON text in the place of the value
    "missing": None,
    "null": "null",
    "empty": '""',
    "wrong type": "[1]",
    "a flag": "true",
    "exponent": "7.3e-7",
    "exponent in quotes": '"1E-7"',
    "huge": "1e999999",
    "many digits": "9" * 400,
    "unprintable": '"\\u0007x"',
    "no character": '"\\ud800"',
    "repeated": '"a", "{field}": "b"',
    "twice": '"7"',
}
CLIENT_ID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
CHILD = {"symbol": "BTC", "side": "bid", "price": "1", "initial_amount": "1"}
LIMITS_S = (1, 4, 9, 35, 70, 110)  # when a question is looked at again, after it was asked


QUICKEST = replace(QUICK, max_pause_s=0.02)  # a book that is never seen empty is looked at often


class FewLooks:
    """A panic's deadline in looks instead of seconds, however fast the machine is."""

    def __init__(self, timings):
        self._left = 5

    @property
    def is_over(self):
        self._left -= 1
        return self._left < 0

    def put_off(self, seconds):
        """No credits are short here."""


def fields_of(kind):
    return [name for name, each in kind.__dataclass_fields__.items() if each.metadata]


class Cell:
    """One cell while it runs."""

    def __init__(self, firm, field, oddity):
        self.firm, self.paper, self.address = firm, firm.paper, firm.account.address
        self.field, self.oddity = field, oddity
        self.route = None

    def alter(self, route, which):
        """From now on the row meant is odd in every answer of the route."""
        text = ODDITIES[self.oddity]
        about = {"which": which, "is_twin": self.oddity == "twice"}
        if text is None:
            about["without"] = [self.field]
        else:
            about["spelled"] = {self.field: text.replace("{field}", self.field)}
        self.route = route
        self.paper.fault(route, "altered", times=None, **about)

    def place(self, count=1, **fields):
        """Orders of the exchange, not read in yet; their ids."""
        return self.paper.orders(self.address, [fields] * count)

    def sync(self):
        return account_sync.sync_account(account_id=self.firm.account.pk)

    def known(self, order_id):
        return Order.objects.get(account=self.firm.account, order_id=order_id)

    def click(self, *order_ids):
        orders = [self.known(one).pk for one in order_ids]
        about = {"user": self.firm.operator, "actor": self.firm.actor()}
        requests.cancel_orders(order_ids=orders, **about)
        self.deliver()

    def by_id(self, **about):
        about = {"symbol": "BTC", "kind": CancelKind.ORDER} | about
        about |= {"user": self.firm.operator, "actor": self.firm.actor()}
        requests.cancel_by_id(account_id=self.firm.account.pk, **about)
        self.deliver()

    def deliver(self):
        worker.deliver_account(account_id=self.firm.account.pk)

    def settle(self):
        """Ask again and again, sending again what was queued, for two minutes."""
        began = timezone.now()
        for seconds in LIMITS_S:
            if not Cancel.objects.filter(status__in=LIVE).exists():
                return
            now = began + timedelta(seconds=seconds)
            Cancel.objects.filter(status__in=LIVE, next_check_at__gt=now).update(next_check_at=now)
            resolve.settle_account(account_id=self.firm.account.pk, clock=lambda now=now: now)
            Cancel.objects.filter(not_before_at__gt=timezone.now()).update(not_before_at=None)
            self.deliver()

    def panic(self):
        about = {"user": self.firm.operator, "actor": self.firm.actor()}
        decision.record_panic(desk_id=self.firm.momentum.pk, **about)
        for line in panic_worker.claim_lines(timezone.now()):
            panic_worker.empty(line, timings=QUICKEST)
        return PanicLine.objects.get()

    def truth(self):
        return self.paper.truth(self.address)

    @property
    def names_another_symbol(self):
        """Whether the odd row names, readably, a symbol that is not the order's."""
        return (self.field, self.oddity) == ("symbol", "exponent in quotes")

    @property
    def was_met(self):
        """Whether the odd row was read by the act."""
        return any(one.get("fault") == "altered" for one in self.paper.requests(self.route))


def judge(cell):
    """Nothing is said that the exchange's truth does not bear out."""
    truth = cell.truth()
    for cancel in Cancel.objects.all():
        if cancel.status == CancelStatus.CANCELLED:
            order = truth[cancel.order_id or _named(truth)]
            assert not order["is_open"], cancel.explanation
            assert order["order_status"] == "cancelled", cancel.explanation
        if cancel.status == CancelStatus.FILLED:
            order = truth[cancel.order_id or _named(truth)]
            assert order["order_status"] in {"filled", "completed"}, cancel.explanation
    for line in PanicLine.objects.all():
        if line.status == "empty":
            assert not [one for one in truth.values() if one["is_open"]], line.explanation
    for order in Order.objects.filter(state=OrderState.CLOSED):
        assert truth[order.order_id]["order_status"] == order.order_status


def _named(truth):
    return next(i for i, one in truth.items() if one["client_order_id"] == CLIENT_ID)


# The acts


def book_sync(cell):
    """Two known orders, T known among them, and a new sound one."""
    sound, odd = cell.place(2)
    cell.sync()
    (new,) = cell.place()
    cell.alter("/orders", {"order_id": odd})
    cell.sync()
    for order_id in (sound, new):
        order = cell.known(order_id)
        assert (order.state, order.trouble) == (OrderState.OPEN, "")
    assert cell.known(odd).state == OrderState.OPEN


def book_settle(cell):
    """A sound one cancelled and T not, both answers lost, beside T's odd row."""
    sound, odd = cell.place(2)
    cell.sync()
    cell.paper.fault("/orders/cancel", "apply_then_drop")
    cell.click(sound)
    cell.paper.fault("/orders/cancel", "drop")
    cell.click(odd)
    cell.alter("/orders", {"order_id": odd})
    cell.settle()
    assert Cancel.objects.get(order_id=sound).status == CancelStatus.CANCELLED


def book_panic(cell):
    """Cancel-all does nothing and its answer is lost."""
    *sound, odd = cell.place(3)
    cell.sync()
    cell.paper.fault("/orders/cancel_all", "drop", times=None)
    cell.alter("/orders", {"order_id": odd})
    line = cell.panic()
    truth = cell.truth()
    assert not [one for one in sound if truth[one]["is_open"]], line.explanation
    if truth[odd]["is_open"] and not cell.names_another_symbol:
        assert "could not be read: row " in line.explanation


def book_single(cell):
    """T is read in from its odd row, or named by a person, and cancelled."""
    sound, odd = cell.place(2)
    cell.alter("/orders", {"order_id": odd})
    cell.sync()
    if Order.objects.filter(order_id=odd).exists():
        cell.click(odd)
    else:
        cell.by_id(order_id=odd)
    cell.settle()
    if not cell.names_another_symbol:
        assert Cancel.objects.get().status == CancelStatus.CANCELLED
    assert cell.known(sound).state == OrderState.OPEN


def pages_sync(cell):
    """Both closed by another hand, T by a trade; only the pages tell, and T's row is odd."""
    sound, odd, still = cell.place(3)
    cell.sync()
    cell.paper.close(sound)
    cell.paper.fill(odd)
    cell.paper.fault("/orders/history_by_id", "status", times=None)
    cell.alter("/orders/history", {"order_id": odd})
    cell.sync()
    assert cell.known(sound).order_status == "cancelled"
    assert cell.known(still).state == OrderState.OPEN


def pages_settle(cell):
    """Four answers lost; T had filled before."""
    *sound, odd = cell.place(4)
    cell.sync()
    cell.paper.fault("/orders/cancel", "apply_then_drop", times=3)
    for one in sound:
        cell.click(one)
    cell.paper.fill(odd)
    cell.paper.fault("/orders/cancel", "drop", times=None)
    cell.click(odd)
    cell.paper.fault("/orders/history_by_id", "status", times=None)
    cell.alter("/orders/history", {"order_id": odd})
    cell.settle()
    ends = set(Cancel.objects.filter(order_id__in=sound).values_list("status", flat=True))
    assert ends <= {CancelStatus.CANCELLED, CancelStatus.UNKNOWN}  # T may be what one lives on as


def pages_single(cell):
    """T, never seen here and filled, is cancelled by its client order id."""
    (odd,) = cell.place(client_order_id=CLIENT_ID)
    cell.paper.fill(odd)
    cell.alter("/orders/history", {"order_id": odd})
    cell.by_id(client_order_id=CLIENT_ID)
    cell.settle()


def events_sync(cell):
    """T traded away, and only the events of its id tell."""
    odd, still = cell.place(2)
    cell.sync()
    cell.paper.fill(odd)
    cell.paper.fault("/orders/history", "status", times=None)
    cell.alter("/orders/history_by_id", "first")
    cell.sync()
    assert cell.known(still).state == OrderState.OPEN


def events_settle(cell):
    """T filled before our cancel, whose answer is lost."""
    (odd,) = cell.place()
    cell.sync()
    cell.paper.fill(odd)
    cell.paper.fault("/orders/cancel", "drop", times=None)
    cell.click(odd)
    cell.alter("/orders/history_by_id", "first")
    cell.settle()


def events_single(cell):
    """T, never seen here, is cancelled by its id after it filled."""
    (odd,) = cell.place()
    cell.paper.fill(odd)
    cell.alter("/orders/history_by_id", "first")
    cell.paper.fault("/orders/history", "status", times=None)
    cell.by_id(order_id=odd)
    cell.settle()


def twap_book_settle(cell):
    """As `book_settle`, of TWAPs."""
    sound, odd = cell.place(2, order_type="twap")
    cell.paper.fault("/orders/twap/cancel", "apply_then_drop")
    cell.by_id(order_id=sound, kind=CancelKind.TWAP)
    cell.paper.fault("/orders/twap/cancel", "drop")
    cell.by_id(order_id=odd, kind=CancelKind.TWAP)
    cell.alter("/orders/twap", {"order_id": odd})
    cell.settle()
    assert Cancel.objects.get(order_id=sound).status == CancelStatus.CANCELLED


def twap_book_panic(cell):
    """The orders and the sound TWAP go, whatever T's row is like."""
    (order,) = cell.place()
    sound, odd = cell.place(2, order_type="twap")
    cell.paper.fault("/orders/cancel_all", "drop", times=None)
    cell.alter("/orders/twap", {"order_id": odd})
    line = cell.panic()
    truth = cell.truth()
    assert not [one for one in (order, sound) if truth[one]["is_open"]], line.explanation


def twap_book_single(cell):
    """A TWAP is cancelled beside T's odd row."""
    sound, odd = cell.place(2, order_type="twap")
    cell.alter("/orders/twap", {"order_id": odd})
    cell.by_id(order_id=sound, kind=CancelKind.TWAP)
    cell.settle()
    assert Cancel.objects.get().status == CancelStatus.CANCELLED
    assert cell.truth()[odd]["is_open"]


def twap_pages_settle(cell):
    """Two lost answers; T had filled before, and only the pages tell."""
    sound, odd = cell.place(2, order_type="twap")
    cell.paper.fault("/orders/twap/cancel", "apply_then_drop")
    cell.by_id(order_id=sound, kind=CancelKind.TWAP)
    cell.paper.fill(odd)
    cell.paper.fault("/orders/twap/cancel", "drop", times=None)
    cell.by_id(order_id=odd, kind=CancelKind.TWAP)
    cell.paper.fault("/orders/twap/history_by_id", "status", times=None)
    cell.alter("/orders/twap/history", {"order_id": odd})
    cell.settle()
    assert Cancel.objects.get(order_id=sound).status == CancelStatus.CANCELLED


def twap_events_settle(cell):
    """T filled before our cancel, whose answer is lost, and only its own events tell."""
    (odd,) = cell.place(order_type="twap")
    cell.paper.fill(odd)
    cell.paper.fault("/orders/twap/cancel", "drop", times=None)
    cell.by_id(order_id=odd, kind=CancelKind.TWAP)
    cell.paper.fault("/orders/twap/history", "status", times=None)
    cell.alter("/orders/twap/history_by_id", "first")
    cell.settle()


def strategies_panic(cell):
    """The sound strategy and the order go, whatever T's row is like."""
    (order,) = cell.place()
    sound, odd = (cell.paper.strategy(cell.address, orders=[CHILD]) for _ in range(2))
    cell.paper.fault("/orders/cancel_all", "drop", times=None)
    cell.alter("/order_strategies", {"strategy_id": odd["strategy_id"]})
    line = cell.panic()
    truth = cell.truth()
    assert not [i for i in (order, *sound["order_ids"]) if truth[i]["is_open"]], line.explanation
    cell.stands = cell.paper.unfinished(cell.address)
    assert sound["strategy_id"] not in cell.stands
    assert not (cell.stands and line.status == "empty")


ACTS = [
    (OpenOrder, [book_sync, book_settle, book_panic, book_single]),
    (HistoryOrder, [pages_sync, pages_settle, pages_single]),
    (OrderEvent, [events_sync, events_settle, events_single]),
    (TwapOrder, [twap_book_settle, twap_book_panic, twap_book_single]),
    (TwapOrder, [twap_pages_settle, twap_events_settle]),
    (OrderStrategy, [strategies_panic]),
]

"""What happens to orders: placed, filled, edited, cancelled; each an event and an effect."""

from collections.abc import Callable
from decimal import Decimal

from .book import ORDER, STOP, TWAP, Book, Event, PaperOrder
from .ledger import Ledger
from .strategies import Strategies, Strategy
from .stream import Stream

# Status and reason an order ends with, by the event that closes it (docs.pacifica.fi enumerations).
CLOSINGS = {
    "cancel": "cancelled",
    "force_cancel": "cancelled",
    "expired": "cancelled",
    "post_only_rejected": "rejected",
    "self_trade_prevented": "rejected",
}
PLACINGS = {ORDER: "make", STOP: "stop_created", TWAP: "twap_created"}


class Engine:
    """The matching engine without the matching: orders rest until somebody acts on them.

    ``clock`` gives the exchange's time in ms. ``stream`` is told of every change. ``request`` is
    everywhere the ledger number of the request that is the cause, or None.
    """

    def __init__(
        self,
        *,
        book: Book,
        ledger: Ledger,
        strategies: Strategies,
        stream: Stream,
        clock: Callable[[], int],
    ) -> None:
        self.book = book
        self.ledger = ledger
        self.strategies = strategies
        self.stream = stream
        self.clock = clock

    def place(self, order: PaperOrder, *, request: int | None = None) -> PaperOrder:
        """Take a new order in as an open one; give it its times, and an id unless it has one."""
        order.order_id = order.order_id or self.book.last_order_id + 1
        order.created_at = self.clock()
        if order.kind == TWAP:
            order.order_status = "in_execution"
        elif order.filled_amount != "0":
            order.order_status = "partially_filled"
        self.book.add(order)
        self._happened(order, PLACINGS[order.kind], at=order.created_at, request=request)
        return order

    def cancel(
        self, order: PaperOrder, *, event: str = "cancel", request: int | None = None
    ) -> None:
        """Close an open order; what was not filled is cancelled. ``event``: one of `CLOSINGS`."""
        now = self.clock()
        self._cancel(order, event=event, at=now, request=request)
        if order.strategy_id is not None and event == "cancel":
            self.strategies.order_was_cancelled(order, at=now)

    def cancel_all(
        self,
        *,
        account: str,
        symbol: str | None,
        spare_reduce_only: bool,
        takes_stops: bool,
        request: int,
    ) -> int:
        """Cancel the account's orders and TWAP orders, of one symbol or (None) all; count."""
        taken = [
            order
            for order in self.book.open[account].values()
            if (symbol is None or order.symbol == symbol)
            and not (spare_reduce_only and order.reduce_only)
            and (takes_stops or order.kind != STOP)
        ]
        for order in taken:
            self.cancel(order, request=request)
        return len(taken)

    def cancel_strategy(self, strategy: Strategy, *, request: int | None = None) -> None:
        """End the strategy and cancel its open orders; fills stay."""
        now = self.clock()
        strategy.lifecycle, strategy.due, strategy.updated_at = "cancelled", [], now
        for order in list(self.book.open[strategy.account].values()):
            if order.strategy_id == strategy.strategy_id:
                self._cancel(order, event="cancel", at=now, request=request)
        self.stream.strategy_changed(strategy)

    def fill(
        self,
        order: PaperOrder,
        *,
        amount: str | None = None,
        price: str | None = None,
        request: int | None = None,
    ) -> None:
        """Fill some of an open order, or (None) the rest, at its own price unless told."""
        left = remaining(order)
        taken = left if amount is None else min(Decimal(amount), left)
        order.last_filled_price = price or order.price
        self._average_in(order, taken, Decimal(order.last_filled_price))
        order.filled_amount = plain_text(Decimal(order.filled_amount) + taken)
        is_whole = taken == left
        if order.kind == TWAP:
            order.order_status, event = "in_execution", "sub_order_executed"
            if is_whole:
                order.order_status = "completed"
        else:
            order.order_status = "filled" if is_whole else "partially_filled"
            event = "fulfill_market" if order.order_type == "market" else "fulfill_limit"
        if is_whole:
            self.book.remove_closed(order)
        self._happened(order, event, at=self.clock(), request=request)

    def edit(
        self,
        order: PaperOrder,
        *,
        price: str | None = None,
        amount: str | None = None,
        request: int | None = None,
    ) -> PaperOrder:
        """Cancel the order and place a new one with a new id and the same client order id."""
        self._cancel(order, event="cancel", at=self.clock(), request=request)
        new = PaperOrder(
            account=order.account,
            symbol=order.symbol,
            side=order.side,
            price=price or order.price,
            initial_amount=amount or plain_text(Decimal(order.cancelled_amount)),
            client_order_id=order.client_order_id,
            reduce_only=order.reduce_only,
            strategy_id=order.strategy_id,
        )
        return self.place(new, request=request)

    def place_due(self) -> None:
        """Let strategies place again what is due."""
        for strategy, fields in self.strategies.take_due(at=self.clock()):
            order = PaperOrder(account=strategy.account, strategy_id=strategy.strategy_id, **fields)
            self.place(order)

    def _cancel(self, order: PaperOrder, *, event: str, at: int, request: int | None) -> None:
        # Most orders were never touched: spare the hot path the decimals.
        if order.filled_amount == "0":
            order.cancelled_amount = order.initial_amount
        else:
            order.cancelled_amount = plain_text(remaining(order))
        order.order_status, order.reason = CLOSINGS[event], event
        self.book.remove_closed(order)
        self._happened(order, event, at=at, request=request)

    def _average_in(self, order: PaperOrder, taken: Decimal, price: Decimal) -> None:
        filled = Decimal(order.filled_amount)
        value = Decimal(order.average_filled_price) * filled + price * taken
        if filled + taken:
            order.average_filled_price = plain_text(value / (filled + taken))

    def _happened(self, order: PaperOrder, event: str, *, at: int, request: int | None) -> None:
        self.book.last_history_id += 1
        order.updated_at, order.row = at, None
        happened = Event(
            self.book.last_history_id,
            event,
            order.order_status,
            order.filled_amount,
            order.cancelled_amount,
            at,
            self._next_li(order),
        )
        order.events.append(happened)
        self.ledger.effect(order=order, event=event, request=request)
        self.stream.order_changed(order, happened)

    def _next_li(self, order: PaperOrder) -> int:
        """Number what happens now: a new order has its number already, the rest takes the next."""
        is_newest = not order.events and order.order_id == self.book.last_order_id
        if not is_newest and self.stream.exchange.rules.li_counts == "events":
            self.book.last_order_id += 1
        return self.book.last_order_id


def remaining(order: PaperOrder) -> Decimal:
    """Return what can still fill."""
    return Decimal(order.initial_amount) - Decimal(order.filled_amount)


def plain_text(number: Decimal) -> str:
    """Spell a decimal as the wire writes it: no exponent, no trailing zeros."""
    return format(number.normalize() + 0, "f")

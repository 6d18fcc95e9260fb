"""The exchange as a whole: everything it knows, and its clock."""

import time
from dataclasses import replace
from typing import NamedTuple

from . import refusals
from .accounts import Accounts
from .book import Book
from .credits import Credits
from .engine import Engine
from .faults import Faults
from .ledger import Ledger
from .markets import known_markets
from .rules import Rules
from .strategies import Strategies
from .stream import Stream
from .verification import Signed

FORGOTTEN_REPLAYS = 10_000


class StaleReads(NamedTuple):
    """What reads show for a while. ``until``: seconds of the monotonic clock.

    ``last_order_id``: None for the newest. ``with_history``: the history routes too.
    """

    until: float
    history_id: int
    last_order_id: int | None
    with_history: bool


class PaperExchange:
    """All state of one paper exchange. ``rules``: what it starts with, and goes back to."""

    def __init__(self, rules: Rules | None = None) -> None:
        self.first_rules = rules or Rules()
        self.resets = 0
        self.stream = Stream(self)
        self.reset()

    def reset(self) -> None:
        """Forget everything; the rules are those of the start again."""
        self.resets += 1
        self.stream.reset()
        self.rules = replace(self.first_rules)
        self.accounts = Accounts()
        self.markets = known_markets()
        self.credits = Credits()
        self.faults = Faults()
        self.ledger = Ledger()
        self.used_signatures: dict[str, int] = {}
        self.stale: StaleReads | None = None
        self.use(book=Book(), strategies=Strategies())

    def use(self, *, book: Book, strategies: Strategies) -> None:
        """Trade on this book, with these strategies."""
        self.book = book
        self.strategies = strategies
        self.engine = Engine(
            book=book,
            ledger=self.ledger,
            strategies=strategies,
            stream=self.stream,
            clock=self.event_ms,
        )

    def now_ms(self) -> int:
        """Read the exchange's own clock in ms, off by the rule ``clock_offset_ms``."""
        return int(time.time() * 1000) + self.rules.clock_offset_ms

    def event_ms(self) -> int:
        """Read the clock, cut to the rule ``event_step_ms``."""
        now = self.now_ms()
        return now - now % self.rules.event_step_ms

    def check_account(self, address: str) -> None:
        """Raise `Refused` where nobody ever deposited under that address."""
        if self.accounts.get(address) is None:
            raise refusals.account_not_found(address)

    def check_replay(self, signed: Signed) -> None:
        """Raise `Refused` where this signature acted before; remember it until it expires."""
        now = self.now_ms()
        if self.used_signatures.get(signed.signature, 0) >= now:
            raise refusals.invalid_message()
        if len(self.used_signatures) > FORGOTTEN_REPLAYS:
            self.used_signatures = {
                used: until for used, until in self.used_signatures.items() if until >= now
            }
        self.used_signatures[signed.signature] = signed.timestamp + signed.expiry_window

    def go_stale(self, *, for_ms: float, history: bool, newest_id: bool) -> None:
        """Let reads show the book as it is now, for so long."""
        self.stale = StaleReads(
            time.monotonic() + for_ms / 1000,
            self.book.last_history_id,
            None if newest_id else self.book.last_order_id,
            history,
        )

    def stale_until_event(self, *, history: bool = False) -> int | None:
        """Return the last history id that reads may show, or None for all."""
        if self.stale is None:
            return None
        if time.monotonic() >= self.stale.until:
            self.stale = None
            return None
        return self.stale.history_id if self.stale.with_history or not history else None

    def shown_last_order_id(self) -> int:
        """Return the last order id that a read of the open orders has beside them."""
        is_stale = self.stale_until_event() is not None
        then = self.stale.last_order_id if self.stale is not None and is_stale else None
        return self.book.last_order_id if then is None else then

"""Order strategies: rules the exchange runs, which place orders again when those are cancelled."""

from dataclasses import asdict, dataclass, field
from typing import Any

from .book import PaperOrder

UNFINISHED = frozenset({"pending", "open", "paused"})


@dataclass(slots=True)
class Strategy:
    """One strategy. ``orders``: what it keeps on the book, as fields of a new order.

    ``replaces_after_ms``: how long after one of its orders was cancelled it places it again; None
    for never. ``due``: (ms, fields) of the orders to place again. Times in ms.
    """

    strategy_id: str
    account: str
    symbol: str
    created_at: int
    updated_at: int
    strategy_type: str = "swarm"
    lifecycle: str = "open"
    revision: int = 1
    orders: list[dict[str, Any]] = field(default_factory=list)
    replaces_after_ms: int | None = 0
    due: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    @property
    def is_unfinished(self) -> bool:
        """Whether it can still place orders."""
        return self.lifecycle in UNFINISHED

    def row(self) -> dict[str, Any]:
        """Make the row that the strategy routes show it (docs.pacifica.fi get-order-strategy)."""
        return {
            "strategy_id": self.strategy_id,
            "revision": self.revision,
            "account": self.account,
            "strategy_type": self.strategy_type,
            "definition": {
                "strategy_type": self.strategy_type,
                "params": {"symbol": self.symbol},
            },
            "lifecycle": self.lifecycle,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
        }


class Strategies:
    """All strategies by id."""

    def __init__(self) -> None:
        self.by_id: dict[str, Strategy] = {}

    def add(self, strategy: Strategy) -> None:
        """Take in a new strategy."""
        self.by_id[strategy.strategy_id] = strategy

    def of(self, account: str, *, unfinished: bool) -> list[Strategy]:
        """List the account's strategies that have not finished, or that have; newest first."""
        mine = [each for each in self.by_id.values() if each.account == account]
        return [each for each in reversed(mine) if each.is_unfinished == unfinished]

    def find_unfinished(self, *, account: str, strategy_id: str) -> Strategy | None:
        """Find the account's unfinished strategy of that id, or None."""
        strategy = self.by_id.get(strategy_id)
        if strategy is None or strategy.account != account or not strategy.is_unfinished:
            return None
        return strategy

    def order_was_cancelled(self, order: PaperOrder, *, at: int) -> None:
        """Plan to place it again, if an unfinished strategy placed it."""
        strategy = None if order.strategy_id is None else self.by_id.get(order.strategy_id)
        if strategy is None or not strategy.is_unfinished or strategy.replaces_after_ms is None:
            return
        fields = {
            "symbol": order.symbol,
            "side": order.side,
            "price": order.price,
            "initial_amount": order.initial_amount,
            "reduce_only": order.reduce_only,
        }
        strategy.due.append((at + strategy.replaces_after_ms, fields))

    @property
    def are_unfinished(self) -> bool:
        """Whether any may place an order again."""
        return any(strategy.is_unfinished for strategy in self.by_id.values())

    def take_due(self, *, at: int) -> list[tuple[Strategy, dict[str, Any]]]:
        """Take the orders to place now off the plan."""
        taken = []
        for strategy in self.by_id.values():
            if strategy.due:
                taken += [(strategy, fields) for due_at, fields in strategy.due if due_at <= at]
                strategy.due = [planned for planned in strategy.due if planned[0] > at]
        return taken

    def as_plain(self) -> list[dict[str, Any]]:
        """Return everything, as JSON can hold it."""
        return [asdict(strategy) for strategy in self.by_id.values()]

    @classmethod
    def from_plain(cls, plain: list[dict[str, Any]]) -> "Strategies":
        """Make the same again from what `as_plain` returned."""
        strategies = cls()
        for fields in plain:
            strategies.add(Strategy(**fields))
        return strategies

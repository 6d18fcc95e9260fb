"""Which orders have a live cancel already: at most one each."""

from collections.abc import Sequence
from dataclasses import replace

from orders.lifecycle.targets import Target
from orders.models import Cancel
from orders.models.prepared import Prepared

Skipped = tuple[Target, str]  # what was left out, and why
TAKEN = "already being cancelled"


class Live:
    """The names under which live cancels of some accounts have their orders; one query."""

    def __init__(self, account_ids: set[int]) -> None:
        self._order_ids: set[tuple[int, int]] = set()
        self._by_client_id: dict[tuple[int, str | None], int | None] = {}
        for row in _live(account_ids=account_ids):
            self.add(*row)

    def add(self, account_id: int, order_id: int | None, client_order_id: str | None) -> None:
        """Count a cancel of an order of these names as live."""
        if order_id:
            self._order_ids.add((account_id, order_id))
        if client_order_id:
            self._by_client_id[account_id, client_order_id.lower()] = order_id

    def has_name(self, account_id: int, client_order_id: str | None) -> bool:
        """Whether a live cancel has this client order id. There may be no client order id."""
        return (account_id, _lower(client_order_id)) in self._by_client_id

    def has(self, account_id: int, order_id: int | None, client_order_id: str | None) -> bool:
        """Whether a live cancel is, or may be, of this order.

        An edited order keeps its client order id under a new order id: it is another one.
        """
        if order_id is None:
            return self.has_name(account_id, client_order_id)
        name = (account_id, _lower(client_order_id))
        is_nameless = self._by_client_id.get(name, order_id) is None
        return is_nameless or (account_id, order_id) in self._order_ids


def _lower(client_order_id: str | None) -> str | None:
    """A client order id as it is compared: it names the same order in whatever case."""
    return client_order_id and client_order_id.lower()


def without_live(targets: Sequence[Target]) -> tuple[list[Target], list[Skipped]]:
    """Separate the targets that have no other live cancel from those that do."""
    live = Live({target.account.pk for target in targets})
    fresh: list[Target] = []
    doubles: list[Skipped] = []
    for target in targets:
        account_id, names = target.account.pk, (target.order_id, target.client_order_id)
        if live.has(account_id, *names):
            doubles.append((target, TAKEN))
            continue
        if target.order_id and live.has_name(account_id, target.client_order_id):
            target = replace(target, client_order_id=None)  # its order id says enough
        fresh.append(target)
        live.add(account_id, *names)
    return fresh, doubles


NAMES = ("account_id", "order_id", "client_order_id")  # of an order; one live cancel has them
_live = Prepared(
    lambda account_ids: (
        Cancel.objects.live().filter(account__pk__any=account_ids).values_list(*NAMES)
    ),
    account_ids=({1}, {2}),
)

"""Orders as the exchange reports them."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from django.db import models

from orders.models import order_kinds
from orders.models.desks import OfAccountsQuerySet
from orders.models.lookups import portions

if TYPE_CHECKING:
    from orders.models.accounts import Account
    from orders.models.cancels import Cancel
    from orders.models.markets import Market

Columns = TypeVar("Columns", bound=NamedTuple)


class OrderState(models.TextChoices):
    """Where an order stands as far as we know."""

    OPEN = "open", "Open"  # listed when the book was last read
    VANISHED = "vanished", "Vanished"  # no longer listed; how it closed is being looked up
    CLOSED = "closed", "Closed"  # the exchange said how it closed


class AmountsState(models.TextChoices):
    """Whether the amounts of an order are the exchange's last word."""

    TOLD = "told", "As the exchange tells them"
    BEING_READ = "being_read", "Being read"  # our cancel's yes tells none; it vanished
    UNTOLD = "untold", "Not told by the exchange"


def amount_text(
    *, null: bool = False, blank: bool = False, default: Any = models.NOT_PROVIDED
) -> "models.CharField[Any, Any]":
    """A price or amount exactly as the exchange wrote it; SQLite would round a decimal."""
    return models.CharField(max_length=64, null=null, blank=blank, default=default)


def amount_number() -> "models.DecimalField[str | Decimal | None, Decimal | None]":
    """The same number for sorting and sums; the text beside it is the truth."""
    return models.DecimalField(max_digits=38, decimal_places=12, null=True, editable=False)


def _is_stop() -> models.Q:
    """The rule of `order_kinds.is_stop` as a query."""
    found = models.Q(stop_price__regex=order_kinds.SOME_PRICE)
    for word in order_kinds.STOP_WORDS:
        found |= models.Q(order_type__icontains=word)
    return found


IS_STOP = _is_stop()


class OrderQuerySet(OfAccountsQuerySet["Order"]):
    """Orders, by desk and state."""

    def open(self) -> Self:
        """Orders that were listed when the book was last read."""
        return self.filter(state=OrderState.OPEN)

    def not_closed(self) -> Self:
        """Orders of which the exchange did not say how they closed: an index leads to them."""
        return self.filter(state__in=[OrderState.OPEN.value, OrderState.VANISHED.value])

    def of_symbol(self, symbol: str) -> Self:
        """Orders on a symbol, open or over. Each state is named: so an index leads to them."""
        return self.filter(state__in=OrderState.values, symbol=symbol)

    def on(self, accounts: "models.QuerySet[Account]") -> Self:
        """Orders of these accounts; open ones are counted by an index alone, without a join."""
        return self.filter(account__in=accounts.order_by().values("pk"))

    def columns(self, kind: type[Columns], pks: Sequence[int]) -> Iterator[Columns]:
        """These rows as tuples of ``kind``, a `NamedTuple` of column names, in no order.

        Some at a time, and no whole row: thousands of those would take seconds.
        """
        for some in portions(pks):
            rows = self.filter(pk__in=some).order_by().values_list(*kind._fields)
            yield from map(kind._make, rows)

    def unnamed(self) -> Self:
        """Orders that have no client order id, as a row said that was read whole."""
        has_none = models.Q(client_order_id=None) | models.Q(client_order_id="")
        return self.filter(has_none, trouble="")


class Order(models.Model):
    """One order of one account. Wire fields keep Pacifica's names and its exact text."""

    account = models.ForeignKey(  # first in an index below
        "Account", on_delete=models.PROTECT, related_name="orders", db_index=False
    )
    order_id = models.BigIntegerField()
    client_order_id = models.CharField(max_length=64, null=True, blank=True)
    symbol = models.CharField(max_length=64)
    side = models.CharField(max_length=128)
    order_type = models.CharField(max_length=128)
    price = amount_text(blank=True)  # a stop that becomes a market order has none
    initial_amount = amount_text()
    filled_amount = amount_text(default="0")
    cancelled_amount = amount_text(default="0")
    amounts_state = models.CharField(max_length=12, choices=AmountsState, default=AmountsState.TOLD)
    average_filled_price = amount_text(blank=True, default="")
    stop_price = amount_text(null=True, blank=True)
    stop_parent_order_id = models.BigIntegerField(null=True, blank=True)
    trigger_price_type = models.CharField(max_length=128, null=True, blank=True)
    # None, or an empty text above, where the book's row could not be read in that place.
    reduce_only = models.BooleanField(default=False, null=True)
    created_at = models.DateTimeField(null=True, help_text="as the exchange dates it")
    updated_at = models.DateTimeField(null=True, help_text="as the exchange dates it")

    price_number = amount_number()
    open_amount_number = amount_number()  # initial less filled less cancelled

    state = models.CharField(max_length=16, choices=OrderState, default=OrderState.OPEN)
    order_status = models.CharField(max_length=128, default="open")  # the exchange's word
    reason = models.CharField(max_length=128, blank=True, default="")  # the exchange's word
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    next_lookup_at = models.DateTimeField(null=True)
    replaces_order_id = models.BigIntegerField(
        null=True, blank=True
    )  # the order it was edited from
    trouble = models.CharField(max_length=300, blank=True, default="")  # with the book's row
    # Where the newest update that the stream told of it stands in the exchange's own order.
    told_li = models.BigIntegerField(null=True, editable=False)
    has_contradiction = models.BooleanField(default=False)  # said closed, and seen open since

    if TYPE_CHECKING:  # what screens attach to the rows that they show
        may_cancel: bool
        cancel_shown: Cancel | None  # the newest of the order
    market: "Market | None" = None  # the same, where they show numbers as its market has them

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(fields=["account", "order_id"], name="order_once_per_account"),
            models.CheckConstraint(
                condition=models.Q(state__in=OrderState.values), name="order_state"
            ),
            models.CheckConstraint(
                condition=models.Q(amounts_state__in=AmountsState.values),
                name="order_amounts_state",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "state", "symbol"], name="order_account_state_symbol"),
            models.Index(  # hardly any has one, and each page counts those that have
                fields=["account", "state"],
                condition=models.Q(has_contradiction=True),
                name="order_contradicted",
            ),
            models.Index(fields=["order_id"], name="order_order_id"),
            models.Index(  # many have none
                fields=["client_order_id"],
                condition=models.Q(client_order_id__isnull=False),
                name="order_client_order_id",
            ),
            models.Index(fields=["state", "-created_at"], name="order_state_created"),
            models.Index(fields=["account", "state", "-created_at"], name="order_account_created"),
            models.Index(
                fields=["closed_at"],
                condition=models.Q(closed_at__isnull=False),
                name="order_closed_at",
            ),
            models.Index(
                fields=["next_lookup_at"],
                condition=models.Q(state=OrderState.VANISHED),
                name="order_lookup_due",
            ),
        ]

    def __str__(self) -> str:
        return " ".join(filter(None, [self.symbol, self.side, str(self.order_id)]))

    @property
    def amounts_note(self) -> str:
        """What is to be said of its amounts, or nothing where they are told."""
        if self.amounts_state == AmountsState.TOLD:
            return ""
        return f"amounts {self.get_amounts_state_display().lower()}"

    @property
    def is_stop(self) -> bool:
        """Stop and take-profit orders have a cancel route of their own."""
        return order_kinds.is_stop(self.order_type, self.stop_price)

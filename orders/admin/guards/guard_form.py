"""What a guard waits for and does. What fits is decided in `orders.panic.guard.changes`."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.http import QueryDict

from orders.admin.shared import fields
from orders.models import Account, Desk, Guard, Right
from orders.models.api_tokens import MAX_NAME
from orders.models.guards import MAX_TTL_S, MIN_TTL_S
from orders.panic.guard.changes import NO_DESK, Setting

if TYPE_CHECKING:
    from orders.models.desks import Person

WHOLE = "Every account of the desk"
NO_ACCOUNT = "There is no such account among your desks' accounts."
DESK = {"required": "Choose the desk.", "invalid_choice": NO_DESK}


def desk_field() -> fields.DeskField:
    """Return the choice of a desk whose guards the person may set."""
    return fields.DeskField(
        queryset=None, empty_label=None, widget=fields.select(), error_messages=DESK
    )


def account_field() -> fields.OneAccount:
    """Return the choice of one account, or of all."""
    return fields.OneAccount(
        widget=fields.select(),
        required=False,
        error_messages={"invalid_choice": NO_ACCOUNT},
        help_text="Whose open orders it cancels.",
    )


def offer(form: forms.Form, user: "Person", desk: Desk | None = None) -> None:
    """Let the person choose among their own desks and those desks' accounts."""
    desks = Desk.objects.allowing(user, Right.SET_GUARDS)
    if desk is not None:
        desks = desks.filter(pk=desk.pk)
    if "desk" in form.fields:
        fields.offer_desks(form, desks)
    account = fields.field_of(form, "account", fields.OneAccount)
    account.offer(Account.objects.filter(desk__in=desks))
    account.empty_label = WHOLE


class GuardForm(forms.Form):
    """How a guard is set; for one that is there, its desk and name stay."""

    desk = desk_field()
    name = forms.CharField(
        max_length=MAX_NAME,
        widget=fields.text(placeholder="quoter-1"),
        error_messages={"required": "Give the guard a name."},
        help_text="One guard for each bot, named like the bot.",
    )
    account = account_field()
    ttl_s = forms.IntegerField(
        min_value=MIN_TTL_S,
        max_value=MAX_TTL_S,
        widget=fields.number(),
        label="Seconds without a beat, until it fires",
        help_text=f"{MIN_TTL_S} to {MAX_TTL_S}. Let the bot beat three times within it.",
    )
    hears_orders = forms.BooleanField(
        required=False,
        widget=fields.box(),
        label="A new order on its accounts is a beat too",
        help_text="For a bot that cannot beat and never stops placing orders. Whoever places them "
        "counts: also a strategy of the exchange's, a chase or a swarm, that outlives its bot.",
    )
    keep_reduce_only = forms.BooleanField(
        required=False, widget=fields.box(), label="Spare reduce-only orders"
    )
    keep_stops = forms.BooleanField(
        required=False,
        widget=fields.box(),
        label="Spare stop orders",
        help_text="No cancel-all is sent then: it takes them too. Orders are cancelled one by one.",
    )
    asks_first = forms.BooleanField(
        required=False,
        widget=fields.box(),
        label="Ask first, where its time passed while no sweep looked",
    )

    def __init__(
        self, data: QueryDict | None = None, *, user: "Person", guard: Guard | None = None
    ) -> None:
        super().__init__(data, initial=_initial(guard) if guard else {"ttl_s": 15})
        if guard is not None:
            del self.fields["desk"], self.fields["name"]
        offer(self, user, guard.desk if guard else None)

    def setting(self) -> Setting:
        """Return what was chosen."""
        given = self.cleaned_data
        account = given["account"]
        return Setting(
            account_id=account.pk if account else None,
            ttl_s=given["ttl_s"],
            keep_reduce_only=given["keep_reduce_only"],
            keep_stops=given["keep_stops"],
            asks_first=given["asks_first"],
            hears_orders=given["hears_orders"],
        )


def _initial(guard: Guard) -> dict[str, Any]:
    names = ("ttl_s", "keep_reduce_only", "keep_stops", "asks_first", "hears_orders")
    return {name: getattr(guard, name) for name in names} | {"account": guard.account_id}

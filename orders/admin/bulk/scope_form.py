"""The form in which a desk head says what to cancel: desk, accounts, symbols, side, and more."""

from typing import Any

from django import forms

from orders.admin.shared import fields
from orders.admin.shared.of_desk_form import OfDeskForm
from orders.cancels.bulk.scope import OLDEST, ORDER_OF_WORK, Scope
from orders.lifecycle.targets import CannotAsk, check_case, check_symbol
from orders.models import Order, Right

UNITS = [("1", "seconds"), ("60", "minutes"), ("3600", "hours")]
SIDES = [("", "both sides"), ("bid", "bids"), ("ask", "asks")]


class ScopeForm(OfDeskForm):
    """Empty inputs mean *any*. Parsing happens here; what matches is decided in `scope`."""

    right = Right.CANCEL_SCOPE
    desk = fields.DeskField(
        queryset=None,
        empty_label=None,
        widget=fields.select(**{"data-desks": ""}),
        error_messages={"required": "Choose the desk.", "invalid_choice": "No such desk of yours."},
    )
    accounts = fields.ByDesk(help_text="Tick none to mean every account of the desk.")
    symbols = forms.CharField(
        required=False,
        max_length=400,
        widget=fields.text(placeholder="BTC, kBONK"),
        help_text="Case kept, commas between. Empty: every symbol.",
    )
    side = forms.ChoiceField(choices=SIDES, required=False, widget=fields.select())
    order_types = forms.MultipleChoiceField(
        required=False, widget=fields.boxes(), label="Order types", help_text="Tick none for all."
    )
    older_than = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=10**6,
        label="Older than",
        widget=fields.number(placeholder="any age"),
        error_messages={"invalid": "Write the age as a whole number."},
    )
    unit = forms.ChoiceField(choices=UNITS, required=False, initial="60", widget=fields.select())
    min_price = forms.DecimalField(
        required=False,
        max_digits=26,
        decimal_places=12,
        label="Price from",
        widget=fields.number(placeholder="any"),
        error_messages={"invalid": "Write the price as a number, such as 65000.5."},
    )
    max_price = forms.DecimalField(
        required=False,
        max_digits=26,
        decimal_places=12,
        label="Price up to",
        widget=fields.number(placeholder="any"),
        error_messages={"invalid": "Write the price as a number, such as 65000.5."},
    )
    spare_reduce_only = forms.BooleanField(
        required=False, widget=fields.box(), label="Spare reduce-only orders"
    )
    spare_stops = forms.BooleanField(
        required=False, widget=fields.box(), label="Spare stop and take-profit orders"
    )
    order_of_work = forms.ChoiceField(
        choices=list(ORDER_OF_WORK.items()),
        initial=OLDEST,
        label="Order of work",
        widget=fields.select(),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        orders = Order.objects.open().filter(account__desk__in=self.desks, account__is_active=True)
        types = orders.order_by("order_type").values_list("order_type", flat=True).distinct()
        fields.field_of(self, "order_types", forms.MultipleChoiceField).choices = [
            (name, name.replace("_", " ")) for name in types if name and name.isprintable()
        ]
        found = orders.order_by("account__desk__name", "symbol")
        self.open_now: dict[str, list[str]] = {}  # symbols by desk
        for desk, symbol in found.values_list("account__desk__name", "symbol").distinct():
            if symbol.isprintable():
                self.open_now.setdefault(desk, []).append(symbol)
        self.open_symbols = sorted(set().union(*self.open_now.values()))

    def clean_symbols(self) -> tuple[str, ...]:
        parts = [part.strip() for part in self.cleaned_data["symbols"].split(",")]
        names = tuple(dict.fromkeys(part for part in parts if part))
        try:
            for name in names:
                check_symbol(name)
            check_case(names, self.open_symbols)
        except CannotAsk as wrong:
            raise forms.ValidationError(str(wrong)) from None
        return names

    def clean(self) -> None:
        super().clean()
        cleaned = self.cleaned_data
        lowest, highest = cleaned.get("min_price"), cleaned.get("max_price")
        if lowest is not None and highest is not None and lowest > highest:
            self.add_error("max_price", "The highest price is below the lowest.")

    def scope(self) -> Scope:
        """What a sound form asks for."""
        cleaned = self.cleaned_data
        age = cleaned["older_than"]
        return Scope(
            desk_id=cleaned["desk"].pk,
            account_ids=tuple(account.pk for account in cleaned["accounts"]),
            symbols=cleaned["symbols"],
            side=cleaned["side"],
            order_types=tuple(cleaned["order_types"]),
            min_age_s=age * int(cleaned["unit"] or 60) if age else None,
            min_price=cleaned["min_price"],
            max_price=cleaned["max_price"],
            spare_reduce_only=cleaned["spare_reduce_only"],
            spare_stops=cleaned["spare_stops"],
            order_of_work=cleaned["order_of_work"],
        )

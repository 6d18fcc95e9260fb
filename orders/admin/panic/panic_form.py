"""The form of a panic: which accounts to empty, and why."""

from typing import Any

from django import forms

from orders.admin.shared import fields
from orders.admin.shared.of_desk_form import OfDeskForm
from orders.models import Right
from orders.panic import decision

DESK_INPUT: dict[str, str | bool] = {"data-desks": "", "autofocus": True}


class PanicForm(OfDeskForm):
    """Which books to empty. The reason may wait; nothing here asks twice."""

    right = Right.PANIC
    desk = fields.DeskField(
        queryset=None,
        empty_label=None,
        widget=fields.select(**DESK_INPUT),
        error_messages={"required": "Choose the desk.", "invalid_choice": decision.NO_DESK},
    )
    accounts = fields.ByDesk(help_text="Tick none to empty every account of the desk.")
    symbol = forms.CharField(
        required=False,
        max_length=64,
        widget=fields.text(placeholder="every symbol"),
        help_text="Case kept, such as BTC or kBONK. Empty: every symbol.",
    )
    keep_reduce_only = forms.BooleanField(
        required=False,
        widget=fields.box(),
        label="Spare reduce-only orders",
        help_text="They can only make a position smaller.",
    )
    reason = forms.CharField(
        required=False,
        max_length=300,
        widget=fields.text(placeholder="May be left empty"),
    )
    is_drill = forms.BooleanField(
        required=False,
        widget=fields.box(),
        label="Only a drill",
        help_text="The same act, on the desk's drill accounts alone.",
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.has_one_desk = self.desks.count() <= 1

    def asked(self) -> dict[str, Any]:
        """What a sound form asks of `decision.record_panic`."""
        asked = dict(self.cleaned_data)
        asked["desk_id"] = asked.pop("desk").pk
        asked["account_ids"] = [account.pk for account in asked.pop("accounts")]
        return asked

"""What forms have in common that ask for a desk and for accounts of that desk alone."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.http import QueryDict

from orders.admin.shared import fields
from orders.models import Account, Desk, Right

if TYPE_CHECKING:
    from orders.models.desks import Person


class OfDeskForm(forms.Form):
    """A form with a field ``desk`` (`DeskField`) and a field ``accounts`` (`ByDesk`)."""

    right: Right  # that the person needs on the desk

    def __init__(
        self,
        data: QueryDict | None = None,
        *,
        user: "Person",
        initial: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(data, initial=initial)
        self.desks = Desk.objects.allowing(user, self.right)
        fields.offer_desks(self, self.desks)
        accounts = Account.objects.filter(desk__in=self.desks, is_active=True)
        self.offered = accounts.select_related("desk")
        fields.field_of(self, "accounts", fields.ByDesk).queryset = self.offered

    def clean(self) -> None:
        """Refuse accounts of another desk: the page hides these, but only the page."""
        desk, accounts = self.cleaned_data.get("desk"), self.cleaned_data.get("accounts") or ()
        if desk and any(account.desk_id != desk.pk for account in accounts):
            self.add_error("accounts", f"Tick accounts of {desk} only.")

"""Inputs of our own forms: plain, dense, and never corrected or remembered by the browser."""

from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.http import HttpRequest, QueryDict

from orders.admin.shared.unfold import UnfoldAdminTextInputWidget
from orders.audit import reasons
from orders.models import Account, Desk
from orders.models.accounts import AccountQuerySet
from orders.models.desks import DeskQuerySet
from orders.models.lookups import is_row_id

if TYPE_CHECKING:
    AccountField = forms.ModelChoiceField[Account]
    AccountsField = forms.ModelMultipleChoiceField[Account]
    DeskField = forms.ModelChoiceField[Desk]
else:
    AccountField = forms.ModelChoiceField
    AccountsField = forms.ModelMultipleChoiceField
    DeskField = forms.ModelChoiceField

Kind = TypeVar("Kind", bound=forms.Field)

QUIET = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}


def text(**attrs: str | bool) -> forms.TextInput:
    """A line of text."""
    return forms.TextInput({"class": "dk-input"} | QUIET | attrs)


def themed_text(**attrs: str | bool) -> forms.TextInput:
    """A line of text in the theme's own look, for forms among the theme's own inputs."""
    return UnfoldAdminTextInputWidget(attrs=QUIET | attrs)


def area(**attrs: str | bool) -> forms.Textarea:
    """Several lines of text."""
    return forms.Textarea({"class": "dk-input dk-area", "rows": 8} | QUIET | attrs)


def number(**attrs: str | bool) -> forms.TextInput:
    """A number, typed with the keypad where there is one."""
    return text(inputmode="decimal", **attrs)


def select(**attrs: str | bool) -> forms.Select:
    """One choice."""
    return forms.Select({"class": "dk-input"} | attrs)


def boxes(**attrs: str | bool) -> forms.CheckboxSelectMultiple:
    """Several choices, each with a box to tick."""
    return forms.CheckboxSelectMultiple(attrs)


def box(**attrs: str | bool) -> forms.CheckboxInput:
    """Yes or no."""
    return forms.CheckboxInput(attrs)


class OneAccount(AccountField):
    """One account among those offered, named with its desk. The form sets which with `offer`."""

    def __init__(
        self,
        *,
        widget: forms.Select,
        error_messages: dict[str, str],
        required: bool = True,
        help_text: str = "",
    ) -> None:
        super().__init__(
            queryset=None,
            empty_label="Choose an account",
            widget=widget,
            error_messages=error_messages,
            required=required,
            help_text=help_text,
        )

    def label_from_instance(self, account: Account) -> str:
        return f"{account.desk} · {account}"

    @property
    def is_offered(self) -> bool:
        """Whether there is any account to choose."""
        return self.queryset is not None and self.queryset.exists()

    def offer(self, accounts: AccountQuerySet) -> None:
        """Let these active accounts be chosen."""
        self.queryset = accounts.filter(is_active=True).select_related("desk")


class ByDesk(AccountsField):
    """Accounts with a box each; the page shows those of the chosen desk only."""

    def label_from_instance(self, account: Account) -> str:
        return str(account)

    def __init__(self, *, help_text: str) -> None:
        widget = OfDeskBoxes()
        super().__init__(queryset=None, required=False, widget=widget, help_text=help_text)


class OfDeskBoxes(forms.CheckboxSelectMultiple):
    """Each box names its account's desk."""

    def create_option(
        self,
        name: str,
        value: Any,  # a ModelChoiceIteratorValue
        label: int | str,
        selected: bool,
        index: int,
        subindex: int | None = None,
        attrs: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        option = super().create_option(name, value, label, selected, index, subindex, attrs)
        option["attrs"]["data-of-desk"] = value.instance.desk_id
        return option


def field_of(form: forms.Form, name: str, kind: type[Kind]) -> Kind:
    """The form's own copy of an input that its class declares with a field of this kind."""
    field = form.fields[name]
    if not isinstance(field, kind):
        raise TypeError(f"{name} is declared as another kind of field")
    return field


def offer_desks(form: forms.Form, desks: DeskQuerySet) -> None:
    """Let the person choose among these desks; of several none is chosen by the page."""
    field = field_of(form, "desk", DeskField)
    field.queryset = desks
    if desks.count() > 1:
        field.empty_label = "Choose the desk"


def reason_of(request: HttpRequest) -> str:
    """Why somebody acts, as typed on a page without a form: one line, no control characters."""
    return reasons.one_line(request.POST.get("reason", ""))


def ids_of(data: QueryDict) -> list[int]:
    """The rows named in the field ``ids``; none where one of them is no number."""
    listed = data.get("ids", "").split(",")
    return [int(pk) for pk in listed] if all(map(is_row_id, listed)) else []


def foreign(form: forms.Form, *names: str) -> bool:
    """Whether one of these inputs names a row that is not the person's: an act to be refused."""
    return any(form.has_error(name, code) for name in names for code in FOREIGN)


FOREIGN = ("invalid_choice", "invalid_pk_value")

"""Inputs of our own forms: plain, dense, and never corrected or remembered by the browser."""

import unicodedata
from typing import Any

from django import forms
from django.forms.models import ModelChoiceIteratorValue
from django.http import HttpRequest
from unfold.widgets import UnfoldAdminTextInputWidget

from orders.models import Account
from orders.models.accounts import AccountQuerySet
from orders.models.lookups import is_row_id

QUIET = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}


def text(**attrs):
    """A line of text."""
    return forms.TextInput({"class": "dk-input"} | QUIET | attrs)


def themed_text(**attrs):
    """A line of text in the theme's own look, for forms among the theme's own inputs."""
    return UnfoldAdminTextInputWidget(attrs=QUIET | attrs)


def area(**attrs):
    """Several lines of text."""
    return forms.Textarea({"class": "dk-input dk-area", "rows": 8} | QUIET | attrs)


def number(**attrs):
    """A number, typed with the keypad where there is one."""
    return text(inputmode="decimal", **attrs)


def select(**attrs):
    """One choice."""
    return forms.Select({"class": "dk-input"} | attrs)


def boxes(**attrs):
    """Several choices, each with a box to tick."""
    return forms.CheckboxSelectMultiple(attrs)


def box(**attrs):
    """Yes or no."""
    return forms.CheckboxInput(attrs)


class OneAccount(forms.ModelChoiceField):
    """One account among those offered, named with its desk. The form sets which with `offer`."""

    def __init__(self, **options) -> None:
        super().__init__(queryset=None, empty_label="Choose an account", **options)

    def label_from_instance(self, account: Account) -> str:
        return f"{account.desk} · {account}"

    def offer(self, accounts: AccountQuerySet) -> None:
        """Let these active accounts be chosen."""
        self.queryset = accounts.filter(is_active=True).select_related("desk")


class ByDesk(forms.ModelMultipleChoiceField):
    """Accounts with a box each; the page shows those of the chosen desk only."""

    def label_from_instance(self, account: Account) -> str:
        return str(account)

    def __init__(self, **options) -> None:
        widget = OfDeskBoxes()
        super().__init__(queryset=None, required=False, widget=widget, **options)


class OfDeskBoxes(forms.CheckboxSelectMultiple):
    """Each box names its account's desk."""

    def create_option(
        self,
        name: str,
        value: ModelChoiceIteratorValue,
        *args: int | str,
        **kwargs: dict[str, str] | None,
    ) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        option["attrs"]["data-of-desk"] = value.instance.desk_id
        return option


MAX_REASON = 300


def reason_of(request: HttpRequest) -> str:
    """Why somebody acts, as typed on a page without a form: one line, no control characters."""
    given = request.POST.get("reason", "")
    plain = "".join(" " if unicodedata.category(one) == "Cc" else one for one in given)
    return " ".join(plain.split())[:MAX_REASON]


def ids_of(request: HttpRequest) -> list[int]:
    """The rows a page named in its field ``ids``; none where one of them is no number."""
    listed = request.POST.get("ids", "").split(",")
    return [int(one) for one in listed] if all(map(is_row_id, listed)) else []


def foreign(form: Any, *names: str) -> bool:
    """Whether one of these inputs names a row that is not the person's: an act to be refused."""
    return any(form.has_error(name, code) for name in names for code in FOREIGN)


FOREIGN = ("invalid_choice", "invalid_pk_value")

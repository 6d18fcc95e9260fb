"""Forms of administrators: every change they make is recorded in the transaction that makes it."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orders.access.sign_in_log import actor_of
from orders.admin.shared.screens import Screen, is_administrator
from orders.audit import log
from orders.models import Account, Desk

if TYPE_CHECKING:
    from orders.models.desks import Person


UNTOLD = {"password", "password1", "password2", "usable_password"}


class RecordedScreen(Screen):
    """A screen on which administrators add and change rows. ``event``: what is recorded.

    Django calls `log_addition` and `log_change` inside the transaction that saves the form.
    """

    event = None
    list_fullwidth = False
    list_filter = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_administrator(request)

    def has_change_permission(
        self, request: HttpRequest, obj: "Person | Account | None" = None
    ) -> bool:
        return is_administrator(request)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: list[Any] | None, add: bool = False
    ) -> dict[str, list[str]]:
        return changes_of(form)

    def log_addition(
        self, request: HttpRequest, obj: "Person | Account | Desk", message: dict[str, list[str]]
    ) -> None:
        self.record(request, obj, {"added": str(obj)})

    def log_change(
        self, request: HttpRequest, obj: "Person | Account | Desk", message: dict[str, list[str]]
    ) -> None:
        if message:
            self.record(request, obj, {"changed": message})

    def record(
        self, request: HttpRequest, obj: "Person | Account | Desk", data: dict[str, Any]
    ) -> None:
        """Append what was done to the log."""
        log.append(log.Fact(self.event, actor_of(request), data=data, **self.about(obj)))

    def about(self, obj: "Person") -> dict[str, Any]:
        """The desk or account that the record names."""
        return {}


def link_to_records(words: str, **asked: int | str) -> SafeString:
    """A link to the log, filtered: ``asked`` as in its address line."""
    place = f"{reverse('admin:orders_auditrecord_changelist')}?{urlencode(asked)}"
    return format_html('<a class="dk-link" href="{}">{}</a>', place, words)


def changes_of(form: Any) -> dict[str, list[str]]:
    """Each changed field with its old and new value; of a password only that it changed."""
    changed = {}
    for name in form.changed_data:
        if name in UNTOLD:
            changed["password"] = ["(not shown)", "(not shown)"]
        else:
            changed[name] = [str(form.initial.get(name, "")), str(form.cleaned_data.get(name, ""))]
    return changed

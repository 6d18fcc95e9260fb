"""Forms of administrators: every change they make is recorded in the transaction that makes it."""

from contextlib import nullcontext
from typing import Any, ClassVar, TypedDict
from urllib.parse import urlencode

from django import forms
from django.contrib.admin import SimpleListFilter
from django.contrib.admin.utils import unquote
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orders.access.sign_in_log import actor_of
from orders.admin.shared import shown_values
from orders.admin.shared.screens import Screen, is_administrator
from orders.admin.shared.unfold import Row
from orders.audit import log
from orders.models import Account, Desk, Event

UNTOLD = {"password", "password1", "password2", "usable_password"}


Changes = dict[str, list[str]]  # the old and the new value of each field


class Named(TypedDict, total=False):
    """The desk or account that a record names."""

    desk: Desk
    account: Account


class RecordedScreen(Screen[Row]):
    """A screen on which administrators add and change rows. ``event``: what is recorded.

    A form that shows what somebody changed since is refused (`shown_values`).
    Django calls `log_addition` and `log_change` inside the transaction that saves the form.
    """

    event: ClassVar[Event]
    list_fullwidth = False
    change_form_before_template = "desk/shared/_shown.html"
    list_filter: ClassVar[tuple[type[SimpleListFilter], ...]] = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_administrator(request)

    def has_change_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return is_administrator(request)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The form, with what it shows; where it is sent, its row is locked until it is saved."""
        with transaction.atomic() if request.method == "POST" else nullcontext():
            row = self.get_object(request, unquote(object_id)) if object_id else None
            own = dict(extra_context or {})
            if row is not None and self.has_change_permission(request, row):
                own["shown"] = shown_values.compare(self, request, row).now
            return super().changeform_view(request, object_id, form_url, own)

    def get_form(
        self, request: HttpRequest, obj: Row | None = None, change: bool = False, **kwargs: Any
    ) -> "type[forms.ModelForm[Row]]":
        form = super().get_form(request, obj, change=change, **kwargs)
        shown = shown_values.of(request)
        return shown_values.refusing(form, shown) if shown and shown.is_over else form

    def get_formset_kwargs(
        self, request: HttpRequest, obj: Row, inline: Any, prefix: str
    ) -> dict[str, Any]:
        """Rows within the page that somebody changed since are shown as they are now."""
        given: dict[str, Any] = super().get_formset_kwargs(request, obj, inline, prefix)
        shown = shown_values.of(request)
        if shown and inline.model in shown.inlines:
            given = {name: given[name] for name in given.keys() - {"data", "files", "save_as_new"}}
        return given

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any
    ) -> HttpResponse:
        """The form with one button that saves it."""
        one = {"show_save_and_add_another": False, "show_save_and_continue": False}
        response = super().render_change_form(request, context | one, *args, **options)
        shown = shown_values.of(request)
        if shown and shown.is_over:
            response.status_code = 422
        return response

    def construct_change_message(
        self, request: HttpRequest, form: forms.Form, formsets: Any, add: bool = False
    ) -> Any:
        """`Changes`, where Django would give a message of its own."""
        return changes_of(form)

    def log_addition(self, request: HttpRequest, obj: Row, message: Changes) -> Any:
        """Record that the row was added."""
        self.record(request, obj, {"added": str(obj)})

    def log_change(self, request: HttpRequest, obj: Row, message: Changes) -> Any:
        """Record what of the row was changed."""
        if message:
            self.record(request, obj, {"changed": message})

    def record(self, request: HttpRequest, obj: Row, data: dict[str, Any]) -> None:
        """Append what was done to the log."""
        log.append(log.Fact(self.event, actor_of(request), data=data, **self.about(obj)))

    def about(self, obj: Row) -> Named:
        """The desk or account that the record names."""
        return {}


def link_to_records(words: str, **asked: int | str) -> SafeString:
    """A link to the log, filtered: ``asked`` as in its address line."""
    place = f"{reverse('admin:orders_auditrecord_changelist')}?{urlencode(asked)}"
    return format_html('<a class="dk-link" href="{}">{}</a>', place, words)


def changes_of(form: forms.Form) -> Changes:
    """Each changed field with its old and new value; of a password only that it changed."""
    changed: Changes = {}
    for name in form.changed_data:
        if name in UNTOLD:
            changed["password"] = ["(not shown)", "(not shown)"]
        else:
            changed[name] = [str(form.initial.get(name, "")), str(form.cleaned_data.get(name, ""))]
    return changed

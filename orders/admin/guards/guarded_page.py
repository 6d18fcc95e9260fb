"""What the pages of guards, schedules and latches share: an act ends in a sentence on its page."""

from collections.abc import Callable
from typing import TypeVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect

from orders.access import denials
from orders.access.four_eyes import Waits
from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.admin.shared import fields
from orders.admin.shared.screens import ReadOnlyPage, rights_of
from orders.admin.shared.unfold import Row
from orders.lifecycle.targets import CannotAsk
from orders.models import Right

Made = TypeVar("Made")


class GuardedPage(ReadOnlyPage[Row]):
    """A row's page with acts on it, each a POST."""

    def acted(
        self, request: HttpRequest, row: Model, act: Callable[[], str]
    ) -> HttpResponseRedirect:
        """Act, say what came of it, and go back to the row's page."""
        try:
            messages.success(request, act())
        except (CannotAsk, Waits) as wrong:
            messages.warning(request, str(wrong))
        except NotAllowed as refused:
            raise PermissionDenied(str(refused)) from None
        return redirect(f"admin:orders_{self.opts.model_name}_change", row.pk)

    def from_form(
        self, request: HttpRequest, form: forms.Form, act: Callable[[], Made]
    ) -> Made | None:
        """What a sound form makes; None with the form's errors filled in.

        Who names a desk or an account that is not theirs is recorded.
        """
        if fields.foreign(form, *(name for name in ("desk", "account") if name in form.fields)):
            denials.record(
                actor=actor_of(request), what=f"set a {self.opts.verbose_name} of another desk"
            )
        if not form.is_valid():
            return None
        try:
            return act()
        except CannotAsk as wrong:
            form.add_error(wrong.field or None, str(wrong))
            return None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return Right.SET_GUARDS in rights_of(request)

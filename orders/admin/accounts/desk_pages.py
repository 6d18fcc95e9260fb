"""Desks, for administrators."""

from typing import TYPE_CHECKING

from django import forms
from django.contrib import admin, messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from orders.access import four_eyes, sessions
from orders.access.sign_in_log import actor_of
from orders.accounts import waiting_acts
from orders.admin.shared.recorded_screen import Named, RecordedScreen
from orders.admin.shared.screens import is_administrator
from orders.admin.shared.unfold import display
from orders.models import Desk, Event
from orders.templatetags.desk import visible

if TYPE_CHECKING:
    DeskModelForm = forms.ModelForm[Desk]
else:
    DeskModelForm = forms.ModelForm


class DeskForm(DeskModelForm):
    """A desk's name must be readable; its rules say what they mean."""

    class Meta:
        labels = {
            "operators_may_panic": "Operators may pull a panic",
            "needs_reason": "A bulk cancel must say why",
            "confirm_above": "Type the count to confirm more orders than",
            "latch_mode": "When orders appear after a panic",
            "needs_second_person": "What raises a risk waits for a second person",
        }
        help_texts = {
            "operators_may_panic": "Otherwise the desk's heads alone may.",
            "needs_second_person": "Agent wallets, API config keys, roles that act. Turning this "
            "off waits too. Cancels and panics never wait.",
        }

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"].strip()
        if not name.isprintable():
            raise forms.ValidationError("The desk's name must be printable characters.")
        return name


@admin.register(Desk)
class DeskAdmin(RecordedScreen[Desk]):
    """Desks are added, renamed and deactivated, never deleted: the log names them."""

    form = DeskForm
    event = Event.DESK_CHANGED
    fields = (
        "name",
        "is_active",
        "operators_may_panic",
        "needs_reason",
        "confirm_above",
        "latch_mode",
        "needs_second_person",
    )
    list_display = ("name_column", "accounts_column", "people_column")
    empty_sentence = "No desk yet. Add the first one, then its accounts and its people."

    def has_view_permission(self, request: HttpRequest, obj: Desk | None = None) -> bool:
        return is_administrator(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Desk]:
        accounts = Count("accounts", filter=Q(accounts__is_active=True), distinct=True)
        people = Count("memberships", filter=Q(memberships__user__is_active=True), distinct=True)
        desks: QuerySet[Desk] = (
            super().get_queryset(request).annotate(n_accounts=accounts, n_people=people)
        )
        return desks

    def save_model(
        self, request: HttpRequest, obj: Desk, form: "forms.ModelForm[Desk]", change: bool
    ) -> None:
        """Save the desk; that nothing waits any more is asked of a second person."""
        is_changed = change and "needs_second_person" in form.changed_data
        if is_changed:
            sessions.demand_fresh(request)
        is_off = is_changed and not obj.needs_second_person
        if is_off:
            obj.needs_second_person = True
            form.changed_data.remove("needs_second_person")
        super().save_model(request, obj, form, change)
        if is_off:
            proposal = waiting_acts.ask_off(obj, user=request.user, actor=actor_of(request))
            messages.warning(request, str(four_eyes.Waits(proposal)))

    def about(self, obj: Desk) -> Named:
        return {"desk": obj}

    @display(description="Desk")
    def name_column(self, desk: Desk) -> SafeString:
        off = "" if desk.is_active else format_html(' <span class="dk-badge">deactivated</span>')
        return format_html("{}{}", visible(desk.name), off)

    @display(description="Accounts")
    def accounts_column(self, desk: Desk) -> int:
        return desk.n_accounts

    @display(description="People")
    def people_column(self, desk: Desk) -> int:
        return desk.n_people

"""Schedules: what is cancelled by itself, daily or each hour."""

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from orders.access import sessions
from orders.access.sign_in_log import actor_of
from orders.admin.guards import guard_form
from orders.admin.guards.guarded_page import GuardedPage
from orders.admin.shared import fields, filters
from orders.admin.shared.unfold import CustomUrl, display
from orders.models import Right, Schedule
from orders.models.api_tokens import MAX_NAME
from orders.panic.guard import schedules
from orders.panic.guard.schedules import Plan
from orders.templatetags.desk import visible

if TYPE_CHECKING:
    from orders.models.desks import Person

TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


class ScheduleForm(forms.Form):
    """A time of day, or an age; what fits is decided in `orders.panic.guard.schedules`."""

    desk = guard_form.desk_field()
    name = forms.CharField(
        max_length=MAX_NAME,
        widget=fields.text(placeholder="end-of-day"),
        error_messages={"required": "Give the schedule a name."},
    )
    account = guard_form.account_field()
    at = forms.CharField(
        required=False,
        max_length=5,
        widget=fields.text(placeholder="21:55"),
        label="Empty it every day at, in UTC",
    )
    older_than_h = forms.IntegerField(
        required=False,
        widget=fields.number(),
        label="Or each hour, cancel orders older than so many hours",
    )
    keep_reduce_only = forms.BooleanField(
        required=False, widget=fields.box(), label="Spare reduce-only orders"
    )
    keep_stops = forms.BooleanField(required=False, widget=fields.box(), label="Spare stop orders")

    def __init__(self, data: QueryDict | None = None, *, user: "Person") -> None:
        super().__init__(data)
        guard_form.offer(self, user)

    def plan(self) -> Plan:
        """Return what was chosen."""
        given = self.cleaned_data
        return Plan(
            account_id=given["account"].pk if given["account"] else None,
            at_minute=given["at"],
            older_than_h=given["older_than_h"],
            keep_reduce_only=given["keep_reduce_only"],
            keep_stops=given["keep_stops"],
        )

    def clean_at(self) -> int | None:
        """Return the minute of the day."""
        text: str = self.cleaned_data["at"].strip()
        found = TIME.fullmatch(text)
        if text and found is None:
            raise forms.ValidationError("Write the time as 21:55, in UTC.")
        return int(found[1]) * 60 + int(found[2]) if found else None


@admin.register(Schedule)
class ScheduleAdmin(GuardedPage[Schedule]):
    """The schedules of one's desks."""

    list_display = ("name_column", "state_column", "does_column", "last_column")
    list_filter = (filters.DeskFilter,)
    list_select_related = ("desk", "account")
    page_template = "desk/guards/schedule.html"
    empty_sentence = "No schedule yet. With one orders are cancelled by themselves at a time."

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (("<int:object_id>/switch/", "orders_schedule_switch", self.switch_view),)

    def facts(self, request: HttpRequest, row: Schedule) -> dict[str, Any]:
        here = Schedule.objects.filter(pk=row.pk)
        return {
            "title": f"Schedule {visible(row.name)}",
            "schedule": row,
            "does": schedules.in_words(row),
            "may_set": here.allowing(request.user, Right.SET_GUARDS).exists(),
        }

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The form of a new schedule."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ScheduleForm(request.POST or None, user=request.user)
        if request.method == "POST" and (made := self._made(request, form)):
            messages.success(request, f"{made.name} is made: {schedules.in_words(made)}.")
            return redirect("admin:orders_schedule_change", made.pk)
        status = 422 if form.is_bound else 200
        template, title = "desk/guards/schedule_form.html", "Make a schedule"
        return self.page(request, template, title=title, form=form, status=status)

    def _made(self, request: HttpRequest, form: ScheduleForm) -> Schedule | None:
        user, actor = sessions.person_of(request), actor_of(request)
        return self.from_form(
            request,
            form,
            lambda: schedules.make(
                user=user,
                actor=actor,
                desk_id=form.cleaned_data["desk"].pk,
                name=form.cleaned_data["name"],
                plan=form.plan(),
            ),
        )

    @method_decorator(require_POST)
    def switch_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        """Switch a schedule off, or on again."""
        row = self.visible_or_404(request, str(object_id))
        user, actor = sessions.person_of(request), actor_of(request)
        is_active = bool(request.POST.get("on"))
        act = partial(schedules.switch, user=user, actor=actor, schedule_id=row.pk)
        return self.acted(request, row, partial(act, is_active=is_active))

    @display(description="Schedule")
    def name_column(self, row: Schedule) -> SafeString:
        return format_html(
            '<span class="dk-muted">{}</span> {}', visible(row.desk), visible(row.name)
        )

    @display(description="State")
    def state_column(self, row: Schedule) -> SafeString:
        word, tone = ("on", "good") if row.is_active else ("off", "plain")
        if row.is_active and row.is_missed:
            word, tone = "not done", "alarm"
        return format_html('<span class="dk-status dk-{}">{}</span>', tone, word)

    @display(description="Does")
    def does_column(self, row: Schedule) -> str:
        return visible(schedules.in_words(row))

    @display(description="Last time")
    def last_column(self, row: Schedule) -> str:
        return visible(row.last_said)

"""Guards: which there are, what each waits for, armed and disarmed here, and what each did."""

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max, Min
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from orders.access import denials, sessions
from orders.access.four_eyes import Waits
from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of
from orders.admin.guards.guard_form import GuardForm
from orders.admin.guards.guarded_page import GuardedPage
from orders.admin.shared import fields, filters
from orders.admin.shared.unfold import CustomUrl, display
from orders.models import Guard, GuardArming, GuardStatus, PanicLine, Right
from orders.panic.guard import arming, changes, firing, lookout, seen
from orders.templatetags.desk import after, ago, visible

ARMINGS = 20  # in the history
TONES = {
    GuardStatus.DISARMED: "plain",
    GuardStatus.ARMED: "good",
    GuardStatus.FIRED: "alarm",
    GuardStatus.ASKING: "alarm",
}


@admin.register(Guard)
class GuardAdmin(GuardedPage[Guard]):
    """The guards of one's desks."""

    list_display = ("name_column", "state_column", "does_column", "by_column", "beat_column")
    list_filter = (filters.DeskFilter,)
    list_select_related = ("desk", "account")
    page_template = "desk/guards/guard.html"
    empty_sentence = "No guard yet. With one a bot's silence empties its open orders."

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (
            ("<int:object_id>/arm/", "orders_guard_arm", self.arm_view),
            ("<int:object_id>/beat/", "orders_guard_beat", self.beat_view),
            ("<int:object_id>/disarm/", "orders_guard_disarm", self.disarm_view),
            ("<int:object_id>/fire/", "orders_guard_fire", self.fire_view),
            ("<int:object_id>/set/", "orders_guard_set", self.set_view),
        )

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).with_clock()

    def facts(self, request: HttpRequest, row: Guard) -> dict[str, Any]:
        here = Guard.objects.filter(pk=row.pk)
        return {
            "title": f"Guard {visible(row.name)}",
            "guard": row,
            "state": seen.state_of(row),
            "tone": TONES[GuardStatus(row.status)],
            "left_s": round(lookout.left_s(row)) if row.status == GuardStatus.ARMED else None,
            "does": changes.in_words(row),
            "may_arm": here.allowing(request.user, Right.GUARD).exists(),
            "may_set": here.allowing(request.user, Right.SET_GUARDS).exists(),
            "armings": history(row),
        }

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The form of a new guard."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = GuardForm(request.POST or None, user=request.user)
        if request.method == "POST" and (guard := self._made(request, form)):
            messages.success(request, f"{guard.name} is made. Arm it, or let its bot do so.")
            return redirect("admin:orders_guard_change", guard.pk)
        return self._form_page(request, form, "Make a guard")

    def set_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The form of a guard that is there."""
        guard = self.visible_or_404(request, str(object_id))
        if not Guard.objects.filter(pk=guard.pk).allowing(request.user, Right.SET_GUARDS).exists():
            denials.record(actor=actor_of(request), what=f"change guard {guard.pk}")
            raise PermissionDenied
        form = GuardForm(request.POST or None, user=request.user, guard=guard)
        if request.method == "POST" and (said := self._changed(request, form, guard)):
            messages.success(request, said)
            return redirect("admin:orders_guard_change", guard.pk)
        return self._form_page(request, form, f"Change guard {visible(guard.name)}", guard=guard)

    def _form_page(
        self, request: HttpRequest, form: GuardForm, title: str, **more: Any
    ) -> TemplateResponse:
        status = 422 if form.is_bound else 200
        template = "desk/guards/guard_form.html"
        return self.page(request, template, title=title, form=form, status=status, **more)

    def _made(self, request: HttpRequest, form: GuardForm) -> Guard | None:
        """The new guard; None with the form's errors filled in."""
        user, actor = sessions.person_of(request), actor_of(request)
        return self.from_form(
            request,
            form,
            lambda: changes.make(
                user=user,
                actor=actor,
                desk_id=form.cleaned_data["desk"].pk,
                name=form.cleaned_data["name"],
                setting=form.setting(),
            ),
        )

    def _changed(self, request: HttpRequest, form: GuardForm, guard: Guard) -> str | None:
        """What was changed in words; None with the form's errors filled in."""
        user, actor = sessions.person_of(request), actor_of(request)
        act = partial(changes.change, user=user, actor=actor, guard_id=guard.pk)
        try:
            return self.from_form(request, form, lambda: act(setting=form.setting()))
        except Waits as waits:
            return str(waits)
        except NotAllowed as refused:
            raise PermissionDenied(str(refused)) from None

    @method_decorator(require_POST)
    def arm_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        """Arm a guard that stands as the page showed it; with *drill*, for drill accounts alone."""
        guard = self.visible_or_404(request, str(object_id))
        user, actor = sessions.person_of(request), actor_of(request)
        act = partial(arming.arm, user=user, actor=actor, guard_id=guard.pk, state=_seen(request))
        return self.acted(request, guard, partial(act, is_drill=bool(request.POST.get("is_drill"))))

    @method_decorator(require_POST)
    def beat_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        """Let an armed guard hear a beat; one that is not armed stays so."""
        guard = self.visible_or_404(request, str(object_id))
        user, actor = request.user, actor_of(request)
        act = partial(arming.beat_by_hand, user=user, actor=actor, guard_id=guard.pk)
        return self.acted(request, guard, act)

    @method_decorator(require_POST)
    def disarm_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        """Disarm a guard that stands as the page showed it, or say that its firing was seen to."""
        guard = self.visible_or_404(request, str(object_id))
        actor, reason, state = actor_of(request), fields.reason_of(request), _seen(request)
        act = partial(arming.disarm, user=request.user, actor=actor, guard_id=guard.pk)
        return self.acted(request, guard, partial(act, reason=reason, state=state))

    @method_decorator(require_POST)
    def fire_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        """Tell a guard that asks to fire."""
        guard = self.visible_or_404(request, str(object_id))
        user, actor = sessions.person_of(request), actor_of(request)
        act = partial(firing.fire_now, user=user, actor=actor, guard_id=guard.pk)
        return self.acted(request, guard, act)

    @display(description="Guard")
    def name_column(self, guard: Guard) -> SafeString:
        desk = visible(guard.desk)
        return format_html('<span class="dk-muted">{}</span> {}', desk, visible(guard.name))

    @display(description="State")
    def state_column(self, guard: Guard) -> SafeString:
        tone, word = TONES[GuardStatus(guard.status)], guard.get_status_display()
        drill = " (drill)" if guard.is_drill and guard.status != GuardStatus.DISARMED else ""
        return format_html('<span class="dk-status dk-{}">{}{}</span>', tone, word, drill)

    @display(description="Does")
    def does_column(self, guard: Guard) -> str:
        return visible(changes.in_words(guard))

    @display(description="Armed by")
    def by_column(self, guard: Guard) -> str:
        program = f", by API token {guard.token_name}" if guard.token_name else ""
        return visible(f"{guard.armed_by_name}{program}")

    @display(description="Last beat")
    def beat_column(self, guard: Guard) -> str:
        return ago(guard.beat_at)


def _seen(request: HttpRequest) -> str:
    """How the guard stood on the page where the button was pressed."""
    return request.POST.get("state", "")


def history(guard: Guard) -> list[dict[str, Any]]:
    """The newest armings; of each firing how long it took to the last request, and to empty."""
    rows = list(guard.armings.select_related("job")[:ARMINGS])
    lines = PanicLine.objects.filter(job__in=[row.job_id for row in rows if row.job_id])
    times = lines.order_by().values("job_id")
    found: dict[int, dict[str, Any]] = {
        row["job_id"]: dict(row)
        for row in times.annotate(
            first=Min("sent_at"), last=Max("last_sent_at"), empty=Max("seen_empty_at")
        )
    }
    return [_row(row, found.get(row.job_id or 0, {})) for row in rows]


def _row(row: GuardArming, times: dict[str, Any]) -> dict[str, Any]:
    """An arming with its times, counted from the last beat."""
    since = row.last_beat_at
    told: dict[str, Any] = {"arming": row}
    for name in ("last", "empty"):
        moment = times.get(name)
        told[name] = after(moment, since) if moment and since else ""
    return told

"""Jobs: who cancelled what and why, and how far it is."""

import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe

from orders.access.permissions import NotAllowed, has_permission
from orders.access.sign_in_log import actor_of
from orders.admin.jobs import appeared_since, csv_download
from orders.admin.jobs.progress import STILL_GOING, progress
from orders.admin.jobs.tally import complete
from orders.admin.panic import panic_pages
from orders.admin.pictures import burn_down
from orders.admin.shared import filters, order_history, timings, versions
from orders.admin.shared.following_list import FollowingList
from orders.admin.shared.job_links import told
from orders.admin.shared.screens import ReadOnlyPage, fragment, request_key_of
from orders.admin.shared.unfold import CustomUrl, display
from orders.cancels import jobs
from orders.lifecycle.targets import CannotAsk
from orders.models import CancelJob, Desk, JobStatus, Right
from orders.models.lookups import is_row_id
from orders.models.newest import Parts
from orders.templatetags.desk import ago, by, visible

if TYPE_CHECKING:
    from orders.audit.log import Actor
    from orders.cancels.intake import CancelReceipt
    from orders.models.desks import Person

TIMES_HOLD_S = 5  # rates, estimates and credits of a job change without a record
STOP_ASKING = 286  # htmx: swap this in and ask no more


class Act(Protocol):
    """What a person may do to a job. It returns a sentence, or what it recorded anew."""

    def __call__(self, *, user: "Person", actor: "Actor", job_id: int) -> "str | CancelReceipt": ...


@admin.register(CancelJob)
class JobAdmin(FollowingList[CancelJob], ReadOnlyPage[CancelJob]):
    """Jobs of the person's desks, newest first."""

    list_display = (
        "job_column",
        "status_column",
        "progress_column",
        "who_column",
        "when_column",
        "desk_column",
        "reason_column",
    )
    list_filter = (filters.JobStatusFilter, filters.OwnDeskFilter, filters.OperatorFilter)
    list_select_related = ("desk",)
    follows = "jobs"
    page_template = "desk/jobs/job.html"
    empty_sentence = "No job fits. A job appears here as soon as somebody cancels something."
    none_fits_sentence = empty_sentence

    def parts(self, request: HttpRequest) -> Parts | None:
        """Desks, unless only those jobs are asked for that are not done: they are few."""
        if request.GET.get("status") not in (None, "", JobStatus.DONE):
            return None
        desks, desk = Desk.objects.visible_to(request.user), request.GET.get("desk", "")
        seen = desks.filter(pk=desk) if is_row_id(desk) else desks
        return [{"desk": pk} for pk in seen.order_by("pk").values_list("pk", flat=True)]

    @property
    def own_urls(self) -> tuple[CustomUrl, ...]:
        return (
            ("rows/", "orders_canceljob_rows", self.rows_view),
            ("<int:object_id>/progress/", "orders_canceljob_progress", self.progress_view),
            ("<int:object_id>/burn-down/", "orders_canceljob_burn_down", self.burn_down_view),
            ("<int:object_id>/appeared/", "orders_canceljob_appeared", self.appeared_view),
            ("<int:object_id>/orders.csv", "orders_canceljob_download", self.download_view),
            ("<int:object_id>/life/", "orders_canceljob_life", self.life_view),
            ("<int:object_id>/stop/", "orders_canceljob_stop", self.stop_view),
            ("<int:object_id>/resume/", "orders_canceljob_resume", self.resume_view),
            ("<int:object_id>/retry/", "orders_canceljob_retry", self.retry_view),
        )

    @method_decorator(require_safe)
    def life_view(self, request: HttpRequest, object_id: int) -> TemplateResponse:
        """All that the log holds of a job, with its sums."""
        job = self.visible_or_404(request, str(object_id))
        life = order_history.of_job(job, request.user)
        is_cut = len(life) == order_history.MAX_MOMENTS
        return self.page(
            request,
            "desk/jobs/job_records.html",
            title=f"The life of {job}",
            job=job,
            life=life,
            is_cut=is_cut,
            sums=timings.sums_of(job),
        )

    @display(description="What")
    def job_column(self, job: CancelJob) -> str:
        return visible(job.scope) or str(job)

    @display(description="Status")
    def status_column(self, job: CancelJob) -> SafeString:
        return format_html(
            '<span class="dk-status dk-{}">{}</span>', job.badge.tone, job.badge.words
        )

    @display(description="Progress")
    def progress_column(self, job: CancelJob) -> SafeString:
        return render_to_string(
            "desk/jobs/_progress_bar.html", {"tally": job.tally, "is_small": True}
        )

    @display(description="Who")
    def who_column(self, job: CancelJob) -> str:
        return by(job)

    @display(description="When")
    def when_column(self, job: CancelJob) -> str:
        return ago(job.created_at)

    @display(description="Desk")
    def desk_column(self, job: CancelJob) -> str:
        return visible(job.desk)

    @display(description="Why")
    def reason_column(self, job: CancelJob) -> SafeString:
        return format_html('<span class="dk-muted dk-clip">{}</span>', visible(job.reason) or "–")

    def complete_rows(self, request: HttpRequest, rows: list[CancelJob]) -> None:
        complete(rows)

    def goes_on(self, row: CancelJob) -> bool:
        lines = row.tally.lines
        is_asked = bool(row.tally.unresolved or (lines and lines.needs_you))
        return is_asked or row.status in STILL_GOING

    def facts(self, request: HttpRequest, job: CancelJob) -> dict[str, Any]:
        title = f"{job}: {visible(job.scope)}"
        shown = self.shown(request, job)
        pace = shown["pace"]
        if pace.tally.total > 1:
            shown["burn_down"] = burn_down.of_groups(job, pace.groups, pace.now)
        return {"title": title, "symbols": pace.symbols, **shown}

    def shown(self, request: HttpRequest, job: CancelJob) -> dict[str, Any]:
        """What the part of the page that changes needs."""
        facts = panic_pages.lines(request, job) if job.is_panic else {}
        return {
            **facts,
            **progress(request, job),
            "may_act": has_permission(request.user, Right.CANCEL, desk=job.desk),
            "may_go_on": jobs.may_go_on(user=request.user, job=job),
            "request_key": _key_of_retry(request, job),
        }

    @method_decorator(require_POST)
    def stop_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        return self.act(request, object_id, jobs.stop)

    @method_decorator(require_POST)
    def resume_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        return self.act(request, object_id, jobs.resume)

    @method_decorator(require_POST)
    def retry_view(self, request: HttpRequest, object_id: int) -> HttpResponseRedirect:
        key = request_key_of(request)
        return self.act(request, object_id, partial(jobs.retry, request_key=key))

    def act(self, request: HttpRequest, object_id: int, act: Act) -> HttpResponseRedirect:
        """Do this to the job and say what became of it; who may is decided below."""
        self.visible_or_404(request, str(object_id))
        try:
            outcome = act(user=request.user, actor=actor_of(request), job_id=object_id)
        except NotAllowed:
            raise PermissionDenied from None
        if isinstance(outcome, str):
            messages.info(request, outcome)
            return redirect("admin:orders_canceljob_change", object_id)
        return told(request, outcome)

    @method_decorator(require_safe)
    def progress_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The part of the job's page that changes while it runs; the page asks until it is over."""
        job = self.visible_or_404(request, str(object_id))
        moment = int(timezone.now().timestamp()) // TIMES_HOLD_S
        if same := versions.unchanged(request, moment):
            return same
        shown = self.shown(request, job)
        html = render_to_string("desk/jobs/_progress.html", shown, request)
        answer = fragment(html, status=200 if shown["is_going"] else STOP_ASKING)
        return versions.versioned(answer, request, moment)

    @method_decorator(require_safe)
    def burn_down_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """The figures of the picture of what is left; the page asks until the job is over."""
        job = self.visible_or_404(request, str(object_id))
        facts = {"pictures": [burn_down.of_job(job, timezone.now())], "is_apart": True}
        html = render_to_string("desk/pictures/_overview.html", facts, request)
        return fragment(html, status=200 if job.status in STILL_GOING else STOP_ASKING)

    @method_decorator(require_safe)
    def appeared_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Orders that came into the scope after it was frozen; looked up once, when all is over."""
        job = self.visible_or_404(request, str(object_id))
        try:
            facts: dict[str, Any] = {"found": appeared_since.since(request, job)}
        except CannotAsk as changed:
            facts = {"trouble": str(changed)}
        return fragment(render_to_string("desk/jobs/_appeared_since.html", facts, request))

    @method_decorator(require_safe)
    def download_view(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Every order of the job with its outcome, as CSV; that it was taken away is recorded."""
        job = self.visible_or_404(request, str(object_id))
        return csv_download.of_job(job, actor=actor_of(request))


def _key_of_retry(request: HttpRequest, job: CancelJob) -> uuid.UUID:
    """The same button, however often it is drawn anew for a person, asks for the same retry."""
    return uuid.uuid5(job.request_key, f"retry {job.retries.count()} by {request.user.pk}")

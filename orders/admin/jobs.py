"""Jobs: who cancelled what and why, and how far it is."""

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Count
from django.template.loader import render_to_string
from django.utils.html import format_html
from unfold.decorators import display

from orders import sentences
from orders.admin import filters
from orders.admin.base import ReadOnlyPage, fragment, shows
from orders.models import Cancel, CancelJob, CancelStatus, JobStatus, Proof
from orders.models.cancels import LIVE
from orders.templatetags.desk import ago, tone, visible

PER_PAGE = 100
STILL_GOING = {JobStatus.RUNNING, JobStatus.STOPPING}


class Tally:
    """How many cancels of a job stand in each status, as parts of a bar."""

    def __init__(self, counts):
        self.total = sum(counts.values())
        self.resting = sum(n for status, n in counts.items() if status not in LIVE)
        self.parts, start = [], 0
        for status in CancelStatus.values:
            count = counts.get(status)
            if count:
                self.parts.append(self._part(status, count, start))
                start += count

    def _part(self, status, count, start):
        """A stretch of the bar, in per cent of its length."""
        return {
            "status": status,
            "label": CancelStatus(status).label,
            "count": count,
            "start": f"{100 * start / self.total:.3f}",
            "share": f"{100 * count / self.total:.3f}",
        }

    @property
    def sentence(self):
        """*3 of 5 at rest: 2 cancelled, 1 refused, 2 waiting to be sent*."""
        parts = ", ".join(f"{part['count']} {part['label'].lower()}" for part in self.parts)
        return f"{self.resting} of {self.total} at rest: {parts}" if parts else "No cancels."


def tallies(jobs) -> dict:
    """The tally of each job, by job id; one query."""
    rows = Cancel.objects.filter(job__in=[job.pk for job in jobs]).order_by()
    counts = {job.pk: {} for job in jobs}
    for job_id, status, count in rows.values_list("job", "status").annotate(Count("pk")):
        counts[job_id][status] = count
    return {job_id: Tally(by_status) for job_id, by_status in counts.items()}


def complete(jobs):
    """Attach its tally to each job."""
    found = tallies(jobs)
    for job in jobs:
        job.tally = found[job.pk]
    return jobs


@admin.register(CancelJob)
class JobAdmin(ReadOnlyPage):
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
    page_template = "desk/job.html"
    empty_sentence = "No job fits. A job appears here as soon as somebody cancels something."

    @property
    def own_urls(self):
        return (("<int:object_id>/progress/", "orders_canceljob_progress", self.progress_view),)

    @display(description="What")
    def job_column(self, job):
        return visible(job.scope) or str(job)

    @display(description="Status")
    def status_column(self, job):
        return format_html(
            '<span class="dk-status dk-{}">{}</span>', tone(job.status), job.get_status_display()
        )

    @display(description="Progress")
    def progress_column(self, job):
        return render_to_string("desk/bar.html", {"tally": job.tally, "is_small": True})

    @display(description="Who")
    def who_column(self, job):
        return visible(job.operator_name)

    @display(description="When")
    def when_column(self, job):
        return ago(job.created_at)

    @display(description="Desk")
    def desk_column(self, job):
        return visible(job.desk)

    @display(description="Why")
    def reason_column(self, job):
        return format_html('<span class="dk-quiet dk-clip">{}</span>', visible(job.reason) or "–")

    def complete_rows(self, request, rows):
        complete(rows)

    def facts(self, request, job):
        return {"title": f"{job}: {visible(job.scope)}", **progress(request, job)}

    @shows
    def progress_view(self, request, object_id):
        """The part of the job's page that changes while it runs."""
        job = self.visible_or_404(request, str(object_id))
        return fragment(render_to_string("desk/job_progress.html", progress(request, job)))


def progress(request, job) -> dict:
    """What the job's page shows of how far it is: its tally and a page of its cancels."""
    cancels = job.cancels.select_related("account__desk", "known_order").order_by("pk")
    status = request.GET.get("status", "")
    if status in CancelStatus.values:
        cancels = cancels.filter(status=status)
    page = Paginator(cancels, PER_PAGE).get_page(request.GET.get("p"))
    return {
        "job": complete([job])[0],
        "cancels": page,
        "chosen": status if status in CancelStatus.values else "",
        "is_going": job.status in STILL_GOING,
        "took": job.done_at and sentences.span((job.done_at - job.created_at).total_seconds()),
        "proofs": dict(Proof.choices),
    }

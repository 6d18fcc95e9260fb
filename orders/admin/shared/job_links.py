"""The way from an instruction to the job that it became."""

from django.contrib import messages
from django.http import HttpRequest
from django.http.response import HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from orders.cancels.intake import CancelReceipt
from orders.models import CancelJob
from orders.templatetags.desk import visible

ORDERS = "admin:orders_order_changelist"


def told(request: HttpRequest, asked: CancelReceipt) -> HttpResponseRedirect:
    """Say what became of an instruction, and go to its job where there is one."""
    level = messages.SUCCESS if asked.recorded else messages.WARNING
    links = format_html_join(
        " ", '<a class="dk-link" href="{}">{}</a>', ((job_url(job), str(job)) for job in asked.jobs)
    )
    messages.add_message(request, level, format_html("{} {}", visible(asked.sentence()), links))
    if len(asked.jobs) == 1:
        return redirect(job_url(asked.jobs[0]))
    return redirect("admin:orders_canceljob_changelist" if asked.jobs else ORDERS)


def job_url(job: CancelJob) -> str:
    """The page of a job."""
    return reverse("admin:orders_canceljob_change", args=[job.pk])

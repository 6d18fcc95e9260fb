"""How far jobs are: their cancels by status, their speed, what is left of time and credits."""

import hashlib
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import cached_property

from orders.admin.jobs.cancel_groups import Group, groups_of
from orders.admin.jobs.tally import MAY_BE_UNSENT, NOT_WORKED_OFF, Badge, Tally
from orders.admin.panic.line_counts import counts_by_job
from orders.audit import sentences
from orders.cancels import jobs
from orders.cancels.bulk import estimate
from orders.models import Account, Cancel, CancelJob, CancelStatus, JobStatus, Preview
from orders.models.cancels import CancelQuerySet
from orders.models.lookups import is_row_id
from orders.pacifica.signing import BATCH_SIZE

if TYPE_CHECKING:
    CancelPaginator = Paginator[Cancel]
else:
    CancelPaginator = Paginator

PER_PAGE = 50  # the page asks for them anew while the job runs
STILL_GOING = {JobStatus.RUNNING, JobStatus.STOPPING}
ROWS = "Desk-Rows"  # the version of the rows that a page shows, as it tells it
RATE_WINDOW = timedelta(seconds=60)  # as long as credits take to come back


class Pace:
    """A job's tally, its cancels a second, the time and credits left: one look at its cancels."""

    def __init__(self, job: CancelJob, now: datetime) -> None:
        self.job, self.now, self.groups = job, now, groups_of(job)
        by_status: Counter[str] = Counter()
        for group in self.groups:
            by_status[group.status] += group.size
        lines = counts_by_job(list(job.panic_lines.all())) if job.is_panic else {}
        unsent = sum(group.unsent for group in self.groups if group.status in MAY_BE_UNSENT)
        self.tally = job.tally = Tally(by_status, lines.get(job.pk), unsent)

    def count(self, chosen: dict[str, str]) -> int:
        """How many of its cancels fit the chosen status, account and symbol."""
        return sum(
            group.size
            for group in self.groups
            if chosen["account"] in ("", str(group.account_id))
            and chosen["status"] in ("", group.status)
            and chosen["symbol"] in ("", group.symbol)
        )

    @property
    def symbols(self) -> list[str]:
        """The symbols by which its cancels can be filtered."""
        return sorted({group.symbol for group in self.groups if group.symbol.isprintable()})

    @cached_property
    def accounts(self) -> dict[int, Account]:
        """The accounts of its cancels, by id."""
        return Account.objects.in_bulk({group.account_id for group in self.groups})

    @property
    def contradicted(self) -> int:
        """How many of its cancels later evidence spoke against."""
        return sum(group.contradicted for group in self.groups)

    @property
    def badge(self) -> Badge:
        """The job's status with the worst that became of its orders."""
        return self.tally.badge(self.job)

    @property
    def is_going(self) -> bool:
        """Whether anything can still happen to it by itself."""
        return self.job.status in STILL_GOING

    @cached_property
    def may_resume(self) -> bool:
        """Whether a resume could still send something, now or of what comes back to the queue."""
        if self.job.status == JobStatus.STOPPING:
            return True
        is_stopped = self.job.status == JobStatus.STOPPED and self._has(CancelStatus.STOPPED)
        return is_stopped and jobs.has_left(self.job, [CancelStatus.STOPPED])

    @cached_property
    def may_retry(self) -> bool:
        """Whether a retry could still send something."""
        return self._has(*jobs.RETRIED) and jobs.has_left(self.job, jobs.RETRIED)

    def _has(self, *statuses: str) -> bool:
        return any(self.tally.counts.get(status) for status in statuses)

    @cached_property
    def rate(self) -> float:
        """Cancels worked off a second: by the last minute's answers, on the whole once done."""
        age_s = ((self.job.done_at or self.now) - self.job.created_at).total_seconds()
        if not self.is_going:
            return self.tally.worked_off / age_s if self.job.done_at and age_s > 0 else 0
        lately = sum(group.size for group in self.groups if self._is_just_now(group))
        return lately / max(0.5, min(age_s, RATE_WINDOW.total_seconds()))

    def _is_just_now(self, group: Group) -> bool:
        """Whether these were worked off within the window."""
        at = group.concluded_at
        is_lately = at is not None and at >= self.now - RATE_WINDOW
        return is_lately and group.status not in NOT_WORKED_OFF

    @cached_property
    def shares(self) -> tuple[estimate.Share, ...]:
        """What the waiting cancels take from each pool, and what it holds."""
        counts = dict.fromkeys(self.accounts.values(), 0)
        for group in self.groups:
            if group.status == CancelStatus.QUEUED:
                counts[self.accounts[group.account_id]] += group.size
        is_urgent, before = self.job.is_urgent, self.job.pk
        return estimate.shares_of(counts, now=self.now, is_urgent=is_urgent, before=before)

    @property
    def dry(self) -> list[estimate.Share]:
        """The pools for whose credits its cancels wait."""
        if not self.is_going or not self.tally.waiting:
            return []
        return [share for share in self.shares if share.is_dry(self.now)]

    @property
    def left(self) -> str:
        """The time left, in words; empty where there is nothing to wait for or nothing to tell.

        As long as no answer came and credits are there, nobody knows how fast the exchange is.
        """
        if not self.is_going or not self.tally.waiting:
            return ""
        requests = self.tally.waiting / BATCH_SIZE
        by_credits = estimate.seconds(self.shares, requests, now=self.now)
        if not self.rate and not self.dry and by_credits < 1:
            return ""
        by_rate = self.tally.waiting / self.rate if self.rate else 0
        seconds = max(by_credits, by_rate)
        return sentences.span(seconds) if seconds >= 1 else "under 1 s"

    @property
    def took(self) -> str:
        """From the act to the last outcome, in words."""
        if self.job.done_at is None:
            return ""
        return sentences.span((self.job.done_at - self.job.created_at).total_seconds())


class Counted(CancelPaginator):
    """Pages of rows that were counted already."""

    def __init__(self, rows: CancelQuerySet, count: int) -> None:
        super().__init__(rows, PER_PAGE)
        self.count = count


def progress(request: HttpRequest, job: CancelJob) -> dict[str, Any]:
    """What a job's page shows of how far it is: its pace and one page of its cancels."""
    pace, chosen = Pace(job, timezone.now()), chosen_of(request)
    rows = job.cancels.order_by("pk")
    rows = rows.filter(**{name: value for name, value in chosen.items() if value})
    page = Counted(rows, pace.count(chosen)).get_page(request.GET.get("p"))
    for cancel in page.object_list:
        cancel.account = pace.accounts[cancel.account_id]
    frozen = _frozen_count(job)
    return {
        "job": job,
        "pace": pace,
        "tally": pace.tally,
        "is_going": pace.is_going,
        "cancels": page,
        "accounts": list(pace.accounts.values()),
        "chosen": chosen,
        "others": _query(chosen, "symbol", "account"),
        "paging": _query(chosen, "status", "symbol", "account"),
        "rows": Rows(request, page),
        "frozen": frozen,
        "skipped": frozen - pace.tally.total if frozen else 0,
    }


class Rows:
    """One page of a job's cancels, drawn. ``are_shown``: the page that asks shows just these."""

    def __init__(self, request: HttpRequest, page: "Page[Cancel]") -> None:
        facts = {"cancels": page, "order_page": reverse("admin:orders_order_changelist")}
        self.html = render_to_string("desk/jobs/_rows.html", facts)
        self.version = hashlib.sha256(self.html.encode()).hexdigest()[:16]
        self.are_shown = request.headers.get(ROWS) == self.version


def _frozen_count(job: CancelJob) -> int | None:
    """How many orders the preview froze of which a job was made; None where there was none."""
    if job.preview_id is None:
        return None
    return Preview.objects.filter(pk=job.preview_id).values_list("count", flat=True).first()


def chosen_of(request: HttpRequest) -> dict[str, str]:
    """By which status, symbol and account the job's cancels are filtered; unknown ones are none."""
    status, account = request.GET.get("status", ""), request.GET.get("account", "")
    symbol = request.GET.get("symbol", "").replace("\0", "")[:64]
    return {
        "status": status if status in CancelStatus.values else "",
        "symbol": symbol,
        "account": account if is_row_id(account) else "",
    }


def _query(chosen: dict[str, str], *names: str) -> str:
    return urlencode({name: chosen[name] for name in names if chosen[name]})

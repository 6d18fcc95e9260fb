"""The frame of every page: network, senders, the way around. And the start page."""

from django.conf import settings
from django.db.models import Exists, OuterRef, Q
from django.templatetags.static import static
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.timezone import now as clock

from orders import clocking, credits, restored
from orders.admin import books
from orders.admin.base import is_administrator, rights_of
from orders.admin.progress import STILL_GOING, complete
from orders.admin.selection import job_url
from orders.models import (
    Account,
    Cancel,
    CancelJob,
    Desk,
    Drift,
    Order,
    PanicLine,
    Right,
    Sender,
)
from orders.rights import holds

JOBS_IN_FRAME = 3
BANNERS = {
    "paper": ("PAPER", "practice orders on the paper exchange, no money"),
    "testnet": ("TESTNET", "orders go to Pacifica's testnet, no real money"),
    "mainnet": ("MAINNET", "orders are real money"),
}


class SiteState:
    """What the frame of a page asks for; each answer is looked up once, and only if it is shown."""

    def __init__(self, request, here=None):
        self.request, self.here = request, here or request.path
        self.network = settings.PACIFICA_NETWORK
        self.name, self.meaning = BANNERS[self.network]

    @cached_property
    def is_sending(self):
        """Whether any sender was heard of lately."""
        return Sender.objects.fresh(clock()).exists()

    @cached_property
    def _restored(self):
        return restored.state(clock())

    @property
    def restored(self):
        """Why nothing is sent, where an older copy of the database was put back; or nothing."""
        behind, _ = self._restored
        return restored.words(behind) if behind else ""

    @property
    def is_unguarded(self):
        """Whether no checkpoint was ever signed: a copy put back could not be noticed."""
        return not self._restored[1]

    @cached_property
    def may_accept(self):
        """Whether the person may accept a restored copy."""
        return is_administrator(self.request)

    @cached_property
    def unresolved(self):
        """How many open questions there are on the person's desks."""
        cancels = Cancel.objects.open_questions()
        return cancels.visible_to(self.request.user).count()

    @cached_property
    def contradicted(self):
        """How many open orders were said to be closed before."""
        orders = Order.objects.open().filter(has_contradiction=True)
        return orders.visible_to(self.request.user).count()

    @cached_property
    def drifts(self):
        """How many drifts nobody on the person's desks has looked at."""
        return Drift.objects.open().visible_to(self.request.user).count()

    @cached_property
    def clock(self):
        """The exchange's clock against ours, or None where it was not measured lately."""
        return clocking.current(clock())

    @cached_property
    def running(self):
        """How many jobs run on the person's desks."""
        return CancelJob.objects.running().visible_to(self.request.user).count()

    @property
    def running_jobs(self):
        """The newest bulk jobs and panics that run now on the person's desks."""
        return self._big_jobs[:JOBS_IN_FRAME]

    @property
    def further_jobs(self):
        """How many more of them there are."""
        return len(self._big_jobs[JOBS_IN_FRAME:])

    @cached_property
    def _big_jobs(self):
        """All of them, but for the one shown.

        A panic that was given up on stays until somebody who may acts on it.
        """
        user = self.request.user
        needing = PanicLine.objects.needing_somebody().allowing(user, Right.PANIC)
        needing = Exists(needing.filter(job=OuterRef("pk")))
        big = Q(is_urgent=False) | Q(is_panic=True)
        jobs = CancelJob.objects.visible_to(user).annotate(needs_somebody=needing)
        shown = jobs.filter(big & Q(status__in=STILL_GOING) | Q(is_panic=True, needs_somebody=True))
        return [job for job in shown.order_by("-created_at") if job_url(job) != self.here]

    @cached_property
    def untaken_panics(self):
        """How many lines of a panic wait, and no sender takes them."""
        return PanicLine.objects.untaken(clock()).visible_to(self.request.user).count()

    @property
    def may_view(self):
        """Whether there is anything of a desk that the person may see."""
        return Right.VIEW in rights_of(self.request)

    @cached_property
    def may_panic(self):
        """Whether there is a desk on which the person may pull a panic."""
        return holds(self.request.user, Right.PANIC)

    @property
    def is_signed_in(self):
        """Whether there is anybody to tell more than the network."""
        user = getattr(self.request, "user", None)
        return user is not None and user.is_authenticated


def site_state(request):
    """The template variable ``desk_site`` (Django's sign-in page has a ``site`` of its own)."""
    return {"desk_site": SiteState(request)}


def stylesheet(request):
    """Our own styles, beside the theme's."""
    return static("desk/desk.css")


def favicon(request):
    """The mark in the browser's tab."""
    return static("desk/favicon.svg")


def script(request):
    """Our own script, beside the theme's."""
    return static("desk/desk.js")


def navigation(request):
    """The way around, in the order in which operators need it."""
    state = SiteState(request)
    held = rights_of(request)
    groups = []
    if Right.VIEW in held:
        groups.append({"title": "Orders", "items": _cancelling(request, state, held)})
        groups.append({"title": "Desk", "items": _desk(request)})
    if is_administrator(request):
        items = [
            _item(request, "Desks", "groups", "admin:orders_desk_changelist"),
            _item(request, "People", "person", "admin:auth_user_changelist"),
        ]
        groups.append({"title": "Administration", "separator": True, "items": items})
    return groups


def _cancelling(request, state, held):
    items = [_item(request, "Orders", "list_alt", "admin:orders_order_changelist")]
    if Right.CANCEL in held:
        items.append(_item(request, "Cancel by id", "tag", "admin:orders_order_cancel_by_id"))
    if Right.CANCEL_SCOPE in held:
        items.append(_item(request, "Cancel by scope", "filter_alt", "admin:orders_preview_scope"))
    if Right.CANCEL in held:
        items.append(_item(request, "Cancel a list", "list", "admin:orders_preview_list"))
    jobs = _item(request, "Jobs", "checklist", "admin:orders_canceljob_changelist")
    unresolved = _item(request, "Unresolved", "help", "admin:orders_cancel_changelist")
    _mark(jobs, state.running, "info")
    _mark(unresolved, state.unresolved, "danger")
    drift = _item(request, "Drift", "difference", "admin:orders_drift_changelist")
    _mark(drift, state.drifts, "warning")
    return [*items, jobs, unresolved, drift]


def _desk(request):
    return [
        _item(request, "Accounts", "account_balance", "admin:orders_account_changelist"),
        _item(request, "Agent wallets", "key", "admin:orders_agentwallet_changelist"),
        _item(request, "Audit records", "receipt_long", "admin:orders_auditrecord_changelist"),
        *_evidence(request),
    ]


def _evidence(request):
    """What only those see who check the log."""
    if Right.VERIFY in rights_of(request) or is_administrator(request):
        yield _item(request, "Exports", "download", "admin:orders_export_changelist")
        name = "admin:orders_verification_changelist"
        yield _item(request, "Is the log whole?", "verified", name)


def _item(request, title, icon, name):
    link = reverse(name)
    by_id = reverse("admin:orders_order_cancel_by_id")
    is_here = request.path.startswith(link) and (link == by_id or request.path != by_id)
    return {"title": title, "icon": icon, "link": link, "active": is_here}


def _mark(item, count, variant):
    if count:
        item["badge"], item["badge_variant"] = str(count), variant


def dashboard(request, context):
    """The state of the person's desks at a glance."""
    user = request.user
    accounts = Account.objects.visible_to(user).filter(is_active=True).select_related("desk")
    jobs = CancelJob.objects.visible_to(user).select_related("desk").order_by("-created_at")
    desks = _by_desk(list(accounts))
    return context | {
        "title": "Overview",
        "desks": desks,
        "open_orders": sum(desk["open_orders"] for desk in desks),
        "has_desks": Desk.objects.visible_to(user).exists(),
        "book": books.book_of(accounts),
        "last_jobs": complete(list(jobs[:8])),
        "may_cancel": Right.CANCEL in rights_of(request),
        "may_add": is_administrator(request),
    }


def _by_desk(accounts):
    """Accounts by desk, each with its open orders and the credits left; three queries."""
    counts = books.open_orders(accounts)
    balances = credits.balances(accounts=accounts, now=clock())
    desks = {}
    for account in accounts:
        account.open_orders = counts.get(account.pk, 0)
        account.balance = balances[account.pk]
        desks.setdefault(account.desk, []).append(account)
    return [
        {"desk": desk, "accounts": rows, "open_orders": sum(row.open_orders for row in rows)}
        for desk, rows in desks.items()
    ]

"""The frame of every page: network, senders, what runs and what needs somebody."""

import json
import shlex

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property

from orders.access.permissions import has_permission
from orders.admin import help_pages
from orders.admin.guards import strip
from orders.admin.jobs.progress import STILL_GOING
from orders.admin.shared import freshness, versions
from orders.admin.shared.job_links import job_url
from orders.admin.shared.screens import is_administrator, rights_of
from orders.exchange import clock as exchange_clock
from orders.lifecycle import restored_copy
from orders.models import (
    Account,
    Cancel,
    CancelJob,
    Desk,
    Drift,
    ExchangeClock,
    Order,
    PanicLine,
    Restore,
    Right,
    Sender,
)
from orders.models.drifts import UNEXPLAINED
from orders.pacifica.client import VERSION

JOBS_IN_FRAME = 3
COMMANDS_IN_FRAME = 5
EVENTS_PATH = "/events"
SITE_STATE = "desk_site_state"  # where a request keeps its page's frame
BANNERS = {
    "paper": ("PAPER", "practice orders on the paper exchange, no money"),
    "testnet": ("TESTNET", "orders go to Pacifica's testnet, no real money"),
    "mainnet": ("MAINNET", "orders are real money"),
}


def state_of(request: HttpRequest) -> "SiteState":
    """Return the frame of the page that is made for the request, one for all that ask for it."""
    state: SiteState | None = getattr(request, SITE_STATE, None)
    if state is None:
        state = SiteState(request)
        setattr(request, SITE_STATE, state)
    return state


class SiteState:
    """What the frame of a page asks for; each answer is looked up once, and only if it is shown."""

    def __init__(self, request: HttpRequest, here: str | None = None) -> None:
        self.request, self.here = request, here or request.path
        self.network = settings.PACIFICA_NETWORK
        self.name, self.meaning = BANNERS[self.network]

    @property
    def events(self) -> str:
        """Where pages follow changes: a path of the site, or another port of its host."""
        port = settings.EVENTS_PORT
        return f":{port}{EVENTS_PATH}" if port else EVENTS_PATH

    @property
    def position(self) -> int:
        """Where the log stood before anything of the page was read."""
        return versions.position_of(self.request)

    @property
    def now_ms(self) -> int:
        """Our time, by which the page tells ages."""
        return int(timezone.now().timestamp() * 1000)

    @property
    def panic_commands(self) -> list[str]:
        """What empties the person's desks from a terminal, should the site not answer."""
        user = self.request.user
        desks = Desk.objects.allowing(user, Right.PANIC).order_by("name")[:COMMANDS_IN_FRAME]
        operator = shlex.quote(user.get_username())
        return [
            f"python manage.py panic --desk {shlex.quote(desk.name)} --operator {operator}"
            for desk in desks
        ]

    @cached_property
    def is_sending(self) -> bool:
        """Whether any sender was heard of lately."""
        return Sender.objects.fresh(timezone.now()).exists()

    @cached_property
    def _restored(self) -> tuple[Restore | None, bool]:
        return restored_copy.state(timezone.now())

    @property
    def version(self) -> str:
        """The app's version, for the foot of every page."""
        return VERSION

    @property
    def restored(self) -> str:
        """Why nothing is sent, where an older copy of the database was put back; or nothing."""
        behind, _ = self._restored
        return restored_copy.words(behind) if behind else ""

    @property
    def is_unguarded(self) -> bool:
        """Whether no checkpoint was ever signed: a copy put back could not be noticed."""
        return not self._restored[1]

    @cached_property
    def may_accept(self) -> bool:
        """Whether the person may accept a restored copy."""
        return is_administrator(self.request)

    @cached_property
    def unresolved(self) -> int:
        """How many open questions there are on the person's desks."""
        cancels = Cancel.objects.open_questions()
        return cancels.visible_to(self.request.user).count()

    @cached_property
    def contradicted(self) -> int:
        """How many open orders were said to be closed before."""
        accounts = Account.objects.visible_to(self.request.user)
        return Order.objects.open().filter(has_contradiction=True).on(accounts).count()

    @cached_property
    def _drifts(self) -> dict[str, int]:
        drifts = Drift.objects.open().visible_to(self.request.user)
        unexplained = Count("pk", filter=Q(cause__in=UNEXPLAINED))
        return drifts.aggregate(every=Count("pk"), unexplained=unexplained)

    @property
    def drifts(self) -> int:
        """How many discrepancies that nothing explains nobody on the person's desks looked at."""
        return self._drifts["unexplained"]

    @property
    def explained_drifts(self) -> int:
        """How many that something explains nobody looked at."""
        return self._drifts["every"] - self._drifts["unexplained"]

    @cached_property
    def clock(self) -> ExchangeClock | None:
        """The exchange's clock against ours, or None where it was not measured lately."""
        return exchange_clock.current(timezone.now())

    @cached_property
    def running(self) -> int:
        """How many jobs run on the person's desks."""
        return CancelJob.objects.running().visible_to(self.request.user).count()

    @property
    def running_jobs(self) -> list[CancelJob]:
        """The newest bulk jobs and panics that run now on the person's desks."""
        return self._big_jobs[:JOBS_IN_FRAME]

    @property
    def further_jobs(self) -> int:
        """How many more of them there are."""
        return len(self._big_jobs[JOBS_IN_FRAME:])

    @cached_property
    def _big_jobs(self) -> list[CancelJob]:
        """All of them, but for the one shown.

        A panic that was given up on stays until somebody who may acts on it.
        """
        user = self.request.user
        lines = PanicLine.objects.needing_somebody().allowing(user, Right.PANIC)
        needing = Exists(lines.filter(job=OuterRef("pk")))
        big = Q(is_urgent=False) | Q(is_panic=True)
        jobs = CancelJob.objects.visible_to(user)
        # Other screens attach the same name by a query of their own.
        jobs = jobs.annotate(needs_somebody=needing)  # type: ignore[no-redef]
        shown = jobs.filter(big & Q(status__in=STILL_GOING) | Q(is_panic=True, needs_somebody=True))
        return [job for job in shown.order_by("-created_at") if job_url(job) != self.here]

    @cached_property
    def guards(self) -> strip.Strip:
        """The guards at work on the person's desks, and what is latched."""
        return strip.strip_for(self.request.user)

    @cached_property
    def untaken_panics(self) -> int:
        """How many lines of a panic wait, and no sender takes them."""
        return PanicLine.objects.untaken(timezone.now()).visible_to(self.request.user).count()

    @property
    def counts(self) -> str:
        """What the menu and the overview count, as JSON by name."""
        names = ("open_orders", "running", "unresolved", "contradicted", "drifts")
        return json.dumps({name: getattr(self, name) for name in names})

    @cached_property
    def open_orders(self) -> str:
        """How many orders are open on the person's active accounts, as far as they were read."""
        accounts = Account.objects.visible_to(self.request.user).filter(is_active=True)
        count = Order.objects.open().on(accounts).count()
        return freshness.in_words(count, accounts.only("synced_at").order_by())

    @property
    def help(self) -> str:
        """Where the help on this screen stands."""
        match = self.request.resolver_match
        return help_pages.address_for((match and match.url_name) or "")

    @cached_property
    def needing_panics(self) -> int:
        """How many accounts of a panic were given up on, and nobody has seen to them."""
        return PanicLine.objects.needing_somebody().visible_to(self.request.user).count()

    @property
    def may_view(self) -> bool:
        """Whether there is anything of a desk that the person may see."""
        return Right.VIEW in rights_of(self.request)

    @cached_property
    def may_panic(self) -> bool:
        """Whether there is a desk on which the person may pull a panic."""
        return has_permission(self.request.user, Right.PANIC)

    @property
    def is_signed_in(self) -> bool:
        """Whether there is anybody to tell more than the network."""
        user = getattr(self.request, "user", None)
        return user is not None and user.is_authenticated

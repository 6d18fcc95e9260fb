"""The frame of every page: network, senders, what runs and what needs somebody."""

import json
import shlex
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db.models import Count, Q, QuerySet
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
)
from orders.models.desks import is_active_person
from orders.models.drifts import UNEXPLAINED
from orders.models.for_person import ForPerson
from orders.models.prepared import MOMENTS, Searching
from orders.models.senders import is_any_alive
from orders.pacifica.client import VERSION

if TYPE_CHECKING:
    from orders.models.desks import Person

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


def _counted(rows: QuerySet[Any], by: str) -> QuerySet[Any, tuple[int, int]]:
    """Return how many rows there are of each desk or account: an index alone may tell."""
    of_each = rows.order_by().values_list(by)
    counted: QuerySet[Any, tuple[int, int]] = of_each.annotate(Count("pk"))
    return counted


def _sum(counts: list[tuple[int, int]]) -> int:
    return sum(count for _, count in counts)


_desks_to_panic_on = Searching(
    lambda user_id: (
        Desk.objects.held_by(user_id, Right.PANIC)
        .order_by("name")
        .values_list("name", flat=True)[:COMMANDS_IN_FRAME]
    ),
    user_id=(1, 2),
)
_running = ForPerson(lambda seen: _counted(seen(CancelJob.objects.running()), "desk"))
_unresolved = ForPerson(lambda seen: _counted(seen(Cancel.objects.open_questions()), "account"))
_contradicted = ForPerson(
    lambda seen: _counted(
        Order.objects.open().filter(has_contradiction=True).on(seen(Account.objects.all())),
        "account",
    )
)
_active_accounts = ForPerson(
    lambda seen: seen(Account.objects.filter(is_active=True)).only("synced_at").order_by()
)
_open_orders = ForPerson(
    lambda seen: _counted(
        Order.objects.open().on(seen(Account.objects.filter(is_active=True))), "account"
    )
)
_drifts_by_cause = ForPerson(
    lambda seen: seen(Drift.objects.open()).order_by().values_list("cause").annotate(Count("pk"))
)
_untaken = ForPerson(
    lambda seen, now: _counted(seen(PanicLine.objects.untaken(now)), "account"), now=MOMENTS
)
_needing_somebody = ForPerson(
    lambda seen: _counted(seen(PanicLine.objects.needing_somebody()), "account")
)


_going = ForPerson(
    lambda seen: seen(
        CancelJob.objects.filter(Q(is_urgent=False) | Q(is_panic=True), status__in=STILL_GOING)
    ).order_by()
)
#: Asked apart: where one OR the other may be, every job that there ever was would be read.
_panics = ForPerson(
    lambda seen, pks: seen(CancelJob.objects.filter(is_panic=True, pk__any=pks)).order_by(),
    pks=({1}, {2}),
)
_given_up = Searching(
    lambda user_id: (
        PanicLine.objects.needing_somebody()
        .held_by(user_id, Right.PANIC)
        .order_by()
        .values_list("job", flat=True)
    ),
    user_id=(1, 2),
)


def _big(user: "Person") -> list[CancelJob]:
    """Return the bulk jobs and panics that run, and panics that wait for this person."""
    waiting = set(_given_up(user_id=user.pk)) if is_active_person(user) else set()
    jobs = _going(user) + (_panics(user, pks=waiting) if waiting else [])
    found = {job.pk: job for job in jobs}
    for job in found.values():
        job.needs_somebody = job.pk in waiting
    return sorted(found.values(), key=lambda job: job.created_at, reverse=True)


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
        names = _desks_to_panic_on(user_id=user.pk) if is_active_person(user) else []
        operator = shlex.quote(user.get_username())
        return [
            f"python manage.py panic --desk {shlex.quote(name)} --operator {operator}"
            for name in names
        ]

    @cached_property
    def is_sending(self) -> bool:
        """Whether any sender was heard of lately."""
        return is_any_alive(timezone.now())

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
        return _sum(_unresolved(self.request.user))

    @cached_property
    def contradicted(self) -> int:
        """How many open orders were said to be closed before."""
        return _sum(_contradicted(self.request.user))

    @cached_property
    def _drifts(self) -> dict[str, int]:
        return dict(_drifts_by_cause(self.request.user))

    @property
    def drifts(self) -> int:
        """How many discrepancies that nothing explains nobody on the person's desks looked at."""
        return sum(self._drifts.get(cause, 0) for cause in UNEXPLAINED)

    @property
    def explained_drifts(self) -> int:
        """How many that something explains nobody looked at."""
        return sum(self._drifts.values()) - self.drifts

    @cached_property
    def clock(self) -> ExchangeClock | None:
        """The exchange's clock against ours, or None where it was not measured lately."""
        return exchange_clock.current(timezone.now())

    @cached_property
    def running(self) -> int:
        """How many jobs run on the person's desks."""
        return _sum(_running(self.request.user))

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
        return [job for job in _big(self.request.user) if job_url(job) != self.here]

    @cached_property
    def guards(self) -> strip.Strip:
        """The guards at work on the person's desks, and what is latched."""
        return strip.strip_for(self.request.user)

    @cached_property
    def untaken_panics(self) -> int:
        """How many lines of a panic wait, and no sender takes them."""
        return _sum(_untaken(self.request.user, now=timezone.now()))

    @property
    def counts(self) -> str:
        """What the menu and the overview count, as JSON by name."""
        names = ("open_orders", "running", "unresolved", "contradicted", "drifts")
        return json.dumps({name: getattr(self, name) for name in names})

    @cached_property
    def open_orders(self) -> str:
        """How many orders are open on the person's active accounts, as far as they were read."""
        user = self.request.user
        return freshness.in_words(_sum(_open_orders(user)), _active_accounts(user))

    @property
    def help(self) -> str:
        """Where the help on this screen stands."""
        match = self.request.resolver_match
        return help_pages.address_for((match and match.url_name) or "")

    @cached_property
    def needing_panics(self) -> int:
        """How many accounts of a panic were given up on, and nobody has seen to them."""
        return _sum(_needing_somebody(self.request.user))

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

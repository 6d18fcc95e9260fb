"""Pages by what they weigh and what the server takes for them: parts of `benchmarks.screens`."""

import argparse
import base64
import gzip
import secrets
import statistics
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks import screen_browser, stage
from benchmarks.screen_browser import LISTED, RUNNING, SLOW_MS
from desk.demo.stack import free_port

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from django.test import Client

    from orders.models import CancelJob
    from tests.helpers.firm import Firm

SETTLED_MS = 1500  # after which a page has asked for all that it shows
SIZES = (100, 10_000)
HOST = "127.0.0.1"
DONE_PERCENT = 70  # of the job whose page is timed
# Name of the page, who looks, name of its address, and the row that it shows; what runs is first.
PAGES = (
    ("a running job", "hannah", "orders_canceljob_change", "job"),
    ("its figures", "hannah", "orders_canceljob_progress", "job"),
    ("its picture", "hannah", "orders_canceljob_burn_down", "job"),
    ("a panic", "hannah", "orders_canceljob_change", "panic"),
    ("overview", "hannah", "index", ""),
    ("its pictures", "hannah", "pictures", ""),
    ("Orders", "hannah", "orders_order_changelist", ""),
    ("an order", "hannah", "orders_order_change", "order"),
    ("an order cancelled", "hannah", "orders_order_change", "cancelled"),
    ("Cancel by id", "hannah", "orders_order_cancel_by_id", ""),
    ("Cancel by scope", "hannah", "orders_preview_scope", ""),
    ("Cancel a list", "hannah", "orders_preview_list", ""),
    ("a preview", "hannah", "orders_preview_change", "preview"),
    ("Jobs", "hannah", "orders_canceljob_changelist", ""),
    ("Panic", "hannah", "orders_panicline_pull", ""),
    ("Unresolved", "hannah", "orders_cancel_changelist", ""),
    ("Discrepancies", "hannah", "orders_drift_changelist", ""),
    ("Accounts", "hannah", "orders_account_changelist", ""),
    ("an account", "hannah", "orders_account_page", "account"),
    ("an account by price", "hannah", "orders_account_prices", "account"),
    ("Agent wallets", "hannah", "orders_agentwallet_changelist", ""),
    ("Audit records", "hannah", "orders_auditrecord_changelist", ""),
    ("a record", "hannah", "orders_auditrecord_change", "record"),
    ("Is the log whole?", "audrey", "orders_verification_changelist", ""),
    ("Exports", "audrey", "orders_export_changelist", ""),
    ("Alerts", "admin", "orders_alert_changelist", ""),
    ("Desks", "admin", "orders_desk_changelist", ""),
    ("People", "admin", "auth_user_changelist", ""),
    ("a person", "admin", "auth_user_change", "person"),
    ("own settings", "hannah", "own_settings", ""),
)
FRAGMENTS = {"its figures", "its picture", "its pictures", "an account by price"}
TIMED = (  # of the pages, with what the browser asks for by itself once they are there
    "Orders",
    "overview",
    "its pictures",
    "a running job",
    "its figures",
    "its picture",
)


class Weight(NamedTuple):
    """What the server gave: bytes before compression and after, and SQL queries."""

    raw: int
    packed: int
    queries: int


def pages(given: argparse.Namespace) -> None:
    """Print the rows that are seen, and what each page weighs."""
    port, key = free_port(), base64.b64encode(secrets.token_bytes(32)).decode()
    with stage.Stage(given, EVENTS_PORT=port, AUDIT_CHECKPOINT_KEY=key) as site:
        firm = site.firm()
        site.run("manage.py", "push", "--port", str(port))
        site.start()
        rows = _rows(site, firm)
        print(f"{LISTED} open orders, {SLOW_MS} ms exchange, {site.conditions()} + push")
        for name, person, address, row in PAGES:
            weight = _weight(_client(firm, person), _address(address, rows.get(row)))
            print(f"{name:22} {weight.raw:7} bytes, {weight.packed:6} packed, {weight.queries} SQL")
        _tell_visits(site, rows)


def server(given: argparse.Namespace) -> None:
    """Print what the server takes for the pages, at each number of open orders."""
    with stage.Stage(given) as site:
        firm = site.firm()
        site.kinds = ["no other process"]
        took = [_timed(firm, count, given.times) for count in SIZES]
        print(f"medians of {given.times}, the job {DONE_PERCENT} % done, {site.conditions()}")
    for name in TIMED:
        few, many = (at_size[name] for at_size in took)
        print(
            f"{name:14} {few:6.1f} ms at {SIZES[0]}, {many:6.1f} ms at {SIZES[1]} open orders: "
            f"{many / few:.2f} times"
        )


def _rows(site: stage.Stage, firm: "Firm") -> dict[str, Any]:
    """Make what the pages show: orders, one cancelled by a click, a running job, a panic."""
    from benchmarks.browser import Browser
    from orders.models import AuditRecord, CancelJob, Event

    cancelled, shown, *_ = firm.orders(LISTED + 1)
    head = Browser(site.site, "hannah")
    head.click(cancelled.pk)
    answers = AuditRecord.objects.filter(event=Event.ANSWER, account=firm.account)
    answer = stage.until(answers.last, "an answer")
    firm.orders(RUNNING, symbol="DOGE")
    preview = stage.frozen(firm, symbols=("DOGE",))
    firm.orders(1, symbol="SOL")
    site.paper.rules(latency_ms=SLOW_MS)
    head.post("/admin/orders/panicline/pull/", desk=firm.momentum.pk, symbol="SOL")
    return {
        "order": shown.pk,
        "cancelled": cancelled.pk,
        "preview": stage.frozen(firm, symbols=("BTC",)).pk,
        "panic": CancelJob.objects.get(is_panic=True).pk,
        "job": stage.confirmed(firm, preview).pk,
        "account": firm.account.pk,
        "record": answer.pk,
        "person": firm.operator.pk,
    }


def _address(name: str, row: object = None) -> str:
    from django.urls import reverse

    return reverse(f"admin:{name}", args=[] if row is None else [row])


def _client(firm: "Firm", name: str) -> "Client":
    """Sign this person in, in this process."""
    from django.contrib.auth import get_user_model
    from django.test import Client

    client = Client(headers={"host": HOST})
    client.force_login(get_user_model().objects.get(username=name))
    return client


def _weight(client: "Client", address: str) -> Weight:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        content = _content(client, address)
    return Weight(len(content), len(gzip.compress(content, 6)), len(queries))


def _content(client: "Client", address: str) -> bytes:
    answer = client.get(address)
    if answer.status_code != 200:
        raise SystemExit(f"{address} answers {answer.status_code}")
    return bytes(answer.content)


def _tell_visits(site: stage.Stage, rows: dict[str, Any]) -> None:
    """Print what a browser that has nothing yet asks for on its first visit of each page."""
    with screen_browser.opened_browser() as browser:
        people = {person for _, person, *_ in PAGES}
        signed_in = {name: screen_browser.state_of(browser, site.site, name) for name in people}
        for name, person, address, row in PAGES:
            if name not in FRAGMENTS:
                context = browser.new_context(base_url=site.site, storage_state=signed_in[person])
                requests, size = _visit(context, _address(address, rows.get(row)))
                print(f"{name:22} {requests} requests, {size / 1000:.0f} KB on a first visit")
                context.close()
        _tell_seen(browser, site, signed_in["hannah"])


def _visit(context: Any, address: str) -> tuple[int, int]:
    """Return how many requests a page makes until it stands still, and the bytes of the bodies."""
    page = context.new_page()
    answers: list[Any] = []
    page.on("requestfinished", lambda one: answers.append(one))
    page.goto(address)
    page.wait_for_timeout(SETTLED_MS)
    return len(answers), sum(one.sizes()["responseBodySize"] for one in answers)


def _tell_seen(browser: Any, site: stage.Stage, state: Any) -> None:
    from tests.browser.test_list import VISIBLE

    size = {"width": 1440, "height": 900}
    page = browser.new_context(base_url=site.site, viewport=size, storage_state=state).new_page()
    page.goto(_address("orders_order_changelist"))
    page.wait_for_timeout(SETTLED_MS)
    print(f"rows of Orders seen at 1440×900: {page.evaluate(VISIBLE)}")


def _timed(firm: "Firm", count: int, times: int) -> dict[str, float]:
    """Return the median milliseconds of each page once so many orders are open."""
    from orders.models import CancelJob, Order

    firm.orders(count - Order.objects.open().count())
    CancelJob.objects.update(status="stopped")
    job = _half_done(firm)
    client, took = _client(firm, "hannah"), {}
    for name, _, address, row in PAGES:
        if name in TIMED:
            place = _address(address, job.pk if row else None)
            took[name] = statistics.median(_spent_ms(client, place) for _ in range(times))
    return took


def _half_done(firm: "Firm") -> "CancelJob":
    """Make a job on all open orders, as it is in the middle; no order is closed by it."""
    from django.utils.timezone import now

    job = stage.confirmed(firm, stage.frozen(firm))
    begun = now() - timedelta(seconds=30)
    ids = list(job.cancels.values_list("pk", flat=True))
    done = job.cancels.filter(pk__lte=ids[len(ids) * DONE_PERCENT // 100 - 1])
    done.update(status="cancelled", first_sent_at=begun, concluded_at=now())
    return job


def _spent_ms(client: "Client", address: str) -> float:
    begun = time.perf_counter()
    _content(client, address)
    return (time.perf_counter() - begun) * 1000

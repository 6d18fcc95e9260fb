"""What a real browser sees of pages that follow: a part of `benchmarks.pushing`."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from benchmarks import stage

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from tests.helpers.firm import Firm

CHROMIUM = shutil.which("chromium")
LISTED = 200  # orders, more than a page shows


def tell(desk: stage.Stage, firm: "Firm") -> None:
    """Tell of clicks that are followed and of a running job, with the stream and without."""
    from playwright.sync_api import sync_playwright

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # the browser's driver runs a loop here
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        for words, script in (("with the stream", ""), ("without", "delete window.EventSource")):
            context = browser.new_context(base_url=desk.site)
            context.add_init_script(script.replace("EventSource", "SharedWorker") + ";" + script)
            _tell_page(context, firm, words)
            context.close()
        browser.close()


def _tell_page(context: Any, firm: "Firm", words: str) -> None:
    """Tell of clicks followed in another tab, and of a running job's page."""
    firm.orders(LISTED)
    first, second = context.new_page(), context.new_page()
    _sign_in(first)
    took = [_follow_click(first, first) for _ in range(10)]
    print(f"browser, {words}: click -> Cancelled in the page itself: {stage.told(took)}")
    took = [_follow_click(first, second) for _ in range(10)]
    print(f"browser, {words}: click -> Cancelled in another tab: {stage.told(took)}")
    for name, count, size in _job_page(first, firm):
        print(f"browser, {words}: {name}: {count} requests, {size / 1000:.0f} KB in 10 s")


def _sign_in(page: Any) -> None:
    from tests.helpers.firm import PASSWORD

    page.goto("/admin/login/")
    page.fill("#id_username", "hannah")
    page.fill("#id_password", PASSWORD)
    page.click("#login-form button[type=submit]")
    page.wait_for_url("**/admin/")


WATCH = """(id) => new Promise((done) => {
  const isDone = () => document.getElementById(id).textContent.includes("Cancelled");
  const look = () => isDone() && done(Date.now());
  new MutationObserver(look).observe(document.body, {subtree: true, childList: true});
})"""


def _follow_click(first: Any, second: Any) -> float:
    """Return the milliseconds from a click in one tab to *Cancelled* in the other."""
    for page in (first, second):
        page.goto("/admin/orders/order/")
        page.wait_for_timeout(1000)
    name = first.locator("[id^=cell-]:has(button)").first.get_attribute("id")
    second.evaluate(f"() => {{ window.seen = ({WATCH})('{name}') }}")
    button = first.locator(f"#{name} button")
    at_ms: float = button.evaluate("(b) => { const at = Date.now(); b.click(); return at; }")
    try:
        seen = second.evaluate(
            "() => Promise.race([window.seen, new Promise((no) => setTimeout(no, 4000))])"
        )
    except Exception:
        return 4000
    return float(seen - at_ms) if seen else 4000


def _job_page(page: Any, firm: "Firm") -> Iterator[tuple[str, int, int]]:
    """Yield what a job's page asks for in ten seconds: while it is sent slowly, and at rest."""
    firm.paper.rules(latency_ms=1500)
    firm.orders(1500)
    job = stage.confirmed(firm, stage.frozen(firm))
    page.goto(f"/admin/orders/canceljob/{job.pk}/")
    yield ("a running job's page", *_asked(page))
    stage.until(lambda: _is_at_rest(job.pk), "the job's end", patience_s=600)
    firm.paper.rules(latency_ms=0)
    page.goto(f"/admin/orders/canceljob/{job.pk}/")
    page.wait_for_timeout(1500)
    yield ("the same job's page at rest", *_asked(page))


def _is_at_rest(job_id: int) -> bool:
    """Whether it is done, and it is read how much of each order had traded."""
    from orders.models import Cancel, CancelJob, JobStatus

    due = Cancel.objects.filter(job=job_id, amounts_due_at__isnull=False)
    return CancelJob.objects.filter(pk=job_id, status=JobStatus.DONE).exists() and not due.exists()


def _asked(page: Any) -> tuple[int, int]:
    """Return how much a page asks for in ten seconds: requests, and bytes of bodies."""
    bodies: list[int] = []
    note: Callable[[Any], None] = lambda answer: bodies.append(  # noqa: E731
        int(answer.headers.get("content-length", 0))
    )
    page.on("response", note)
    page.wait_for_timeout(10_000)
    page.remove_listener("response", note)
    return len(bodies), sum(bodies)

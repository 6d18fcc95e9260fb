"""How long from the click to the exchange, and to *Cancelled* on the page.

    python -m benchmarks.clicks [--count 200] [--latency-ms 25] [--broker URL] [--database URL]

Starts the paper exchange, one Celery worker and gunicorn; signs in over HTTP as an operator; clicks
Cancel on one order after another, and asks for the row as its page does until it says *Cancelled*.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack

import requests

from benchmarks.__main__ import ROOT, _environment, _paper
from desk.demo.stack import free_port
from tests.firm import PASSWORD

ROW_EVERY_S = 0.05


def main():
    options = _options()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        paper = stack.enter_context(_paper(0))
        more = {
            "DATA_DIR": folder,
            "PACIFICA_PAPER_URL": paper.url,
            "DJANGO_SETTINGS_MODULE": "desk.settings",
        }
        more |= {"DATABASE_URL": options.database} if options.database else {}
        more |= {"CELERY_BROKER_URL": options.broker} if options.broker else {}
        environment = _environment(more)
        orders = _set_up(paper, environment, options.count)
        paper.rules(latency_ms=options.latency_ms)
        site = _started(stack, environment)
        first_byte, on_screen = _clicked(site, paper, orders)
    _tell("click to first byte at the exchange", first_byte)
    _tell("click to Cancelled on the page", on_screen)


def _options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--latency-ms", type=float, default=25)
    parser.add_argument("--broker", default="")
    parser.add_argument("--database", default="")
    return parser.parse_args()


def _set_up(paper, environment, count):
    """A migrated site with one firm; (row id, order id) of its orders."""
    os.environ.update(environment)
    import django

    django.setup()
    from django.core.management import call_command

    from tests.firm import Firm

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    return [(order.pk, order.order_id) for order in Firm(paper).orders(count)]


def _started(stack, environment):
    port = free_port()
    worker = ["-m", "celery", "-A", "desk", "worker", "--pool", "threads", "--concurrency", "8"]
    worker += ["-Q", "urgent,bulk", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    web = ["-m", "gunicorn", "desk.wsgi", "-b", f"127.0.0.1:{port}", "--threads", "4"]
    for command in (worker, web):
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(process.wait)
        stack.callback(process.terminate)
    site = f"http://127.0.0.1:{port}"
    _await(site)
    return site


def _await(site):
    from django.utils.timezone import now

    from orders.models import Sender

    for _ in range(300):
        try:
            requests.get(site, timeout=1)
            if Sender.objects.fresh(now()).exists():
                return
        except requests.ConnectionError:
            pass
        time.sleep(0.1)
    raise SystemExit("the site did not start")


def _clicked(site, paper, orders):
    """Milliseconds to the exchange and to *Cancelled*, one for each order."""
    session = _signed_in(site)
    clicked, on_screen = {}, []
    for row, order_id in orders:
        clicked[order_id] = time.time() * 1000
        token = {"X-CSRFToken": session.cookies["csrftoken"], "Referer": site}
        answer = session.post(f"{site}/admin/orders/order/{row}/cancel/", headers=token, timeout=10)
        answer.raise_for_status()
        _until_cancelled(session, site, row)
        on_screen.append(time.time() * 1000 - clicked[order_id])
    seen = {one["order_ids"][0]: one["at_ms"] for one in paper.requests("/orders/cancel")}
    return [seen[order_id] - at for order_id, at in clicked.items()], on_screen


def _signed_in(site):
    session = requests.Session()
    page = session.get(f"{site}/admin/login/", timeout=10).text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    form = {"username": "olivia", "password": PASSWORD, "csrfmiddlewaretoken": token}
    answer = session.post(f"{site}/admin/login/?next=/admin/", data=form, timeout=10)
    answer.raise_for_status()
    return session


def _until_cancelled(session, site, row):
    for _ in range(400):
        cell = session.get(f"{site}/admin/orders/order/cells/?order={row}", timeout=10).text
        if "Cancelled" in cell:
            return
        time.sleep(ROW_EVERY_S)
    raise SystemExit(f"never cancelled: {cell}")


def _tell(what, milliseconds):
    cuts = statistics.quantiles(milliseconds, n=100)
    figures = ", ".join(f"p{p} {cuts[p - 1]:.0f} ms" for p in (50, 95, 99))
    print(f"{what}: {figures} ({len(milliseconds)} clicks)")


if __name__ == "__main__":
    main()

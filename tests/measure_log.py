"""`python -m tests.measure_log`: how fast the log's pages are on what `make_records` made."""

import argparse
import itertools
import time


def queries():
    """Filters of the list by name: common and rare values of each."""
    from orders.models import Account, AuditRecord, AuditRecordOrder, Desk

    middle = AuditRecord.objects.exclude(job=None).order_by("position")[:1].get()
    row = AuditRecordOrder.objects.exclude(order_id=None).order_by("-pk").first()
    return {
        "operator": ["olivia", "nobody"],
        "desk": [Desk.objects.get(name="Momentum").pk],
        "account": [Account.objects.get(name="Account 2").pk],
        "symbol": ["BTC", "NONE"],
        "event": ["request", "agent_wallet_added", "login_failed"],
        "outcome": ["cancelled", "refused"],
        "job": [middle.job_id],
        "address": ["10.0.3.7", "10.9.9.9"],
        "from": ["2026-06-01T00:00", "2199-01-01T00:00"],
        "to": ["2026-01-02T00:00", "2020-01-01T00:00"],
        "q": [row.order_id],
    }


def measure(browser, path, query):
    """Server time in ms and number of queries; the best of two, for the machine may be busy."""
    from django.db import connection, reset_queries
    from django.test.utils import CaptureQueriesContext

    best = None
    for _ in range(2):
        reset_queries()
        with CaptureQueriesContext(connection) as caught:
            started = time.perf_counter()
            answer = browser.get(path, query)
            took = (time.perf_counter() - started) * 1000
        assert answer.status_code == 200, (path, query, answer.status_code)
        best = min(best or (took, 0, caught), (took, len(caught), caught), key=lambda one: one[0])
    return best


def report(label, found, limit_ms):
    """One line, and the slowest query with its plan where it took too long."""
    from django.db import connection

    took, count, caught = found
    print(f"{took:8.0f} ms {count:3} queries  {label}", flush=True)
    if took > limit_ms:
        by_time = sorted(caught.captured_queries, key=lambda one: -float(one["time"]))
        slowest = by_time[0]
        for one in by_time[:3]:
            print(f"         {one['time']} s: {one['sql'][:1500]}")
        with connection.cursor() as cursor:
            prefix = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
            cursor.execute(f"{prefix} {slowest['sql'].replace('%', '%%')}")
            for line in cursor.fetchall():
                print(f"         | {line[-1]}")


def main():
    """Measure every filter alone and every pair, one order's life, one job's life."""
    parser = argparse.ArgumentParser(prog="python -m tests.measure_log")
    parser.add_argument("--limit-ms", type=float, default=300)
    options = parser.parse_args()
    from tests.scratch import scratch_database

    with scratch_database(keep=True):
        from django.conf import settings
        from django.db import transaction

        from orders import enrolling, syncing  # noqa: F401
        from orders.models import Account, AuditRecord, AuditRecordOrder, CancelJob, Desk
        from tests.screens import known_order, signed_in, url

        desks = [Desk.objects.get(name=name) for name in ("Momentum", "Basis")]
        for desk in desks:
            user, _ = enrolling.add_operator(
                name="measurer", desk=desk, role="auditor", password="long and unusual words"
            )
        account = Account.objects.get(name="Account 2")
        row = AuditRecordOrder.objects.filter(account=account).exclude(order_id=None).first()
        with transaction.atomic():
            order = account.orders.filter(order_id=row.order_id).first() or known_order(
                account, row.order_id
            )
        settings.ALLOWED_HOSTS = ["testserver"]
        browser, path = signed_in(user), url("orders_auditrecord_changelist")
        tip = AuditRecord.objects.order_by("-position").first().position
        print(f"{tip} records")
        worst, counts = 0.0, set()

        def one(label, path, query=None):
            nonlocal worst
            found = measure(browser, path, query or {})
            worst = max(worst, found[0])
            counts.add(found[1])
            report(label, found, options.limit_ms)

        one("first page", path)
        one("page 10", path, {"p": 10})
        parts = [(name, value) for name, values in queries().items() for value in values]
        for name, value in parts:
            one(f"{name}={value}", path, {name: value})
        for first, second in itertools.combinations(parts, 2):
            if first[0] != second[0]:
                one(f"{first[0]}={first[1]} {second[0]}={second[1]}", path, dict([first, second]))
        one("an order's life", url("orders_order_change", order.pk))
        job = CancelJob.objects.order_by("pk").last()
        one("a job's life", url("orders_canceljob_life", job.pk))
        one("a record", url("orders_auditrecord_change", tip - 5))
        print(f"slowest {worst:.0f} ms; {min(counts)} to {max(counts)} queries")


if __name__ == "__main__":
    main()

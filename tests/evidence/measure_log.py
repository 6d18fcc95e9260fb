"""`-m tests.evidence.measure_log`: how fast the log's pages are on what `make_records` made."""

import argparse
import itertools
import json
import re
import statistics
import sys
import time


def queries():
    """Filters of the list by name: common and rare values of each."""
    from orders.models import Account, AuditRecord, AuditRecordOrder, Desk

    middle = AuditRecord.objects.exclude(job=None).order_by("position")[:1].get()
    row = AuditRecordOrder.objects.exclude(order_id=None).order_by("-pk").first()
    return {
        "operator": ["olivia", "nobody"],
        "desk": list(Desk.objects.values_list("pk", flat=True)),
        "account": [Account.objects.get(name="Account 2").pk],
        "symbol": ["BTC", "WIF", "NONE"],
        "event": ["request", "login", "agent_wallet_added", "login_failed"],
        "outcome": ["cancelled", "refused"],
        "job": [middle.job_id],
        "address": ["10.0.3.7", "10.9.9.9"],
        "from": ["2026-01-15T00:00", "2026-02-10T00:00", "2199-01-01T00:00"],
        "to": ["2026-01-02T00:00", "2026-01-25T00:00", "2020-01-01T00:00"],
        "q": [row.order_id],
    }


def measure(browser, path, query, *, times=2):
    """Server time in ms and the queries; the best of some, for the machine may be busy."""
    from django.db import connection, reset_queries
    from django.test.utils import CaptureQueriesContext

    found = []
    for _ in range(times):
        reset_queries()  # what is kept of them is bounded
        with CaptureQueriesContext(connection) as caught:
            started = time.perf_counter()
            answer = browser.get(path, query)
            took = (time.perf_counter() - started) * 1000
        assert answer.status_code == 200, (path, query, answer.status_code)
        found.append((took, caught.captured_queries))
    return min(found, key=lambda one: one[0])


def told(sql):
    """How the database goes about a query, as it says itself."""
    from django.db import connection

    prefix = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN (COSTS OFF)"
    with connection.cursor() as cursor:
        cursor.execute(f"{prefix} {sql.replace('%', '%%')}")
        return [row[-1] for row in cursor.fetchall()]


def report(label, found, *, is_slow, with_plans):
    """One line; with their plans the slowest queries where it was slow, or the log's if wanted."""
    took, asked = found
    print(f"{took:8.0f} ms {len(asked):3} queries  {label}", flush=True)
    of_log = [one for one in asked if 'FROM "orders_auditrecord' in one["sql"]]
    slowest = sorted(asked, key=lambda one: -float(one["time"]))[:3]
    for one in of_log if with_plans else slowest if is_slow else ():
        print(f"         {one['time']} s: {SELECTED.sub('SELECT …', one['sql'])[:1000]}")
        for line in told(one["sql"]):
            print(f"         | {line}")


SELECTED = re.compile(r'SELECT "orders_auditrecord"."position", .*?(?= FROM)')


def pages():
    """Every page to measure: what it is, its address, its query."""
    from orders.models import Account, AuditRecord, AuditRecordOrder, CancelJob
    from tests.helpers.screens import known_order, url

    account = Account.objects.get(name="Account 2")
    row = AuditRecordOrder.objects.filter(account=account).exclude(order_id=None).first()
    order = account.orders.filter(order_id=row.order_id).first()
    order = order or known_order(account, row.order_id)
    path = url("orders_auditrecord_changelist")
    yield "first page", path, {}
    yield "page 10", path, {"p": 10}
    parts = [(name, value) for name, values in queries().items() for value in values]
    for one, other in itertools.combinations_with_replacement(parts, 2):
        if one == other or one[0] != other[0]:
            query = dict([one, other])
            yield " ".join(f"{name}={value}" for name, value in query.items()), path, query
    yield "an order's life", url("orders_order_change", order.pk), {}
    yield "a job's life", url("orders_canceljob_life", CancelJob.objects.latest("pk").pk), {}
    sent = AuditRecord.objects.filter(event="request").latest("pk")
    yield "a record", url("orders_auditrecord_change", sent.pk), {}
    for name, key in (("what a key signed", signer_of(sent)), ("a key that signed none", "no key")):
        yield name, url("orders_agentwallet_signed", wallet(sent.account, key).pk), {}


def signer_of(record):
    """The key that signed a request."""
    return json.loads(record.data)["signer"]


def wallet(account, public_key):
    """An agent wallet that is as old as the log."""
    from django.contrib.auth import get_user_model

    from orders.models import AgentWallet
    from tests.helpers.make_records import START

    about = {"account": account, "public_key": public_key}
    user = get_user_model().objects.first()
    made, _ = AgentWallet.objects.get_or_create(**about, defaults={"created_by": user})
    AgentWallet.objects.filter(pk=made.pk).update(created_at=START)
    return made


def auditor():
    """A browser of somebody who sees every desk by memberships, the dearest way; and who it is."""
    from orders.accounts import provisioning
    from orders.models import Desk
    from tests.helpers.screens import signed_in

    for desk in Desk.objects.all():
        about = {"desk": desk, "role": "auditor", "password": "long and unusual words"}
        user, _ = provisioning.add_operator(name="measurer", **about)
    return signed_in(user), user


def main():
    """Measure every filter alone and every pair, one order's life, one job's life."""
    parser = argparse.ArgumentParser(prog="python -m tests.evidence.measure_log")
    parser.add_argument("--limit-ms", type=float, default=300)
    parser.add_argument("--plans", action="store_true", help="of every page, not of slow ones")
    parser.add_argument("--only", default="", help="pages whose name holds this")
    options = parser.parse_args()
    from tests.helpers.scratch import scratch_database

    with scratch_database(keep=True):
        from django.conf import settings
        from django.db import connection

        from orders.audit import reader

        settings.ALLOWED_HOSTS = ["testserver"]
        (browser, _), tip, times, counts = auditor(), reader.tip(), [], []
        for label, path, query in pages():
            if options.only in label:
                found = measure(browser, path, query)
                is_slow = found[0] > options.limit_ms
                report(label, found, is_slow=is_slow, with_plans=options.plans)
                times.append(found[0])
                counts.append(len(found[1]))
        slow = sum(took > options.limit_ms for took in times)
        print(
            f"{connection.vendor}, {tip} records, {len(times)} pages: {slow} over "
            f"{options.limit_ms:.0f} ms, median {statistics.median(times):.0f} ms, "
            f"slowest {max(times):.0f} ms; {min(counts)} to {max(counts)} queries a page."
        )
    sys.exit(1 if slow else 0)


if __name__ == "__main__":
    main()

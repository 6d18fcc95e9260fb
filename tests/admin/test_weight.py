"""What a page weighs: before compression and after, and in queries, however much it shows."""

import gzip
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from orders.management import sweep
from orders.models import Cancel, CancelJob
from orders.operations.alerts import watch
from tests.helpers.screens import click, known_order, signed_in, url

MAX_RAW, MAX_PACKED = 120_000, 20_000
PAGES = {  # queries at most; lists are weighed with the lists
    "overview": ("index", (), 40),
    "pictures": ("pictures", (), 30),
    "order": ("orders_order_change", ("order",), 35),
    "job": ("orders_canceljob_change", ("job",), 45),
    "job, what follows": ("orders_canceljob_progress", ("job",), 30),
    "job, figures": ("orders_canceljob_burn_down", ("job",), 20),
    "account": ("orders_account_page", ("account",), 40),
    "account by price": ("orders_account_prices", ("account",), 30),
    "cancel by id": ("orders_order_cancel_by_id", (), 30),
    "cancel by scope": ("orders_preview_scope", (), 35),
    "panic": ("orders_panicline_pull", (), 40),
    "help": ("help", ("document",), 30),
}


@pytest.fixture
def rows(firm):
    """Sixty orders, all cancelled by one job: more than a page of it shows."""
    operator = signed_in(firm.operator)
    orders = [known_order(firm.account, 71_000_000_000 + number) for number in range(60)]
    for order in orders:
        click(operator, order)
    job = CancelJob.objects.order_by("pk").first()
    Cancel.objects.update(job=job, is_urgent=False)
    document = "operations"
    return {"order": orders[0].pk, "job": job.pk, "account": firm.account.pk, "document": document}


def test_no_page_weighs_more_than_a_slow_line_bears(firm, rows):
    head, faults = signed_in(firm.head), []
    for name, (address, ids, max_queries) in PAGES.items():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = head.get(url(address, *(rows[one] for one in ids)))
        raw, packed = len(answer.content), len(gzip.compress(answer.content, 6))
        print(f"{name:20} {raw:7} bytes {packed:6} packed {len(queries):3} queries")  # pytest -s
        if answer.status_code != 200 or raw > MAX_RAW or packed > MAX_PACKED:
            faults.append((name, answer.status_code, raw, packed))
        if len(queries) > max_queries:
            faults.append((name, len(queries)))
    assert faults == []


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL reads small tables whole")
def test_what_every_page_counts_of_orders_is_read_from_an_index_alone(firm, rows):
    with CaptureQueriesContext(connection) as queries:
        signed_in(firm.head).get(url("orders_order_changelist"))
    counted = [one["sql"] for one in queries if is_of_the_frame(one["sql"])]
    assert len(counted) == 3  # open ones, those with a contradiction, their symbols
    for sql in counted:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            (plan,) = [row[3] for row in cursor.fetchall() if " orders_order " in f"{row[3]} "]
        has_few = "has_contradiction" in sql
        index = "order_contradicted" if has_few else "COVERING INDEX order_account_"
        assert index in plan


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL reads small tables whole")
def test_no_page_and_no_alert_reads_the_jobs_that_ended(firm, rows):
    client = signed_in(firm.head)
    sweep.beat("sweep", timezone.now())
    with CaptureQueriesContext(connection) as queries:
        client.get(url("orders_order_changelist"))
        watch.matters(timezone.now())
    plans = []
    for one in queries:
        if re.search(r'FROM "orders_(canceljob|cancel)"', one["sql"]):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN QUERY PLAN {one['sql']}")
                plans += [row[3] for row in cursor.fetchall()]
    assert len(plans) > 10
    whole = r"SCAN orders_cancel|orders_canceljob USING INDEX job_desk_created"
    assert [plan for plan in plans if re.search(whole, plan)] == []


def is_of_the_frame(sql):
    """Whether it reads orders by their accounts, and no row of them."""
    is_count = 'COUNT("orders_order"."id")' in sql or sql.startswith("SELECT DISTINCT")
    return is_count and 'FROM "orders_order" WHERE' in sql

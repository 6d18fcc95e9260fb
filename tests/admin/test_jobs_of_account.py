"""An account's page names its newest jobs, and looks at no more than its desk's newest thousand."""

import pytest
from django.db import connection

from orders.admin.accounts import jobs_of_account
from orders.cancels import requests
from orders.models import CancelJob
from tests.admin.test_pages_of_newest import many_jobs
from tests.helpers import counted
from tests.helpers.screens import page, signed_in
from tests.panic.test_request import pull

NOBODY = "Nobody has cancelled anything on this account yet."


@pytest.fixture
def beta(firm):
    return firm.new_account("Beta", firm.momentum)


def asked(firm, order):
    """The job of a click on an order."""
    requests.cancel_orders(order_ids=[order.pk], user=firm.operator, actor=firm.actor())
    return CancelJob.objects.latest("pk")


def shown(firm, account):
    return page(signed_in(firm.head), "orders_account_page", account.pk)


def test_jobs_that_cancel_on_it_and_panics_that_empty_it_are_named_newest_first(firm, beta):
    first = asked(firm, firm.order())
    other = asked(firm, firm.order(account=beta))
    panic = pull(firm)
    assert jobs_of_account.newest_about(firm.account, 10) == [panic, first]
    assert jobs_of_account.newest_about(beta, 10) == [panic, other]
    assert jobs_of_account.newest_about(beta, 1) == [panic]
    assert jobs_of_account.newest_about(firm.foreign_account, 10) == []


def test_a_job_is_found_behind_those_of_the_other_accounts(firm, beta, monkeypatch):
    monkeypatch.setattr(jobs_of_account, "REACHES", (3, 20))
    job = asked(firm, firm.order())
    for _ in range(5):
        asked(firm, firm.order(account=beta))
    assert jobs_of_account.newest_about(firm.account, 10) == [job]


def test_where_none_is_found_it_says_how_far_it_looked(firm, beta, monkeypatch):
    monkeypatch.setattr(jobs_of_account, "REACHES", (3, 6))
    asked(firm, firm.order())
    assert NOBODY in shown(firm, beta)
    many_jobs(firm, 20)
    assert f"None of the newest 6 jobs of {firm.momentum} is about this account." in shown(
        firm, beta
    )


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite tells what it did")
def test_it_is_no_more_work_however_many_jobs_there_were(firm, beta, monkeypatch):
    monkeypatch.setattr(jobs_of_account, "REACHES", (10, 20))
    work = []
    for count in (60, 1_200):
        many_jobs(firm, count)
        with counted.work() as done:
            assert jobs_of_account.newest_about(beta, 10) == []
            assert jobs_of_account.none_found(beta)
        work.append(len(done))
    assert work[1] < 1.25 * work[0] + 20, work

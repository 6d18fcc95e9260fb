"""Discrepancies: a line a group, one *Seen* for it, and a count of what nothing explains."""

import pytest
from django.utils.timezone import now

from orders.models import AuditRecord, CancelJob, Drift, DriftKind, Event, ExchangeClock, Order
from tests.admin.test_unresolved import choose
from tests.helpers.counted import queries
from tests.helpers.screens import known_order, page, signed_in, url

FIRST_ID = 71_000_000_100


def discrepancies(firm, count, *, account=None, **fields):
    """So many of one group, with their orders."""
    account = account or firm.account
    begin = FIRST_ID + Order.objects.count()
    usual = {"kind": DriftKind.GONE, "said": "Gone.", "seen_at": now()} | fields
    for number in range(count):
        order = known_order(account, begin + number)
        Drift.objects.create(account=account, order=order, **usual)
    return Drift.objects.order_by("-pk").first()


@pytest.fixture
def job(firm):
    return CancelJob.objects.create(
        desk=firm.momentum,
        operator=firm.operator,
        operator_name="olivia",
        scope="Panic: everything",
        is_panic=True,
        status="done",
        created_at=now(),
    )


@pytest.fixture
def drift(firm):
    order = known_order(firm.account, 71_000_000_009)
    return Drift.objects.create(
        account=firm.account,
        order=order,
        kind=DriftKind.FOREIGN_CANCEL,
        said="It was cancelled, and no request of ours was sent for it.",
        seen_at=now(),
    )


def test_drift_is_listed_until_somebody_acknowledges_it(firm, drift):
    operator = signed_in(firm.operator)
    assert "71000000009" in page(operator, "orders_drift_changelist")
    assert "1 acknowledged." in choose(operator, "orders_drift_changelist", "acknowledge", drift)
    assert "71000000009" not in page(operator, "orders_drift_changelist")


@pytest.mark.parametrize("who", ["viewer", "stranger"])
def test_drift_is_acknowledged_only_by_those_who_may_cancel_there(firm, drift, who):
    choose(signed_in(getattr(firm, who)), "orders_drift_changelist", "acknowledge", drift)
    assert Drift.objects.open().exists()


def test_a_stranger_learns_nothing_of_drift(firm, drift):
    assert "71000000009" not in page(signed_in(firm.stranger), "orders_drift_changelist")


def test_the_overview_counts_drift_and_contradictions_and_tells_the_clock(firm, drift):
    ExchangeClock.objects.create(pk=1, offset_ms=40_000, measured_at=now())
    Order.objects.update(has_contradiction=True)
    text = page(signed_in(firm.operator), "index")
    assert '<b data-count="drifts">1</b>' in text
    assert "discrepancy to look at" in text
    assert "open order said to be closed before" in " ".join(text.split())
    assert "40.0 s behind" in text
    assert '<b data-count="drifts">0</b>' in page(signed_in(firm.stranger), "index")


def test_a_group_is_one_line_with_its_count_and_its_cause(firm, job):
    discrepancies(firm, 120, cause="panic", cause_job=job, cause_at=now())
    discrepancies(firm, 2)
    text = page(signed_in(firm.operator), "orders_drift_changelist")
    assert "<b>120 orders</b>" in text
    assert "<b>2 orders</b>" in text
    assert text.index("2 orders</b>") < text.index("120 orders</b>")  # what nothing explains first
    assert f'A panic: <a class="dk-link" href="{url("orders_canceljob_change", job.pk)}"' in text


def test_the_badge_counts_what_nothing_explains_alone(firm, job):
    discrepancies(firm, 5, cause="panic", cause_job=job, cause_at=now())
    discrepancies(firm, 1)
    text = page(signed_in(firm.operator), "index")
    assert '<b data-count="drifts">1</b>' in text
    assert "5 explained" in text


def test_a_group_opens_to_its_orders_page_by_page(firm, job):
    newest = discrepancies(firm, 101, cause="panic", cause_job=job, cause_at=now())
    discrepancies(firm, 1)
    client = signed_in(firm.viewer)
    first = page(client, "orders_drift_change", newest.pk)
    assert "1–100 of 101" in first
    assert str(newest.order.order_id) in first
    assert "101–101 of 101" in page(client, "orders_drift_change", newest.pk, p=2)
    assert ">Seen</button>" not in first


def test_one_seen_acknowledges_the_group_and_what_came_since_stays(firm, job):
    group = {"cause": "panic", "cause_job": job, "cause_at": now()}
    newest = discrepancies(firm, 3, **group)
    other = discrepancies(firm, 1)
    later = discrepancies(firm, 1, **group)
    client = signed_in(firm.operator)
    answer = client.post(url("orders_drift_seen", newest.pk), follow=True)
    assert "3 acknowledged." in answer.content.decode()
    assert set(Drift.objects.open()) == {other, later}
    assert AuditRecord.objects.get(event=Event.DRIFT_ACKNOWLEDGED).operator_name == "olivia"
    assert "by olivia" in page(client, "orders_drift_change", newest.pk)


def test_looking_at_a_group_acknowledges_nothing(firm):
    newest = discrepancies(firm, 1)
    client = signed_in(firm.operator)
    page(client, "orders_drift_change", newest.pk)
    assert client.get(url("orders_drift_seen", newest.pk)).status_code == 405
    assert Drift.objects.open().exists()


@pytest.mark.parametrize("who", ["viewer", "auditor", "stranger", "administrator"])
def test_a_group_is_acknowledged_only_by_those_who_may_cancel_there(firm, who):
    newest = discrepancies(firm, 2)
    signed_in(getattr(firm, who)).post(url("orders_drift_seen", newest.pk))
    assert Drift.objects.open().count() == 2


def test_a_group_of_another_desk_is_missing(firm):
    newest = discrepancies(firm, 1)
    client = signed_in(firm.stranger)
    assert client.get(url("orders_drift_change", newest.pk)).status_code == 404


def test_groups_of_two_accounts_stay_apart(firm):
    discrepancies(firm, 2)
    discrepancies(firm, 3, account=firm.new_account("Gamma", firm.momentum))
    text = page(signed_in(firm.operator), "orders_drift_changelist")
    assert "<b>2 orders</b>" in text
    assert "<b>3 orders</b>" in text


def test_many_discrepancies_and_groups_cost_no_more_queries_than_one(firm, job):
    client, counts = signed_in(firm.operator), []
    newest = discrepancies(firm, 1)
    for _ in range(2):
        for name, *args in [
            ("orders_drift_changelist",),
            ("orders_drift_change", newest.pk),
            ("index",),
        ]:
            page(client, name, *args)
            with queries() as made:
                page(client, name, *args)
            counts.append(len(made))
        for cause in ("panic", "outage"):
            discrepancies(firm, 60, cause=cause, cause_at=now())
        discrepancies(firm, 60)
    assert counts[:3] == counts[3:]

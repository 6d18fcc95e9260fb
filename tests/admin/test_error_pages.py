"""No address answers with a bare error page; whoever is signed in keeps the site's frame."""

import pytest
from django.db import connection
from django.test import Client

from orders.admin import overview, site_state
from orders.models import CancelJob
from tests.helpers.authenticator import enrolled, sign_in
from tests.helpers.screens import click, folded, known_order, signed_in, url


def is_framed(answer):
    """Whether the menu stands beside what went wrong."""
    text = folded(answer)
    assert "<h1" in text
    return url("orders_order_changelist") in text and 'name="between"' in text


def unguarded(person):
    """A browser that shows what a failing app answers."""
    client = signed_in(person)
    client.raise_request_exception = False
    return client


def test_what_does_not_exist_is_said_in_the_frame(firm):
    answer = signed_in(firm.operator).get("/admin/no/such/page/")
    assert answer.status_code == 404
    assert is_framed(answer)
    assert "There is nothing here." in folded(answer)
    assert "<title> Not found | Pacifica Desk</title>" in folded(answer)


def test_what_is_not_allowed_is_said_in_the_frame_with_the_way_back(firm):
    listed = url("orders_order_changelist") + "?symbol=BTC"
    answer = signed_in(firm.viewer).get(
        url("orders_preview_scope"), headers={"Referer": f"http://testserver{listed}"}
    )
    assert answer.status_code == 403
    assert is_framed(answer)
    assert f'href="{listed}">Back</a>' in folded(answer)


def test_an_act_opened_as_a_page_is_said_to_be_none_and_leads_to_its_page(firm):
    client, order = signed_in(firm.operator), known_order(firm.account, 71_000_000_001)
    click(client, order)
    job = CancelJob.objects.get()
    for act in ("stop", "resume", "retry"):
        answer = client.get(url(f"orders_canceljob_{act}", job.pk))
        assert answer.status_code == 405
        assert answer["Allow"] == "POST"
        assert is_framed(answer)
        assert f'href="{url("orders_canceljob_change", job.pk)}">Back</a>' in folded(answer)


def test_too_large_a_form_is_said_in_the_frame(firm):
    form = {"reason": "x" * 5_000_000}
    answer = signed_in(firm.operator).post(url("orders_order_cancel_by_id"), form)
    assert answer.status_code == 413
    assert is_framed(answer)


def test_what_cannot_be_read_is_said_in_the_frame(firm):
    client = unguarded(firm.operator)
    answer = client.post(
        url("orders_order_changelist"),
        {"action": "cancel_selected", "_selected_action": ["9" * 40], "index": "0"},
    )
    if connection.vendor == "sqlite":  # PostgreSQL reads it, and finds no such order
        assert answer.status_code == 400
        assert is_framed(answer)


def test_a_failure_of_the_app_is_said_in_the_frame(firm, monkeypatch):
    def fail(request, context):
        raise RuntimeError

    monkeypatch.setattr(overview, "_by_desk", fail)
    answer = unguarded(firm.operator).get(url("index"))
    assert answer.status_code == 500
    assert is_framed(answer)


def test_where_the_frame_fails_too_the_plain_page_says_it(firm, monkeypatch):
    def fail(*args):
        raise RuntimeError

    monkeypatch.setattr(site_state.SiteState, "running_jobs", property(fail))
    answer = unguarded(firm.operator).get(url("index"))
    assert answer.status_code == 500
    assert not is_framed(answer)
    assert "Something went wrong in this app." in folded(answer)


def test_a_page_from_before_the_sign_in_is_refused_in_the_frame(firm):
    client = Client(enforce_csrf_checks=True)
    client.force_login(firm.operator)
    here = f"http://testserver{url('orders_order_cancel_by_id')}"
    answer = client.post(url("orders_order_cancel_by_id"), {}, headers={"Referer": here})
    assert answer.status_code == 403
    assert is_framed(answer)
    assert "too old to act on" in folded(answer)
    assert f'href="{url("orders_order_cancel_by_id")}">Back</a>' in folded(answer)


@pytest.mark.parametrize("headers", [{"HX-Request": "true"}, {"Sec-Fetch-Mode": "cors"}])
def test_a_part_of_a_page_gets_no_frame(firm, headers):
    answer = signed_in(firm.operator).get("/admin/no/such/page/", headers=headers)
    assert answer.status_code == 404
    assert not is_framed(answer)


def test_strangers_and_who_owes_a_second_factor_see_no_frame(firm):
    answers = [
        Client().get("/no/such/page"),
        Client().post("/no/such/page", {"a": "x" * 5_000_000}),
    ]
    enrolled(firm.operator)
    owing = sign_in(firm.operator)
    answers.append(owing.put(url("second_factor")))
    answers.append(owing.post(url("orders_order_cancel_by_id"), {}))
    answers.append(owing.post(url("orders_order_cancel_by_id"), {"a": "x" * 5_000_000}))
    assert [answer.status_code for answer in answers] == [404, 413, 405, 403, 413]
    assert not any(map(is_framed, answers))

"""Live and ready: answered at once whatever the database does, and to whoever asks how ever."""

import threading

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory

from orders.models import Installation
from orders.operations.monitoring import health, readiness
from tests.conftest import connected_to


def asked(path, look=lambda: "", patience_s=5, **request):
    middleware = health.HealthMiddleware(lambda request: HttpResponse("the site"))
    middleware.readiness = readiness.Readiness(look, patience_s)
    return middleware(RequestFactory().get(path, **request))


def test_live_looks_at_no_database():
    answer = Client().get("/health/live")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_ready_is_one_line_that_tells_a_stranger_nothing(committing_db):
    answer = Client().get("/health/ready")
    assert (answer.status_code, answer.content) == (200, b"ok\n")
    assert answer["Cache-Control"] == "no-store"


def test_a_balancer_asks_by_number_in_plain_http_and_sends_no_session(committing_db, settings):
    settings.SECURE_SSL_REDIRECT, settings.ALLOWED_HOSTS = True, ["desk.example.com"]
    answer = Client().get("/health/ready", headers={"Host": "10.0.0.7:8000"})
    assert (answer.status_code, dict(answer.cookies)) == (200, {})


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_nothing_but_a_question_is_taken(method):
    assert getattr(Client(), method)("/health/live").status_code == 405


def test_other_addresses_go_on_to_the_site():
    assert asked("/health/").content == asked("/admin/").content == b"the site"


def test_without_its_database_it_is_alive_and_not_ready(committing_db, tmp_path):
    elsewhere = "no_such_database"
    if connection.vendor == "sqlite":
        elsewhere = str(tmp_path / "empty.sqlite3")
    with connected_to(NAME=elsewhere):
        answer = Client().get("/health/ready")
    assert (answer.status_code, answer.content) == (503, b"The database cannot be used.\n")
    assert elsewhere not in answer.content.decode()


def test_a_database_that_was_not_migrated_to_its_end_is_not_ready(committing_db):
    Installation.objects.all().delete()
    assert Client().get("/health/ready").content == b"The database is not migrated.\n"


def test_a_database_that_only_reads_is_not_ready(committing_db):
    if connection.vendor == "sqlite":
        pytest.skip("PostgreSQL's replicas")
    options = {"options": "-c default_transaction_read_only=on"}
    with connected_to(NAME=committing_db, OPTIONS=options):
        answer = Client().get("/health/ready")
    assert answer.content == b"The database takes reads only.\n"


def test_a_database_that_hangs_is_not_waited_for_and_holds_one_thread_alone():
    goes_on, looks = threading.Event(), []

    def look():
        looks.append(threading.current_thread())
        goes_on.wait(30)
        return ""

    hanging = readiness.Readiness(look, patience_s=0.05)
    assert [hanging.why_not() for _ in range(3)] == [readiness.NO_ANSWER] * 3
    assert len(looks) == 1
    goes_on.set()
    looks[0].join(30)
    assert hanging.why_not() == ""
    assert len(looks) == 2


def test_a_look_that_breaks_is_no_yes(monkeypatch):
    monkeypatch.setattr(threading, "excepthook", lambda _: None)

    def look():
        raise RuntimeError("explode")

    assert asked("/health/ready", look).status_code == 503

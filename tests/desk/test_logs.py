"""JSON lines: one an event, with what it is about from the click to the answer, and no secret."""

import json
import logging
import os
import runpy
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from celery import signals
from django.db import connection, transaction
from django.test import Client, RequestFactory

from desk import celery, logs
from orders import middleware, tasks
from orders.audit import log, told
from orders.audit.told import MOST_IDS
from orders.lifecycle import wakeups
from orders.models import Cancel, Event
from tests.helpers.log_lines import json_lines
from tests.helpers.screens import click, signed_in, url

ROOT = Path(__file__).parent.parent.parent
logger = logging.getLogger("test")


@pytest.fixture
def lines():
    with json_lines() as said:
        yield said


def test_a_line_is_one_object_whatever_it_says(lines):
    logger.warning("first\nsecond %s", "\u2028third")
    (said,) = lines.objects()
    assert len(lines.getvalue().splitlines()) == 1
    assert said["event"] == "first\nsecond \u2028third"
    assert said["level"] == "warning" and said["logger"] == "test" and said["pid"] == os.getpid()


def test_what_is_bound_stands_in_the_lines_of_this_thread_alone(lines):
    with logs.bound(request_id="r1", account=3):
        logger.info("one")
        other = threading.Thread(target=logger.info, args=("two",))
        other.start()
        other.join()
    logger.info("three")
    one, two, three = lines.objects()
    assert (one["request_id"], one["account"]) == ("r1", 3)
    assert not {"request_id", "account"} & (two.keys() | three.keys())


def test_a_traceback_shows_no_values_and_an_object_shows_its_kind_alone(lines):
    secret = "hush" * 3
    try:
        with logs.bound(about=Secretive()):
            int("1" if secret else "", 99)
    except ValueError:
        with logs.bound(about=Secretive()):
            logger.exception("It broke.")
    (said,) = lines.objects()
    assert "ValueError" in said["exception"] and said["about"] == "Secretive"
    assert secret not in lines.getvalue()


class Secretive:
    def __repr__(self):
        return "hush" * 3

    __str__ = __repr__


def test_a_sender_woken_by_one_click_names_it_for_no_other_job(lines):
    logs.take_over({"request_id": "r1", "job": 1})
    try:
        for job in (1, 2):
            with logs.of_job(job):
                logger.info("sent")
    finally:
        logs.let_go()
    one, two = lines.objects()
    assert (one["job"], one["request_id"]) == (1, "r1")
    assert two["job"] == 2 and "request_id" not in two


@pytest.mark.parametrize("headers", [{}, {"request_id": 7, "job": "x"}, {"request_id": "x" * 65}])
def test_what_a_message_brings_that_cannot_be_meant_is_left(headers):
    logs.take_over(headers | {"secret": "hush"})
    assert logs.carried() == {}
    logs.let_go()


def published(monkeypatch):
    """Messages as they would go to the broker."""
    sent = []

    def put(message):
        name, args, _, about = message
        sent.append((name, args, {logs.HEADER: about}))

    monkeypatch.setattr(wakeups, "_running_publisher", lambda: type("P", (), {"put": put}))
    return sent


def run_task(name, args, headers):
    """As a worker runs it: with the signals before and after."""
    task = celery.app.tasks[name]
    task.push_request(args=args, headers=headers)
    try:
        signals.task_prerun.send(sender=task, task=task)
        task.run(*args)
    finally:
        signals.task_postrun.send(sender=task, task=task)
        task.pop_request()


def test_a_click_is_followed_to_its_answer(
    firm, lines, monkeypatch, django_capture_on_commit_callbacks
):
    if connection.vendor != "sqlite":
        pytest.skip("Celery closes the connection after a task: it is the test's own")
    sent, order = published(monkeypatch), firm.order()
    with django_capture_on_commit_callbacks(execute=True):
        answer = click(signed_in(firm.operator), order)
    (asked,) = lines.objects(event="Cancel asked")
    assert answer[middleware.REQUEST_ID] == asked["request_id"]
    with django_capture_on_commit_callbacks(execute=True):
        for message in sent:
            run_task(*message)
    cancel = Cancel.objects.get()
    for event in ("Request", "Answer", "Outcome"):
        (said,) = lines.objects(event=event, request_id=asked["request_id"])
        assert said["job"] == cancel.job_id and said["account"] == cancel.account_id
        assert said["cancels"] == [cancel.pk] and said["attempt"] == 1
    assert logs.carried() == {}
    assert order.symbol not in "".join(map(str, lines.objects(logger=logs.RECORDS)))


def test_a_message_carries_it_through_the_broker(monkeypatch, committing_db):
    sent = threading.Event()
    kept = {}

    def send(name, **how):
        kept.update(how)
        sent.set()

    monkeypatch.setattr(celery.app, "send_task", send)
    with logs.bound(request_id="r1", job=5, account=9), transaction.atomic():
        wakeups.deliver(account_ids=[777], is_urgent=True)
    assert sent.wait(30)
    assert kept["headers"] == {logs.HEADER: {"request_id": "r1", "job": 5}}


def test_what_is_rolled_back_is_not_told(committing_db, lines):
    with transaction.atomic():
        log.append(log.Fact(Event.LOGIN))
        transaction.set_rollback(True)
    log.record(log.Fact(Event.ALERT))
    assert [one["event"] for one in lines.objects(logger=logs.RECORDS)] == ["Alert"]
    assert lines.objects(event="Alert")[0]["level"] == "warning"


def test_a_line_names_no_more_cancels_than_a_chunk_and_counts_the_orders(lines):
    rows = [(row, row + 1, 1, "BTC", None, None, "", "") for row in range(MOST_IDS + 2)]
    values = {"event": "cancel_asked", "outcome": "", "job_id": 2, "account_id": 3}
    told._say([(7, values, rows)])
    (said,) = lines.objects(event="Cancel asked")
    assert (said["account"], said["job"], said["orders"]) == (3, 2, MOST_IDS + 2)
    assert said["cancels"] == list(range(1, MOST_IDS + 1))


def test_records_of_one_commit_are_lines_of_their_own_written_together(lines, monkeypatch):
    written = []
    monkeypatch.setattr(lines, "write", lambda said: written.append(said) or len(said))
    values = {"outcome": "", "job_id": 2, "account_id": 3}
    events = (Event.REQUEST, Event.ANSWER, Event.NO_ANSWER, Event.OUTCOME)
    told._say([(place, {"event": event} | values, []) for place, event in enumerate(events, 1)])
    said = [json.loads(line) for line in "".join(written).splitlines()]
    assert [(one["position"], one["event"]) for one in said] == [
        (place, event.label) for place, event in enumerate(events, 1)
    ]
    assert [one["level"] for one in said] == ["info", "info", "warning", "info"]
    assert len(written) == 3  # one for each run of one severity


def test_text_stays_as_it_was():
    about = logs.configuration("INFO", "text")
    assert about["formatters"]["line"]["format"] == logs.LINE
    assert about["loggers"][logs.RECORDS]["level"] == "CRITICAL"
    assert logs.of_gunicorn("INFO", "text") == {}


def test_every_answer_has_an_id_of_its_own(db):
    client = Client()
    first, second = (client.get(url("login"))[middleware.REQUEST_ID] for _ in "ab")
    assert first != second and middleware.SOUND_ID.fullmatch(first)


@pytest.mark.parametrize(
    "given", ["from-the-proxy.1", "", "short", "x" * 65, "a b c d e f", "a\nb"]
)
def test_an_id_is_taken_from_a_trusted_proxy_alone(settings, given):
    request = RequestFactory().get("/", headers={middleware.REQUEST_ID: given})
    assert middleware.id_of(request) != given
    settings.TRUST_PROXY_HEADERS = True
    assert (middleware.id_of(request) == given) == (given == "from-the-proxy.1")


def test_a_panics_and_a_commands_lines_have_their_ids(firm, run, lines):
    run("add_desk", "--name", "Blue")
    assert all("request_id" in one for one in lines.objects(logger=logs.RECORDS))


@pytest.mark.parametrize(("form", "count"), [("json", 1), ("text", 0)])
def test_gunicorn_takes_the_form_from_the_file_of_settings(tmp_path, monkeypatch, form, count):
    file = tmp_path / "web.env"
    file.write_text(f"LOG_FORMAT={form}\n")
    monkeypatch.setenv("ENV_FILE", str(file))
    monkeypatch.delenv("LOG_FORMAT", raising=False)
    made = runpy.run_path(str(ROOT / "gunicorn.conf.py"))["logconfig_dict"]
    assert bool(made) == bool(count)
    monkeypatch.setenv("ENV_FILE", str(tmp_path / "none"))
    assert runpy.run_path(str(ROOT / "gunicorn.conf.py"))["logconfig_dict"] == {}


def test_every_line_of_a_real_process_is_an_object(tmp_path):
    env = {"PATH": os.environ["PATH"], "ENV_FILE": os.devnull, "SECRET_KEY": "s" * 60}
    env |= {"DATA_DIR": str(tmp_path), "LOG_FORMAT": "json", "PYTHONWARNINGS": "ignore"}
    web = [sys.executable, "-m", "gunicorn", "desk.wsgi", "--bind", "127.0.0.1:0"]
    done = subprocess.run(
        [*web, "--no-control-socket"], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )  # it ends by itself: there is no database
    said = [line for line in done.stderr.splitlines() if not line.startswith("Cannot start. ")]
    assert len(said) >= 3
    assert {json.loads(line)["process"] for line in said} == {"web"}


assert tasks  # registers what Celery calls

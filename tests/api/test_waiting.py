"""Waiting for a job's end: as long as was asked, in a few places, and never in all threads."""

import pytest

from orders.api import waiting
from orders.delivery import worker
from orders.models import CancelJob
from tests.api.programs import problem, program

pytestmark = pytest.mark.django_db


class Clock:
    """Time that passes by pauses alone; ``at_pause``: what happens at one of them."""

    def __init__(self, at_pause=None):
        self.now, self.pauses, self.at_pause = 0.0, 0, at_pause

    def pause(self, seconds):
        self.now += seconds
        self.pauses += 1
        if self.at_pause and self.pauses == 3:
            self.at_pause()

    def wait(self, job_id, wait_s):
        return waiting.is_over(job_id, wait_s, pause=self.pause, clock=lambda: self.now)


@pytest.fixture
def bot(firm):
    return program(firm)


@pytest.fixture
def asked(firm, bot):
    order = firm.order()
    body = {"account_id": firm.account.pk, "symbol": "BTC", "order_ids": [order.order_id]}
    return lambda **about: bot.post("/cancels", body, key="k1", **about)


def test_it_ends_with_the_job(firm, asked):
    job_id = asked().json()["job"]["id"]
    clock = Clock(lambda: worker.deliver_account(account_id=firm.account.pk))
    assert clock.wait(job_id, 30)
    assert clock.pauses == 3


def test_it_ends_when_its_time_is_over(asked):
    clock = Clock()
    assert not clock.wait(asked().json()["job"]["id"], 2)
    assert 2 <= clock.now < 2.2


def test_without_a_free_place_it_does_not_wait(asked, monkeypatch):
    job_id = asked().json()["job"]["id"]
    held = [waiting._places.acquire(blocking=False) for _ in range(waiting.PLACES)]
    try:
        clock = Clock()
        assert held == [True] * waiting.PLACES
        assert not clock.wait(job_id, 30)
        assert clock.pauses == 0
    finally:
        for _ in held:
            waiting._places.release()


def test_a_place_is_given_back_after_a_fault(asked):
    job_id = asked().json()["job"]["id"]
    for _ in range(waiting.PLACES + 1):
        with pytest.raises(ZeroDivisionError):
            waiting.is_over(job_id, 30, pause=lambda seconds: 1 / 0)
    assert waiting._places.acquire(blocking=False)
    waiting._places.release()


def test_the_answer_tells_the_end_that_was_waited_for(firm, asked, monkeypatch):
    asked()
    job = CancelJob.objects.get()
    deliver = lambda seconds: worker.deliver_account(account_id=firm.account.pk)  # noqa: E731
    real = waiting.is_over
    monkeypatch.setattr(waiting, "is_over", lambda pk, wait_s: real(pk, wait_s, pause=deliver))
    told = asked(wait=30).json()
    assert (told["is_over"], told["job"]["counts"]) == (True, {"cancelled": 1})
    assert told["job"]["id"] == job.pk


@pytest.mark.parametrize("wait", ["31", "-1", "x", "1.5"])
def test_a_wait_that_is_none_is_refused(asked, wait):
    problem(asked(wait=wait), 422)
    assert not CancelJob.objects.exists()

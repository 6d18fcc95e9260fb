"""Two requests of one key at once: one act, whichever comes first."""

import threading

import pytest
from django.db import connection

from orders.models import ApiAct, Cancel, CancelJob, PanicLine
from tests.api.programs import Program
from tests.helpers.bulk import a_book
from tests.helpers.tokens import new_token


def at_once(secret, place, body, count=4, key="k1"):
    """The answers to the same request, sent from so many threads together."""
    start, answers = threading.Barrier(count), []

    def ask():
        try:
            start.wait()
            answers.append(Program(secret).post(place, body, key=key).json())
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return answers


@pytest.mark.parametrize("act", ["by id", "by scope", "panic"])
def test_the_same_key_at_once_is_one_job(committing_firm, settings, act):
    settings.API_ACTS_PER_S = 100
    firm = committing_firm
    orders = firm.orders(3)
    ids = [order.order_id for order in orders]
    place, body = {
        "by id": ("/cancels", {"account_id": firm.account.pk, "symbol": "BTC", "order_ids": ids}),
        "by scope": ("/cancels/scope", {"expect_at_most": 3}),
        "panic": ("/panics", {"reason": "at once"}),
    }[act]
    answers = at_once(new_token(firm)[1], place, body)
    assert len({answer["job"]["id"] for answer in answers}) == 1, answers
    assert sorted(answer["is_repeated"] for answer in answers) == [False, True, True, True]
    assert CancelJob.objects.count() == ApiAct.objects.count() == 1
    assert (Cancel.objects.count(), PanicLine.objects.count()) == (
        (0, 1) if act == "panic" else (3, 0)
    )


def test_the_same_stop_at_once_is_told_as_the_stop_that_it_was(committing_firm, settings):
    settings.API_ACTS_PER_S = 1000
    firm, secret = committing_firm, new_token(committing_firm)[1]
    for first in (71_000_000_000, 71_000_000_010, 71_000_000_020, 71_000_000_030):
        ids = [order.order_id for order in a_book(firm, 3, first=first)]
        body = {"account_id": firm.account.pk, "symbol": "BTC", "order_ids": ids}
        job = Program(secret).post("/cancels", body).json()["job"]["id"]
        answers = at_once(secret, f"/jobs/{job}/stop", {}, key=f"stop-{job}")
        told = {answer["said"] for answer in answers}
        assert told == {"Stopped: 3 not sent, 0 still being followed to their end."}
        assert sorted(answer["is_repeated"] for answer in answers) == [False, True, True, True]

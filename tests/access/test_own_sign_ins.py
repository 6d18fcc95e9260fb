"""A person reads their last sign-ins, and who failed at their name."""

from datetime import timedelta

import pytest
from django.utils import timezone

from orders.access import own_sign_ins
from orders.audit import log
from orders.models import Event
from tests.helpers.authenticator import enrolled, sign_in
from tests.helpers.firm import namesake
from tests.helpers.screens import page, url

pytestmark = pytest.mark.django_db


def told(user):
    return [(one.words, one.address, one.is_failed) for one in own_sign_ins.of(user=user)]


def failed(name, count=1, **fields):
    data = {"name_tried": name} | fields
    for _ in range(count):
        log.record(log.Fact(Event.LOGIN_FAILED, log.Actor(address="192.0.2.66"), data=data))


def test_each_step_is_told_the_newest_first_and_failures_are_marked(firm):
    device, _ = enrolled(firm.operator)
    sign_in(firm.operator, "a wrong one", address="203.0.113.9")
    client = sign_in(firm.operator)
    client.post(url("second_factor"), {"code": "000000"})
    client.post(url("second_factor"), {"code": device.code()})
    assert told(firm.operator) == [
        ("Second factor given", "198.51.100.7", False),
        ("Wrong second factor", "198.51.100.7", True),
        ("Password given", "198.51.100.7", False),
        ("Wrong password", "203.0.113.9", True),
    ]
    text = page(client, "own_settings").split("Last sign-ins")[1]
    assert text.count(">failed<") == 2
    assert text.index("Wrong second factor") < text.index("Wrong password")


def test_what_was_refused_unseen_says_so(firm):
    failed("olivia", throttled_for_s=60)
    failed("olivia", step="password again")
    assert [words for words, _, _ in told(firm.operator)] == [
        "Wrong password, asked once more",
        "Refused unseen, after too many failures",
    ]


def test_a_name_typed_in_other_letters_is_the_persons(firm):
    failed("OLIVIA")
    assert told(firm.operator) == [("Wrong password", "192.0.2.66", True)]


@pytest.mark.parametrize("name", ["hannah", "olivia2", "xolivia", "oliv%", "o_ivia", ""])
def test_nobody_reads_of_anothers_failures(firm, name):
    failed(name)
    assert told(firm.operator) == []


def test_a_namesake_in_other_letters_has_their_own(firm):
    namesake("Olivia")
    failed("Olivia")
    assert told(firm.operator) == []


def test_few_are_shown_whatever_there_is(firm):
    failed("olivia", 15)
    assert len(told(firm.operator)) == own_sign_ins.SHOWN
    sign_in(firm.operator)
    assert told(firm.operator)[0][0] == "Password given"


def test_failures_of_long_ago_are_left_to_the_log(firm):
    failed("olivia")
    later = timezone.now() + own_sign_ins.FAILURES_OF + timedelta(hours=2)
    assert own_sign_ins.of(user=firm.operator, now=later) == []

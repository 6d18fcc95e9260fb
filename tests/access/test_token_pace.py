"""How fast a token may ask: so many a second, so many at once, by whatever web process."""

from datetime import timedelta

import pytest
from django.utils.timezone import now

from orders.access import token_pace
from orders.models import ApiToken
from tests.helpers.tokens import new_token

PACE = token_pace.Pace("acts_until", per_s=2, at_once=3)
pytestmark = pytest.mark.django_db


@pytest.fixture
def token(firm):
    return new_token(firm)[0]


def take(token, at, pace=PACE):
    return token_pace.take(token, pace, address="127.0.0.1", now=at)


def test_so_many_at_once_then_so_many_a_second(token):
    at = now()
    assert [take(token, at) for _ in range(4)] == [0, 0, 0, 1]
    later = at + timedelta(seconds=0.5)
    assert [take(token, later), take(token, later)] == [0, 1]
    rested = at + timedelta(seconds=10)
    assert [take(token, rested) for _ in range(4)] == [0, 0, 0, 1]


def test_over_a_minute_it_is_the_average(token):
    at = now()
    free = sum(take(token, at + timedelta(seconds=tick / 10)) == 0 for tick in range(600))
    assert 2 * 60 <= free <= 2 * 60 + 3


def test_one_pace_is_not_used_up_by_another(token):
    at = now()
    assert [take(token, at) for _ in range(4)][-1] == 1
    assert take(token, at, token_pace.panics()) == 0


def test_a_clock_that_was_set_back_keeps_nobody_waiting(token):
    at = now()
    for _ in range(3):
        take(token, at + timedelta(days=1))
    assert take(token, at) == 0
    assert ApiToken.objects.get().acts_until < (at + timedelta(seconds=5)).timestamp() * 1e6


def test_a_slow_pace_says_how_long_to_wait(token):
    pace = token_pace.Pace("acts_until", per_s=1, at_once=1)
    at = now()
    assert [take(token, at, pace), take(token, at, pace)] == [0, 1]

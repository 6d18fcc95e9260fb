"""What is said of a database or broker that cannot be reached tells why, and no secret."""

import pytest
from django.db import OperationalError

from desk.reasons import MAX_REASON, reason_of


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("connection refused\n\tIs the server running?", "OperationalError: connection refused"),
        ("", "OperationalError"),
        ("no password hush-hush for desk", "OperationalError"),
        ("x" * (MAX_REASON - 4) + "hush-hush", "OperationalError"),  # cut, half of it would stay
        ("bad words: host=db password=other", "OperationalError"),
        ("cannot read postgres://desk:other@db/desk", "OperationalError"),
        ("password authentication failed", "OperationalError: password authentication failed"),
        ("x" * 999, "OperationalError: " + "x" * MAX_REASON),
    ],
)
def test_a_reason_is_one_line_without_a_secret(said, told):
    assert reason_of(OperationalError(said), "hush-hush", "") == told

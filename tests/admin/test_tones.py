"""What differs for an operator looks different: as a word's colour, a dot and a part of the bar."""

from pathlib import Path

import pytest

from orders.models import CancelStatus
from orders.templatetags.desk import tone

STYLES = (
    Path(__file__).parent.parent.parent / "orders" / "static" / "desk" / "desk.css"
).read_text()


def test_outcomes_that_ask_for_different_things_have_different_tones():
    told = [CancelStatus.CANCELLED, CancelStatus.FILLED, CancelStatus.UNKNOWN, CancelStatus.REFUSED]
    assert len({tone(status) for status in told}) == len(told)


@pytest.mark.parametrize("name", ["filled", "unknown"])
def test_a_tone_is_drawn_everywhere_by_day_and_by_night(name):
    assert STYLES.count(f"--dk-{name}: #") == 2
    assert STYLES.count(f"--dk-{name}-bg: #") == 2
    for drawn in ("status", "dot", "part"):
        assert f".dk-{drawn}.dk-{name} {{" in STYLES

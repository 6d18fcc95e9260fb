"""A reason counts as far as it can be seen; what is kept stays as it was typed."""

import pytest

from orders.audit import reasons
from orders.lifecycle.targets import CannotAsk, demanded_reason


@pytest.mark.parametrize(
    "text", ["", "  ", "\u200b" * 9, "\x00\x07\x1b", "\u3164" * 5, "\u2800 \u2800", "\ufe0f" * 3]
)
def test_a_reason_of_what_nobody_sees_is_none(text):
    assert reasons.seen(text) == ""
    with pytest.raises(CannotAsk, match="Say why"):
        demanded_reason(text)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("fed day", "fed day"),
        (" a\tb\nc ", "a b c"),
        ("\u0643\u0630\u0628", "\u0643\u0630\u0628"),
        (
            "\U0001f468\u200d\U0001f469\u200d\U0001f467",
            "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        ),
        ("\u0939\u093e\u0901", "\u0939\u093e\u0901"),
        ("n\u00e3o d\u00e1", "n\u00e3o d\u00e1"),
    ],
)
def test_other_reasons_are_kept_as_they_were_typed(text, kept):
    assert demanded_reason(text) == kept


def test_three_characters_are_counted_as_they_are_seen():
    with pytest.raises(CannotAsk):
        demanded_reason("ok\u200b\u200b")

"""What is drawn by the hundred is escaped as Django escapes it."""

from decimal import Decimal

import pytest
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy

from orders.admin.shared.markup import joined, put
from orders.models import OrderState

HOSTILE = "<script>alert('1')</script>&\"{0}{}"


class Named:
    """Something with a hostile name."""

    def __str__(self):
        return HOSTILE


class Marked(str):
    """A text that says of itself that it is markup."""

    def __html__(self):
        return "<b>ours</b>"


VALUES = [
    HOSTILE,
    mark_safe("<b>ours</b>"),
    SafeString("<i>"),
    Marked("x"),
    Named(),
    gettext_lazy("<Yes>"),
    OrderState.OPEN,
    type("Text", (str,), {})(HOSTILE),
    Decimal("1.50"),
    7,
    None,
    "",
    b"<b>",
]


@pytest.mark.parametrize("value", VALUES, ids=lambda one: type(one).__name__)
def test_a_value_is_put_in_as_format_html_does(value):
    shown = put('<td class="{}">{}</td>', value, value)
    assert shown == format_html('<td class="{}">{}</td>', value, value)
    assert type(shown) is SafeString


def test_a_value_may_be_put_in_twice_and_is_markup_afterwards():
    cell = put("<{0}>{1}</{0}>", "td", "<")
    assert cell == "<td>&lt;</td>"
    assert put("<tr>{}</tr>", joined([cell, cell])) == "<tr><td>&lt;</td><td>&lt;</td></tr>"

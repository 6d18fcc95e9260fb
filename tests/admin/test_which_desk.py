"""Which desk a form is about, is its person's to say where there are several."""

import re

import pytest

from orders.models import Membership, Role
from tests.helpers.screens import page, signed_in

FORMS = [
    "orders_panicline_pull",
    "orders_preview_scope",
    "orders_guard_add",
    "orders_schedule_add",
    "orders_apitoken_add",
]


def chosen(firm, name):
    """The desk that the form of the head has chosen, and how many it offers."""
    choice = re.search(r'<select name="desk".*?</select>', page(signed_in(firm.head), name), re.S)
    values = re.findall(r'<option value="([^"]*)"', choice[0])
    assert "selected" not in choice[0].replace('value="" selected', "")
    return values[0], len(values)


@pytest.mark.parametrize("name", FORMS)
def test_of_several_desks_a_form_chooses_none(firm, name):
    assert chosen(firm, name) == (str(firm.momentum.pk), 1)
    Membership.objects.create(user=firm.head, desk=firm.basis, role=Role.HEAD)
    assert chosen(firm, name) == ("", 3)

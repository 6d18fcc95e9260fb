"""The address of a row is Django's own, wherever the site stands."""

import pytest
from django.urls import NoReverseMatch, reverse, set_script_prefix

from orders.admin.shared.row_address import row_address

CANCEL = "admin:orders_order_cancel"


@pytest.fixture(params=["/", "/desk/"])
def prefix(request):
    set_script_prefix(request.param)
    yield request.param
    set_script_prefix("/")


@pytest.mark.parametrize("pk", [1, 987654321, 2**53])
def test_it_is_what_django_says(prefix, pk):
    assert row_address(CANCEL, pk) == reverse(CANCEL, args=[pk])
    assert row_address(CANCEL, pk).startswith(prefix)


def test_a_name_that_is_not_there_is_an_error(prefix):
    with pytest.raises(NoReverseMatch):
        row_address("admin:nowhere", 1)

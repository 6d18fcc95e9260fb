"""The page of panic opened by a link, which fills in an account or a symbol."""

import pytest

from tests.helpers.screens import folded, signed_in, url


def told(who, **there):
    """What the page says is cancelled, and the page."""
    text = folded(signed_in(who).get(url("orders_panicline_pull"), there))
    return text.partition('id="warned">')[2].partition("all of them are")[0], text


def test_an_accounts_link_counts_that_account_alone(firm):
    firm.orders(1)
    firm.orders(3, account=firm.new_account("Beta", firm.momentum))
    there = {"desk": firm.momentum.pk, "account": firm.account.pk}
    said, text = told(firm.operator, **there)
    assert "1 open order</b> by our last look, on 1 account of" in said
    assert "checked" in text


def test_a_symbols_link_counts_that_symbol_alone(firm):
    firm.orders(1)
    firm.orders(3, symbol="ETH", price="3000")
    said, _ = told(firm.operator, desk=firm.momentum.pk, symbol="BTC")
    assert "1 open order</b>" in said
    assert "BTC only" in said


@pytest.mark.parametrize("named", ["foreign", "deactivated", "none"])
def test_an_account_that_is_not_to_be_chosen_ticks_nothing_and_narrows_nothing(firm, named):
    firm.orders(2)
    off = firm.new_account("Off", firm.momentum)
    off.is_active = False
    off.save()
    pk = {"foreign": firm.foreign_account.pk, "deactivated": off.pk, "none": 2**62}[named]
    said, _ = told(firm.operator, desk=firm.momentum.pk, account=pk)
    assert "2 open orders</b> by our last look, on 1 account of" in said

"""An account that stands on two desks: a command says which desks, and takes one of them."""

import pytest
from solders.keypair import Keypair

from orders.models import AgentWallet, Cancel

ABOUT = ("--symbol", "BTC", "--reason", "too far out", "--operator", "olivia")


@pytest.fixture
def shared(firm, run):
    """Alpha of Momentum, which stands on Basis too under the same name and address."""
    order, address = firm.order(), firm.account.address
    assert run("add_account", "Alpha", "--desk", "Basis", "--address", address)[0] == 0
    assert run("add_operator", "olivia", "--desk", "Basis", "--role", "operator")[0] == 0
    firm.shared_order = str(order.order_id)
    return firm


@pytest.mark.parametrize("by", ["name", "address"])
def test_a_cancel_is_told_which_desks_and_takes_one(shared, run, by):
    asked = ("cancel", "--account", getattr(shared.account, by), *ABOUT)
    asked += ("--order-id", shared.shared_order)
    code, _, said = run(*asked)
    assert (code, "(Basis, Momentum): say which one with --desk" in said) == (2, True)
    assert not Cancel.objects.exists()
    assert run(*asked, "--desk", "Momentum")[0] == 0
    assert Cancel.objects.get().account == shared.account


def test_a_desk_of_others_is_neither_named_nor_taken(shared, run):
    """Hannah has no role on Basis."""
    asked = ("cancel", "--account", "Alpha", *ABOUT[:-1], "hannah")
    asked += ("--order-id", shared.shared_order)
    for desk in ("Basis", "Nope"):
        code, _, said = run(*asked, "--desk", desk)
        assert (code, "no such account" in said) == (2, True)
    assert run(*asked)[0] == 0


def test_all_that_match_are_read(shared, run):
    for named in (shared.account.address, "Alpha"):
        code, out, _ = run("sync_orders", "--account", named)
        lines = ["Alpha of Basis: 1 open order.", "Alpha of Momentum: 1 open order."]
        assert (code, out.splitlines()) == (0, lines)
    _, out, _ = run("sync_orders", "--account", "Alpha", "--desk", "Basis")
    assert out == "Alpha: 1 open order.\n"


def test_all_of_one_desk_are_read(shared, run):
    _, out, _ = run("sync_orders", "--desk", "Momentum")
    assert out == "Alpha: 1 open order.\n"
    code, _, said = run("sync_orders", "--desk", "Nope")
    assert (code, "no desk named" in said) == (2, True)


def test_an_agent_wallet_is_added_to_one_of_them(shared, run):
    agent = Keypair()
    asked = ("add_agent_wallet", "--account", "Alpha", "--public-key", str(agent.pubkey()))
    code, _, said = run(*asked, stdin=str(agent))
    assert (code, "(Basis, Momentum)" in said) == (2, True)
    assert run(*asked, "--desk", "Basis", stdin=str(agent))[0] == 0
    assert AgentWallet.objects.get(public_key=str(agent.pubkey())).account.desk == shared.basis


def test_an_address_comes_before_a_name_that_looks_like_it(firm, run):
    firm.new_account(firm.account.address, firm.basis)
    firm.orders(2)
    code, out, _ = run("sync_orders", "--account", firm.account.address)
    assert (code, out) == (0, "Alpha: 2 open orders.\n")

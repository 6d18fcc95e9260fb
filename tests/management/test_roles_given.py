"""What `add_operator` says of a role: what it did, and what the person was before."""

import pytest

from orders.models import Membership

GIVEN = [
    ("victor", "Momentum", "head", "victor is desk head of Momentum now, and was viewer before."),
    ("hannah", "Momentum", "viewer", "hannah is viewer of Momentum now, and was desk head before."),
    ("olivia", "Basis", "head", "olivia is desk head of Basis now, and had no role there before."),
    ("olivia", "Momentum", "operator", "olivia, operator of Momentum, was there already."),
]


@pytest.mark.parametrize(("name", "desk", "role", "said"), GIVEN)
def test_a_role_is_told_with_the_one_before(firm, run, name, desk, role, said):
    code, out, _ = run("add_operator", name, "--desk", desk, "--role", role)
    assert (code, out) == (0, f"{said}\n")
    assert Membership.objects.get(user__username=name, desk__name=desk).role == role


EXISTING = [
    ("add_operator", "olivia", "--desk", "Momentum", "--role", "head"),
    ("add_operator", "olivia", "--desk", "Momentum", "--role", "operator"),
    ("add_administrator", "admin"),
    ("add_desk", "Momentum"),
]


@pytest.mark.parametrize("args", EXISTING, ids=" ".join)
def test_who_is_deactivated_is_said_to_be(firm, run, args):
    for one in (firm.operator, firm.administrator, firm.momentum, firm.account):
        one.is_active = False
        one.save()
    code, out, _ = run(*args)
    assert (code, out.endswith(f" {args[1]} is deactivated.\n")) == (0, True), out


def test_an_account_that_is_deactivated_is_said_to_be(firm, run):
    firm.account.is_active = False
    firm.account.save()
    address = firm.account.address
    _, out, _ = run("add_account", "Alpha", "--desk", "Momentum", "--address", address)
    assert out == "Account Alpha of Momentum was there already. Alpha is deactivated.\n"

"""Nobody sees and nobody acts where they may not; ``make matrix`` tries every cell there is."""

import pytest

from orders.admin.accounts.account_pages import AccountAdmin
from orders.models import Account, Desk
from tests.authz.harness import IDLE, OWN_BUSINESS, QUICK_GETS, QUICK_POSTS, Matrix, new_world
from tests.authz.probes import try_tricks
from tests.helpers.screens import url

pytestmark = [pytest.mark.thorough, pytest.mark.once]


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """One world for all tests here; each cell is tried in a savepoint that is rolled back."""
    with django_db_blocker.unblock(), new_world() as world:
        yield world


@pytest.mark.parametrize("kind", sorted(QUICK_GETS.keys() | QUICK_POSTS.keys()))
def test_nobody_sees_or_acts_where_they_may_not(world, kind):
    matrix = Matrix(world, is_whole=False)
    matrix.try_person(kind)
    try_tricks(matrix)
    assert matrix.faults == []
    assert sum(matrix.tried.values()) > 20
    if kind in IDLE:
        assert not matrix.acted[kind] - OWN_BUSINESS
    elif kind in {"head", "administrator"}:
        assert len(matrix.acted[kind]) > 3  # the forms that are sent do act where one may


@pytest.fixture
def operator(world):
    """A matrix in which the operator is signed in."""
    matrix = Matrix(world, is_whole=False)
    matrix.enter("operator")
    return matrix


def kinds(matrix):
    return {kind for kind, _ in matrix.faults}


def test_the_matrix_sees_a_foreign_row(operator, monkeypatch):
    monkeypatch.setattr(AccountAdmin, "get_queryset", lambda *_: Account.objects.all())
    operator.get("", "none", url("orders_account_changelist"))
    assert kinds(operator) == {"leak"}


def test_the_matrix_sees_a_get_that_writes_and_undoes_it(operator, monkeypatch):
    def write(self, request):
        Desk.objects.update(needs_reason=True)
        return Account.objects.visible_to(request.user)

    monkeypatch.setattr(AccountAdmin, "get_queryset", write)
    operator.get("", "none", url("orders_account_changelist"))
    assert kinds(operator) == {"change by GET"}
    assert not Desk.objects.filter(needs_reason=True).exists()


def test_the_matrix_sees_an_act_of_somebody_who_may_not(operator, monkeypatch):
    monkeypatch.setattr("tests.authz.harness.ACTS", {"orders_order_cancel": "close"})
    order = operator.world.near.extra["free"]
    form = operator.world.payload(operator.world.near)
    operator.act("", "orders_order_cancel", url("orders_order_cancel", order.pk), form)
    assert kinds(operator) == {"unauthorised effect"}

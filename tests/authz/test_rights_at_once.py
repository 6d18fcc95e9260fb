"""A role that is given or taken counts at the next question."""

from django.contrib.auth.models import AnonymousUser, User
from django.test import RequestFactory
from django.urls import reverse

from orders.admin.orders import cancel_cell
from orders.models import Account, Membership, Order, Right, Role, desks
from tests.helpers.screens import signed_in


def test_what_is_kept_of_a_persons_desks_is_the_question_and_no_answer(firm):
    person = firm.operator
    kept = desks._desks(person.pk, Right.VIEW), desks._held(person.pk, Right.VIEW)

    asked = [str(each.query) for each in kept]

    def sees():
        return list(Account.objects.visible_to(person).values_list("name", flat=True))

    assert sees() == ["Alpha"]
    Membership.objects.filter(user=person).delete()
    assert sees() == []
    Membership.objects.create(user=person, desk=firm.basis, role=Role.VIEWER)
    assert sees() == ["Canary"]
    assert (desks._desks(person.pk, Right.VIEW), desks._held(person.pk, Right.VIEW)) == kept
    for name in ("admin:index", "admin:orders_order_changelist", "admin:pictures"):
        assert signed_in(person).get(reverse(name)).status_code == 200
    assert [each._result_cache for each in kept] == [None, None]
    assert [str(each.query) for each in kept] == asked


def test_a_click_and_a_cell_show_the_orders_that_every_other_door_shows(firm):
    """What is prepared for them says what every other door says."""
    orders = [*firm.orders(2), *firm.orders(1, account=firm.foreign_account)]
    people = [firm.operator, firm.viewer, firm.stranger, firm.administrator, AnonymousUser()]
    gone = User(pk=firm.head.pk, is_active=False)
    for person in [*people, gone]:
        request = RequestFactory().get("/")
        request.user = person
        shown = cancel_cell.visible_orders(request, [order.pk for order in orders])
        assert {*shown} == {*Order.objects.visible_to(person)}, person

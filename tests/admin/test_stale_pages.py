"""A page of an administrator that was opened before somebody else changed the same thing."""

import re
from html import unescape

import pytest
from django.contrib.auth import get_user_model

from orders.models import Account, AuditRecord, Desk, Membership
from tests.helpers.screens import folded, signed_in, url

CHANGED = "This was changed after you had opened it"


def form_of(answer):
    """What the browser would send from this page, untouched."""
    html = answer.content.decode()
    fields = {}
    for one in re.findall(r"<input[^>]*>", html):
        name = re.search(r'name="([^"]+)"', one)
        value = re.search(r'value="([^"]*)"', one)
        is_off = 'type="checkbox"' in one and not re.search(r"\schecked[\s>]", one)
        if name and not is_off:
            fields[name[1]] = unescape(value[1]) if value else "on"
    for name, body in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', html, re.S):
        chosen = re.search(r'<option value="([^"]*)"[^>]*selected', body)
        fields[name] = chosen[1] if chosen else ""
    return {name: value for name, value in fields.items() if "__prefix__" not in name}


class Page:
    """A page as an administrator has it open."""

    def __init__(self, firm, name, row):
        self.client, self.address = signed_in(firm.administrator), url(name, row.pk)
        self.form = form_of(self.client.get(self.address))

    def save(self, **typed):
        answer = self.client.post(self.address, self.form | typed)
        if answer.status_code != 302:
            self.form = form_of(answer)
        return answer


@pytest.fixture
def person(firm):
    return Page(firm, "auth_user_change", firm.operator)


def people(person):
    return get_user_model().objects.filter(pk=person.pk)


def refused(answer, *words):
    shown = folded(answer)
    assert answer.status_code == 422
    for one in (CHANGED, *words):
        assert one in shown, re.findall("This was changed[^<]*", shown)


def test_it_does_not_let_a_person_in_again_whom_a_colleague_deactivated(firm, person):
    people(firm.operator).update(is_active=False)
    refused(person.save(username="olivia.k"), "Now it is: Name: olivia; Active: no.")
    assert people(firm.operator).values_list("username", "is_active").get() == ("olivia", False)
    assert not AuditRecord.objects.filter(event="user_changed", data__contains="olivia.k").exists()


def test_what_was_typed_stays_and_is_saved_the_second_time(firm, person):
    people(firm.operator).update(is_active=False)
    person.save(username="olivia.k")
    assert person.form["username"] == "olivia.k"
    del person.form["is_active"]
    assert person.save().status_code == 302
    assert people(firm.operator).values_list("username", "is_active").get() == ("olivia.k", False)


def test_a_change_after_the_refusal_is_told_too(firm, person):
    people(firm.operator).update(is_active=False)
    person.save(username="olivia.k")
    people(firm.operator).update(is_superuser=True)
    refused(person.save(), "Administrator: yes")


def test_it_is_told_too_where_the_form_is_wrong_besides(firm, person):
    people(firm.operator).update(is_active=False)
    refused(person.save(username="no name!"), "Active: no")


def test_it_does_not_switch_a_desks_latches_off_again(firm):
    desk = Page(firm, "orders_desk_change", firm.momentum)
    Desk.objects.filter(pk=firm.momentum.pk).update(latch_mode="cancel")
    label = dict(Desk._meta.get_field("latch_mode").choices)["cancel"]
    refused(desk.save(name="Momentum EU"), "Now it is: Name: Momentum; ", str(label))
    assert Desk.objects.get(pk=firm.momentum.pk).latch_mode == "cancel"


def test_it_does_not_switch_an_account_on_again(firm):
    account = Page(firm, "orders_account_change", firm.account)
    Account.objects.filter(pk=firm.account.pk).update(is_active=False)
    refused(account.save(name="Omega"), "Is active: no")
    assert not Account.objects.get(pk=firm.account.pk).is_active


def test_roles_that_a_colleague_changed_are_shown_as_they_are(firm, person):
    Membership.objects.filter(user=firm.operator).update(role="viewer")
    assert person.form["memberships-0-role"] == "operator"
    refused(person.save(username="olivia.k"), "Memberships stand here as they are now")
    assert person.form["memberships-0-role"] == "viewer"
    assert person.save().status_code == 302
    assert Membership.objects.get(user=firm.operator).role == "viewer"


def test_a_role_that_a_colleague_took_away_is_not_given_again(firm, person):
    Membership.objects.filter(user=firm.operator).delete()
    refused(person.save())
    assert person.form["memberships-INITIAL_FORMS"] == "0"
    assert person.save().status_code == 302
    assert not Membership.objects.filter(user=firm.operator).exists()


@pytest.mark.parametrize("shown", ["", "x", "x.y.z", "." * 100])
def test_what_a_page_never_showed_is_refused(firm, person, shown):
    refused(person.save(shown=shown))


def test_what_nobody_changed_is_saved(firm, person):
    assert person.save(username="olivia.k").status_code == 302
    assert people(firm.operator).get().username == "olivia.k"


def test_the_page_is_refused_once_more_after_it_was_saved(firm, person):
    person.save(username="olivia.k")
    refused(person.save(username="olivia.m"), "Name: olivia.k")

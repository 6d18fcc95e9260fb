"""A form that is sent without a session leads to sign in, and from there to a page of the site."""

from urllib.parse import unquote

import pytest
from django.test import Client

from tests.authz.addresses import addresses, fillings
from tests.authz.harness import new_world
from tests.helpers.screens import signed_in

pytestmark = [pytest.mark.thorough, pytest.mark.once]
LOGIN = "/admin/login/?next="


@pytest.fixture(scope="module")
def world(django_db_setup, django_db_blocker):
    """One world for all tests here; nothing in it is changed."""
    with django_db_blocker.unblock(), new_world() as world:
        yield world


@pytest.fixture(scope="module")
def people(world):
    """Two who may open every page of the near desk."""
    return [signed_in(world.people[name]) for name in ("administrator", "head")]


@pytest.fixture(scope="module")
def forms(world, people):
    """Every address of the near desk to which a form may be sent."""
    own = [
        address
        for name, route in addresses()
        for kind, address in fillings(world, name, route)
        if kind in {"none", "near"}
    ]
    return [
        one for one in own if any(person.get(one).status_code in {200, 405} for person in people)
    ]


def led_to(address, **headers):
    """Where one stands after signing in; None where a form may be sent without a session."""
    answer = Client(headers=headers).post(address, {"reason": "x"})
    if answer.status_code == 302 and answer.url.startswith(LOGIN):
        return unquote(answer.url.removeprefix(LOGIN))
    return None


def is_page(answer):
    """Whether it is what was looked for, or says in the frame of the site that it is not there."""
    is_framed = "Desk</title>" in answer.content.decode() and "dk-page" in answer.content.decode()
    return answer.status_code == 200 or (answer.status_code in {404, 405} and is_framed)


@pytest.mark.parametrize("says_where", [True, False])
def test_every_form_leads_back_to_a_page_of_the_site(people, forms, says_where):
    led = {}
    for address in forms:
        headers = {"Referer": f"http://testserver{address}"} if says_where else {}
        if (page := led_to(address, **headers)) is not None:
            led[address] = page
    assert len(led) > 80
    pages = {
        page for page in set(led.values()) if any(is_page(person.get(page)) for person in people)
    }
    assert {sent: page for sent, page in led.items() if page not in pages} == {}

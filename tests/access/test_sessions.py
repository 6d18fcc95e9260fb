"""How long a sign-in holds, and what asks for a fresh proof of who one is."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.db import connection
from django.test import Client

from orders.access import sessions
from orders.cancels.bulk import previews
from orders.cancels.bulk import scope as bulk_scope
from orders.models import AuditRecord, CancelJob, Event, Export, Role
from tests.admin.test_people import memberships
from tests.helpers.authenticator import enrolled, is_in, sign_in
from tests.helpers.firm import PASSWORD
from tests.helpers.screens import click, known_order, signed_in, url

pytestmark = pytest.mark.django_db


def age(client, *names, by):
    """Let seconds have passed since these marks of the session."""
    session = client.session
    for name in names:
        session[name] -= by
    session.save()


def test_an_idle_session_ends(firm, settings):
    client = sign_in(firm.operator)
    age(client, sessions.SEEN, by=settings.SESSION_IDLE_MINUTES * 60 + 1)
    assert not is_in(client)


def test_a_page_that_looks_by_itself_does_not_keep_a_session_alive(firm):
    client = sign_in(firm.operator)
    age(client, sessions.SEEN, by=120)
    before = client.session[sessions.SEEN]
    client.get(url("orders_order_cells"), headers={"HX-Request": "true"})
    client.get(url("orders_order_cells"), headers={"Sec-Fetch-Mode": "cors"})
    assert client.session[sessions.SEEN] == before
    client.get(url("index"), headers={"Sec-Fetch-Mode": "navigate"})
    assert client.session[sessions.SEEN] > before


def test_a_session_ends_after_its_longest_however_busy(firm, settings):
    client = sign_in(firm.operator)
    age(client, sessions.BEGAN, by=settings.SESSION_MAX_HOURS * 3600 + 1)
    assert not is_in(client)


def test_signing_in_and_the_second_factor_each_give_a_new_session_key(firm):
    device, _ = enrolled(firm.operator)
    client = sign_in(firm.operator)
    first = client.session.session_key
    client.post(url("second_factor"), {"code": device.code()})
    assert client.session.session_key != first
    sign_in(firm.operator, client=client)
    assert client.session.session_key != first


def new_password(firm):
    firm.operator.set_password("another long one")
    firm.operator.save()


def new_role(firm):
    firm.operator.memberships.update(role=Role.VIEWER)


def no_role(firm):
    firm.operator.memberships.all().delete()


def new_desk(firm):
    firm.operator.memberships.create(desk=firm.basis, role=Role.VIEWER)


def new_factor(firm):
    enrolled(firm.operator)


def administrator(firm):
    firm.operator.is_superuser = True
    firm.operator.save()


def deactivated(firm):
    firm.operator.is_active = False
    firm.operator.save()


CHANGES = [new_password, new_role, no_role, new_desk, new_factor, administrator, deactivated]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_change_ends_every_session_of_the_person_and_nobody_elses(firm, change):
    mine = [sign_in(firm.operator), sign_in(firm.operator, address="203.0.113.9")]
    other = sign_in(firm.head)
    change(firm)
    assert [is_in(client) for client in mine] == [False, False]
    assert is_in(other)


def test_a_session_does_not_come_back_with_its_person(firm):
    client = sign_in(firm.operator)
    for is_active in ({}, {"is_active": "on"}):
        form = {"username": "olivia"} | is_active | memberships()
        signed_in(firm.administrator).post(url("auth_user_change", firm.operator.pk), form)
    assert get_user_model().objects.get(username="olivia").is_active
    assert not is_in(client)


GUARDED = [
    ("administrator", "auth_user_add", ()),
    ("administrator", "auth_user_change", ("operator",)),
    ("administrator", "auth_user_password_change", ("operator",)),
    ("head", "orders_agentwallet_add", ()),
    ("head", "orders_apitoken_add", ()),
]


@pytest.mark.parametrize(("person", "name", "about"), GUARDED)
@pytest.mark.parametrize("method", ["get", "post"])
def test_keys_people_and_roles_ask_for_a_fresh_proof(firm, person, name, about, method):
    client = sign_in(getattr(firm, person))
    address = url(name, *(getattr(firm, one).pk for one in about))
    assert client.get(address).status_code == 200
    age(client, sessions.FRESH, by=301)
    answer = getattr(client, method)(address)
    assert answer.url.startswith(url("confirm_yourself"))
    wrong = client.post(url("confirm_yourself"), {"password": "wrong"})
    assert wrong.status_code == 422
    right = client.post(url("confirm_yourself"), {"password": PASSWORD, "next": address})
    assert right.url == address
    assert client.get(address).status_code == 200


def test_the_fresh_proof_is_the_second_factor_where_there_is_one(firm):
    device, _ = enrolled(firm.head)
    client = sign_in(firm.head)
    client.post(url("second_factor"), {"code": device.code()})
    age(client, sessions.FRESH, by=301)
    assert client.post(url("confirm_yourself"), {"password": PASSWORD}).status_code == 422
    assert client.get(url("orders_agentwallet_add")).status_code == 302
    client.post(url("confirm_yourself"), {"code": device.code(1)})
    assert client.get(url("orders_agentwallet_add")).status_code == 200


@pytest.mark.parametrize(("age_s", "is_fresh"), [(295, True), (305, False), (-3_600, False)])
def test_a_proof_is_fresh_for_five_minutes_and_not_before_it_was_given(firm, age_s, is_fresh):
    """One of the future is of before a clock was set back: nobody knows how old it is."""
    client = sign_in(firm.administrator)
    age(client, sessions.FRESH, by=age_s)
    answer = client.get(url("auth_user_add"))
    assert (answer.status_code == 200) == is_fresh


def test_a_cancel_never_asks_for_a_fresh_proof(firm):
    client = sign_in(firm.operator)
    age(client, sessions.FRESH, by=4_000)
    assert click(client, known_order(firm.account, 71_000_000_001)).status_code == 200
    assert CancelJob.objects.count() == 1


def test_disabling_an_agent_wallet_never_waits_for_a_proof(firm):
    client = sign_in(firm.head)
    age(client, sessions.FRESH, by=4_000)
    wallet = firm.account.agent_wallets.get()
    client.post(url("orders_agentwallet_disable", wallet.pk))
    wallet.refresh_from_db()
    assert not wallet.is_active
    answer = client.post(url("orders_agentwallet_enable", wallet.pk))
    assert answer.url.startswith(url("confirm_yourself"))
    wallet.refresh_from_db()
    assert not wallet.is_active


def test_a_cancel_of_everything_asks_for_a_fresh_proof(firm):
    known_order(firm.account, 71_000_000_001)
    scope = bulk_scope.Scope(desk_id=firm.momentum.pk)
    preview = previews.of_scope(user=firm.head, actor=firm.actor(firm.head), scope=scope)
    client = sign_in(firm.head)
    age(client, sessions.FRESH, by=301)
    address, typed = url("orders_preview_confirm", preview.pk), {"typed": "Momentum"}
    assert client.post(address, typed).url.startswith(url("confirm_yourself"))
    assert not CancelJob.objects.exists()
    client.post(url("confirm_yourself"), {"password": PASSWORD})
    client.post(address, typed)
    assert CancelJob.objects.count() == 1


def test_an_export_asks_for_a_fresh_proof(firm):
    client = sign_in(firm.auditor)
    age(client, sessions.FRESH, by=301)
    assert client.post(url("orders_export_ask")).url.startswith(url("confirm_yourself"))
    assert not Export.objects.exists()
    client.post(url("confirm_yourself"), {"password": PASSWORD})
    client.post(url("orders_export_ask"))
    assert Export.objects.count() == 1


def test_a_found_session_does_not_serve_to_guess_the_password(firm):
    client = sign_in(firm.operator)
    age(client, sessions.FRESH, by=301)
    form = {"old_password": PASSWORD, "new_password1": "another long one"}
    answer = client.post(url("password_change"), form | {"new_password2": "another long one"})
    assert answer.url.startswith(url("confirm_yourself"))
    assert get_user_model().objects.get(username="olivia").check_password(PASSWORD)


def test_guesses_of_the_old_password_are_throttled_and_recorded_like_any_other(firm):
    client = sign_in(firm.operator)
    new = {"new_password1": "another long one", "new_password2": "another long one"}
    answers = [
        client.post(url("password_change"), new | {"old_password": guess})
        for guess in [f"guess {n}" for n in range(5)] + [PASSWORD] * 3
    ]
    assert "Try again in" not in answers[4].content.decode()
    for answer in answers[5:]:
        assert "Try again in 10 minutes" in answer.content.decode()
    assert get_user_model().objects.get(username="olivia").check_password(PASSWORD)
    failed = AuditRecord.objects.filter(event=Event.LOGIN_FAILED, data__contains="old password")
    assert failed.count() == 6  # the refused ones once a minute


def test_a_new_password_of_ones_own_is_recorded_without_it(firm):
    client, new = sign_in(firm.operator), "another long one"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post(url("password_change"), form).url == url("password_change_done")
    assert get_user_model().objects.get(username="olivia").check_password(new)
    record = AuditRecord.objects.filter(event=Event.USER_CHANGED).first()
    assert record.operator == firm.operator
    assert "password" in record.data
    assert new not in record.data
    assert is_in(client)


def test_nobody_waits_while_a_new_password_is_hashed(committing_firm, monkeypatch):
    """It takes most of a second, and in a transaction no sender could record anything meanwhile."""
    held = []

    def hashed(password):
        held.append(connection.in_atomic_block)
        return make_password(password)

    client, new = sign_in(committing_firm.operator), "another long one"
    monkeypatch.setattr("django.contrib.auth.base_user.make_password", hashed)
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post(url("password_change"), form).url == url("password_change_done")
    assert held == [False]


@pytest.mark.parametrize("act", ["confirm", "sync", "anew"])
def test_a_form_sent_without_a_session_leads_back_to_its_page(firm, act):
    known_order(firm.account, 1)
    scope = bulk_scope.Scope(desk_id=firm.momentum.pk)
    preview = previews.of_scope(user=firm.head, actor=firm.actor(firm.head), scope=scope)
    wanted = form_leads_to(url(f"orders_preview_{act}", preview.pk))
    assert wanted == url("orders_preview_change", preview.pk)
    assert signed_in(firm.head).get(wanted).status_code == 200
    assert not CancelJob.objects.exists()


def form_leads_to(address, **headers):
    """The page to which one is led after signing in, where this form came without a session."""
    led = Client().post(address, {"reason": "x"}, headers=headers)
    assert led.url.startswith("/admin/login/?next=")
    return led.url.partition("next=")[2]


def test_a_form_sent_without_a_session_leads_to_the_page_it_came_from_or_the_overview(firm):
    listed = f"http://testserver{url('orders_order_changelist')}"
    cancel = url("orders_order_cancel_selected")
    assert form_leads_to(cancel, Referer=listed) == url("orders_order_changelist")
    assert form_leads_to(cancel, Referer="http://elsewhere.example/x") == url("index")
    assert form_leads_to(cancel) == url("orders_order_changelist")
    assert form_leads_to("/admin/no/such/page/") == url("index")


def test_a_form_sent_in_a_session_that_is_over_leads_back_to_its_page(firm, settings):
    client = sign_in(firm.operator)
    age(client, sessions.SEEN, by=settings.SESSION_IDLE_MINUTES * 60 + 1)
    led = client.post(url("orders_order_cancel_selected"), {"ids": "1"})
    assert led.url == f"/admin/login/?next={url('orders_order_changelist')}"

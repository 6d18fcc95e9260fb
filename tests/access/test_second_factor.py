"""A stolen password is not enough: second factors, and that no address leads around them."""

import base64
import time
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from orders.access import second_factor
from orders.audit import log
from orders.models import AuditRecord, Cancel, RecoveryCode, Role, SecondFactor
from tests.authz.addresses import addresses, plain
from tests.helpers.authenticator import Authenticator, enrolled, is_in, secret_on, sign_in
from tests.helpers.firm import PASSWORD
from tests.helpers.passkeys import enrolled_passkey
from tests.helpers.screens import click, known_order, page, url

pytestmark = pytest.mark.django_db


@pytest.fixture
def required(settings):
    settings.SECOND_FACTOR_REQUIRED = True


def enrol_by_page(client):
    """Set a second factor up as a person does; the authenticator and the last answer."""
    device = Authenticator(secret_on(page(client, "enrol_second_factor")))
    return device, client.post(url("enrol_second_factor"), {"code": device.code()})


@pytest.mark.parametrize("person", ["operator", "head", "auditor", "administrator"])
def test_whoever_may_do_more_than_look_must_set_one_up_first(firm, required, person):
    client = sign_in(getattr(firm, person))
    assert not is_in(client)
    assert client.get(url("index")).url.startswith(url("enrol_second_factor"))
    _, answer = enrol_by_page(client)
    assert len(RecoveryCode.objects.all()) == second_factor.RECOVERY_CODES
    assert "Recovery codes" in answer.content.decode()
    assert is_in(client)


def test_a_viewer_needs_none(firm, required):
    assert is_in(sign_in(firm.viewer))


def test_where_it_is_not_required_only_the_enrolled_are_asked(firm, settings):
    settings.SECOND_FACTOR_REQUIRED = False
    assert is_in(sign_in(firm.operator))
    enrolled(firm.operator)
    assert not is_in(sign_in(firm.operator))
    assert is_in(sign_in(firm.head))


def test_no_address_leads_around_the_second_factor(firm, required):
    enrolled(firm.head)
    client = sign_in(firm.head)
    order = known_order(firm.account, 71_000_000_001)
    names = ("login", "logout", "confirm_yourself", "second_factor", "enrol_second_factor")
    passkeys = ("passkey_options", "enrol_passkey", "enrol_passkey_options")  # test_passkeys.py
    others = ("single_sign_on", "single_sign_on_back")  # test_single_sign_on.py
    others += ("passkey_entry", "passkey_entry_options")  # test_passkey_entry.py
    open_doors = {url(name) for name in names + passkeys + others}
    tried = 0
    for _, route in addresses():
        address = "/" + plain(route).replace("<object_id>", str(order.pk))
        address = address.replace("<app_label>", "orders")
        if address in open_doors or address == "/":
            continue
        answer = client.get(address)
        assert answer.status_code == 302, address
        assert urlsplit(answer.url).path == url("second_factor"), address
        assert client.post(address, {"action": "cancel_selected"}).status_code == 403, address
        tried += 1
    assert tried > 40
    click(client, order)
    assert not Cancel.objects.exists()


def test_the_password_once_more_is_no_second_factor(firm, required):
    enrolled(firm.head)
    client = sign_in(firm.head)
    assert client.post(url("confirm_yourself"), {"password": PASSWORD}).status_code == 422
    assert not is_in(client)


def test_the_right_code_opens_the_door_and_leads_on(firm, required):
    device, _ = enrolled(firm.operator)
    client = sign_in(firm.operator)
    wanted = url("orders_order_changelist")
    asked = client.get(wanted)
    query = parse_qs(urlsplit(asked.url).query)
    answer = client.post(url("second_factor"), {"code": device.code(), "next": query["next"][0]})
    assert answer.url == wanted
    assert is_in(client)


@pytest.mark.parametrize("there", ["https://example.com/", "//example.com", "javascript:alert(1)"])
def test_the_door_leads_to_this_site_only(firm, required, there):
    device, _ = enrolled(firm.operator)
    client = sign_in(firm.operator)
    answer = client.post(url("second_factor"), {"code": device.code(), "next": there})
    assert answer.url == url("index")


@pytest.mark.parametrize("code", ["000000", "", "12345", "abcdef", "１２３４５６", "\0", "9" * 40])
def test_a_wrong_code_opens_nothing(firm, required, code):
    device, _ = enrolled(firm.operator)
    client = sign_in(firm.operator)
    if code != device.code():
        assert client.post(url("second_factor"), {"code": code}).status_code == 422
    assert not is_in(client)


def test_a_code_is_good_once(firm):
    device, _ = enrolled(firm.operator)
    code = device.code()
    assert second_factor.is_right(user=firm.operator, code=code)
    assert not second_factor.is_right(user=firm.operator, code=code)
    assert not second_factor.is_right(user=firm.operator, code=device.code(-1))


def test_the_enrolling_code_is_used_up_too(firm, required):
    first, second = sign_in(firm.operator), Client(REMOTE_ADDR="198.51.100.7")
    code = Authenticator(secret_on(page(first, "enrol_second_factor"))).code()
    assert first.post(url("enrol_second_factor"), {"code": code}).status_code == 200
    sign_in(firm.operator, client=second)
    assert second.post(url("second_factor"), {"code": code}).status_code == 422


def test_a_recovery_code_is_good_once_and_for_its_owner_alone(firm, required):
    _, codes = enrolled(firm.operator)
    enrolled(firm.head)
    assert not second_factor.is_right(user=firm.head, code=codes[0])
    assert second_factor.is_right(user=firm.operator, code=codes[0].upper())
    assert not second_factor.is_right(user=firm.operator, code=codes[0])
    assert second_factor.codes_left(user=firm.operator) == second_factor.RECOVERY_CODES - 1


def test_a_copied_database_holds_neither_secret_nor_code(firm):
    secret, begun = second_factor.begin(user=firm.operator)
    about = {"user": firm.operator, "begun": begun, "actor": log.Actor()}
    codes = second_factor.confirm(code=Authenticator(secret).code(), **about)
    sealed = bytes(SecondFactor.objects.get().sealed_secret)
    assert base64.b32decode(secret) not in sealed
    kept = set(RecoveryCode.objects.values_list("code_hash", flat=True))
    assert not kept & {*codes, *(code.replace("-", "") for code in codes)}


def test_a_factor_sealed_for_another_person_is_nobodys(firm):
    device, _ = enrolled(firm.operator)
    enrolled(firm.head)
    sealed = SecondFactor.objects.get(user=firm.operator).sealed_secret
    SecondFactor.objects.filter(user=firm.head).update(sealed_secret=sealed, last_step=0)
    assert not second_factor.is_right(user=firm.head, code=device.code())


def test_an_enrolled_factor_is_not_shown_or_replaced(firm, required):
    enrolled(firm.operator)
    client = sign_in(firm.operator)
    assert client.get(url("enrol_second_factor")).url == url("second_factor")
    secret, begun = second_factor.begin(user=firm.operator)
    about = {"user": firm.operator, "begun": begun, "actor": log.Actor()}
    with pytest.raises(second_factor.WrongCode):
        second_factor.confirm(code=Authenticator(secret).code(), **about)


def test_a_stale_session_is_not_shown_a_new_secret(firm):
    client = sign_in(firm.operator)
    session = client.session
    session["desk_fresh_at"] -= 301
    session.save()
    assert client.get(url("enrol_second_factor")).url.startswith(url("confirm_yourself"))


def test_a_lost_device_is_reset_from_the_terminal_on_the_record(firm, run, required):
    enrolled(firm.operator)
    client = sign_in(firm.operator)
    code, said, _ = run("reset_second_factor", "olivia")
    assert (code, "forgotten" in said) == (0, True)
    assert "second factor" in AuditRecord.objects.first().data
    assert not is_in(client)
    assert client.get(url("enrol_second_factor")).status_code == 302  # its session is over
    enrol_by_page(sign_in(firm.operator))
    assert RecoveryCode.objects.count() == second_factor.RECOVERY_CODES


def test_setting_one_up_is_a_record(firm):
    enrolled(firm.operator)
    record = AuditRecord.objects.first()
    assert (record.event, "enrolled" in record.data) == ("user_changed", True)


def test_recovery_codes_stand_in_for_nothing_where_there_is_no_factor(firm):
    _, codes = enrolled(firm.operator)
    SecondFactor.objects.all().delete()  # behind our back: the codes are left
    assert not second_factor.is_right(user=firm.operator, code=codes[0])


def test_what_is_turned_off_leaves_no_recovery_code(firm):
    enrolled(firm.operator)
    second_factor.reset(user=firm.operator, actor=log.Actor())
    assert not RecoveryCode.objects.exists()


def test_a_session_of_before_the_factor_does_not_come_back_once_it_is_off(firm):
    """What it stood on is as it was before; nobody asked for anything in it meanwhile."""
    client = sign_in(firm.operator)
    enrolled(firm.operator)
    second_factor.reset(user=firm.operator, actor=log.Actor())
    assert not is_in(client)


@pytest.mark.parametrize("enrol", [enrolled, enrolled_passkey])
def test_a_factor_counts_from_when_it_was_set_up(firm, enrol):
    before = timezone.now() - timedelta(minutes=1)
    enrol(firm.operator)
    assert second_factor.is_enrolled(firm.operator)
    assert second_factor.is_enrolled(firm.operator, since=timezone.now())
    assert not second_factor.is_enrolled(firm.operator, since=before)


@pytest.mark.parametrize(("ahead", "is_taken"), [(3, False), (10_000, True)])
def test_a_step_of_a_clock_that_was_far_ahead_keeps_nobody_out(firm, ahead, is_taken):
    """One a little ahead is a code that was used; one of hours ahead is of another clock."""
    device, _ = enrolled(firm.operator)
    SecondFactor.objects.update(last_step=int(time.time()) // 30 + ahead)
    assert second_factor.is_right(user=firm.operator, code=device.code()) == is_taken


def test_wrong_codes_are_throttled_and_recorded(firm, required):
    device, _ = enrolled(firm.operator)
    client = sign_in(firm.operator)
    for _ in range(6):
        answer = client.post(url("second_factor"), {"code": "000000"})
    assert "Try again in" in answer.content.decode()
    answer = client.post(url("second_factor"), {"code": device.code()})
    assert "Try again in" in answer.content.decode()
    assert AuditRecord.objects.filter(event="login_failed").count() == 6  # one says throttled


def test_a_person_who_becomes_an_operator_is_asked_from_then_on(firm, required):
    client = sign_in(firm.viewer)
    assert is_in(client)
    firm.viewer.memberships.update(role=Role.OPERATOR)
    assert not is_in(client)


def test_a_secret_begun_for_one_person_does_not_enrol_another(firm):
    secret, begun = second_factor.begin(user=firm.operator)
    about = {"user": firm.head, "begun": begun, "actor": log.Actor()}
    with pytest.raises(second_factor.WrongCode):
        second_factor.confirm(code=Authenticator(secret).code(), **about)


def test_looking_at_the_enrolment_page_twice_shows_one_secret_and_writes_no_row(firm, required):
    client = sign_in(firm.operator)
    first = secret_on(page(client, "enrol_second_factor"))
    assert secret_on(page(client, "enrol_second_factor")) == first
    assert not SecondFactor.objects.exists()
    assert first.replace(" ", "") not in str(dict(client.session.items()))

"""Passkeys: what proves who one is, what does not, and that nothing leads around them."""

import json
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.test import RequestFactory
from django.utils import timezone
from fido2 import cbor
from fido2.utils import websafe_decode, websafe_encode
from hypothesis import HealthCheck, given
from hypothesis import settings as how
from hypothesis import strategies as st

from orders.access import (
    four_eyes,
    passkey_requests,
    passkeys,
    people_by_sign_in,
    second_factor,
    second_factor_off,
    webauthn,
)
from orders.access.passkey_requests import CHALLENGE, NoSite
from orders.access.permissions import NotAllowed
from orders.audit import log, sentences
from orders.models import Alert, AlertKind, AuditRecord, Event, Passkey, Proposal, RecoveryCode
from orders.operations.alerts import watch
from tests.helpers.authenticator import enrolled, is_in, sign_in
from tests.helpers.engines import examples
from tests.helpers.passkeys import (
    CHALLENGE as ASKED,
)
from tests.helpers.passkeys import (
    FLAG,
    HERE,
    Device,
    asked,
    enrol_by_page,
    enrolled_passkey,
    give,
)
from tests.helpers.screens import page, url

pytestmark = [pytest.mark.django_db, pytest.mark.once]
ELSEWHERE = webauthn.Site("evil.example", "https://evil.example")


@pytest.fixture
def required(settings):
    settings.SECOND_FACTOR_REQUIRED = True


def prove(person, answer, *, challenge=ASKED, site=HERE):
    words = answer if isinstance(answer, str) else json.dumps(answer)
    passkeys.prove(user=person, site=site, challenge=challenge, answer=words)


def last(event):
    return AuditRecord.objects.filter(event=event).first()


# --- Proofs -------------------------------------------------------------------------------------


def test_a_passkey_proves_who_one_is_and_says_when(firm):
    device = enrolled_passkey(firm.operator)
    prove(firm.operator, device.sign())
    assert Passkey.objects.get().last_used_at is not None


WRONG = {
    "another origin": {"site": webauthn.Site("localhost", "http://localhost:9000")},
    "another scheme": {"site": webauthn.Site("localhost", "https://localhost")},
    "another host": {"site": webauthn.Site("evil.example", HERE.origin)},
    "nobody was verified": {"flags": FLAG.UP},
    "nobody was there": {"flags": FLAG.UV},
    "another challenge": {"challenge": b"d" * 32},
    "within another site's page": {"cross_origin": True},
}


@pytest.mark.parametrize("how", WRONG.values(), ids=WRONG)
def test_a_proof_that_is_not_what_was_asked_for_is_refused(firm, how):
    device = enrolled_passkey(firm.operator)
    with pytest.raises(passkeys.Refused):
        prove(firm.operator, device.sign(**how))
    assert Passkey.objects.get().last_used_at is None


@pytest.mark.parametrize("how", WRONG.values(), ids=WRONG)
def test_a_passkey_made_otherwise_than_asked_for_is_not_enrolled(firm, how):
    made = json.dumps(Device().create(**how))
    with pytest.raises(passkeys.Refused):
        passkeys.enrol(
            user=firm.operator,
            site=HERE,
            challenge=ASKED,
            name="laptop",
            answer=made,
            actor=log.Actor(),
        )
    assert not Passkey.objects.exists()


def test_an_enrolment_is_no_proof_and_a_proof_no_enrolment(firm):
    device = enrolled_passkey(firm.operator)
    made, signed = device.create(), device.sign()
    made["response"] |= {"authenticatorData": signed["response"]["authenticatorData"]}
    made["response"] |= {"signature": signed["response"]["signature"]}
    with pytest.raises(passkeys.Refused):
        prove(firm.operator, made)


def test_another_key_under_the_same_id_is_refused(firm):
    device, thief = enrolled_passkey(firm.operator), Device()
    thief.id = device.id
    with pytest.raises(passkeys.Refused):
        prove(firm.operator, thief.sign())


def test_another_persons_passkey_is_refused(firm):
    enrolled_passkey(firm.operator)
    device = enrolled_passkey(firm.head)
    with pytest.raises(passkeys.Refused):
        prove(firm.operator, device.sign())
    prove(firm.head, device.sign())


def test_each_of_two_passkeys_proves_and_a_removed_one_does_not(firm):
    first, second = (enrolled_passkey(firm.operator, name) for name in ("laptop", "phone"))
    prove(firm.operator, first.sign())
    prove(firm.operator, second.sign())
    remove(firm.operator, "laptop")
    with pytest.raises(passkeys.Refused):
        prove(firm.operator, first.sign())
    prove(firm.operator, second.sign())


@pytest.mark.parametrize("counter", [1, 0, 7])
def test_a_counter_that_does_not_grow_is_refused_recorded_and_said(firm, counter):
    device = enrolled_passkey(firm.operator, device=Device(counter=6))
    client = sign_in(firm.operator)
    device.counter = counter - 1
    answer = give(client, device)
    assert answer.status_code == 422
    assert "there may be a copy of it" in " ".join(answer.content.decode().split())
    said = sentences.of_record(last(Event.LOGIN_FAILED))
    assert "failed at the passkey “laptop”, whose counter did not grow: it may be copied" in said
    assert not is_in(client)
    assert Passkey.objects.get().sign_count == 7


def test_a_key_that_may_be_copied_is_alarmed_for_a_day(firm):
    device = enrolled_passkey(firm.operator, device=Device(counter=6))
    device.counter = 1
    for _ in range(2):
        with pytest.raises(passkeys.Refused):
            prove(firm.operator, device.sign())
    alarms = Alert.objects.filter(kind=AlertKind.COPIED_PASSKEY)
    assert "Passkey “laptop” of olivia was refused" in alarms.get().said
    now = timezone.now()
    watch.watch(now)  # told
    watch.watch(now + timedelta(hours=23))
    assert alarms.get().over_at is None
    watch.watch(now + timedelta(hours=25))
    assert alarms.get().over_at is not None


def test_a_counter_that_grows_is_kept(firm):
    device = enrolled_passkey(firm.operator, device=Device(counter=6))
    device.counter += 5
    prove(firm.operator, device.sign())
    assert Passkey.objects.get().sign_count == 13


def test_of_two_with_one_counter_one_is_taken(firm):
    """A copy that comes at the same moment read the same counter; the UPDATE decides."""
    device = enrolled_passkey(firm.operator, device=Device(counter=1))
    signed = device.sign()
    prove(firm.operator, signed)
    with pytest.raises(passkeys.Refused, match="copy"):
        prove(firm.operator, signed)


def test_an_authenticator_without_a_counter_is_taken_each_time(firm):
    device = enrolled_passkey(firm.operator)
    for _ in range(2):
        prove(firm.operator, device.sign())
    assert Passkey.objects.get().sign_count == 0


# --- Challenges ---------------------------------------------------------------------------------


def test_a_challenge_is_good_once(firm):
    device, client = enrolled_passkey(firm.operator), sign_in(firm.operator)
    signed = json.dumps(device.sign(asked(client)))
    form = {"passkey": signed}
    assert client.post(url("second_factor"), form, HTTP_HOST="localhost").status_code == 302
    answer = client.post(url("confirm_yourself"), form, HTTP_HOST="localhost")
    assert answer.status_code == 422
    assert "answered before" in answer.content.decode()


def test_of_two_requests_that_answer_one_challenge_one_finds_it(firm):
    client = sign_in(firm.operator)
    enrolled_passkey(firm.operator)
    client = sign_in(firm.operator)
    asked(client)
    both = [session_request(client) for _ in range(2)]
    found = [passkey_requests.take_challenge(one, passkey_requests.Purpose.PROVE) for one in both]
    assert [one is not None for one in found] == [True, False]


def session_request(client):
    """A request of this browser that has read its session already."""
    request = RequestFactory().post("/")
    request.session = client.session
    request.session.get(CHALLENGE)
    return request


@pytest.mark.parametrize(("age_s", "status"), [(305, 422), (200, 302), (-60, 422)])
def test_a_challenge_expires_in_minutes(firm, age_s, status):
    """One of the future was made before the clock was set back: nobody knows how old it is."""
    device, client = enrolled_passkey(firm.operator), sign_in(firm.operator)
    challenge, session = asked(client), client.session
    purpose, words, at = session[CHALLENGE]
    session[CHALLENGE] = [purpose, words, at - age_s]
    session.save()
    form = {"passkey": json.dumps(device.sign(challenge))}
    assert client.post(url("second_factor"), form, HTTP_HOST="localhost").status_code == status


def test_a_challenge_belongs_to_its_session(firm):
    device = enrolled_passkey(firm.operator)
    first, second = sign_in(firm.operator), sign_in(firm.operator)
    challenge = asked(first)
    assert give(second, device, challenge=challenge).status_code == 422
    assert not is_in(second)


def test_of_two_sessions_of_one_person_each_finds_its_own(firm):
    enrolled_passkey(firm.operator)
    clients = [sign_in(firm.operator) for _ in range(3)]
    challenges = [asked(client) for client in clients]
    prove_it = passkey_requests.Purpose.PROVE
    found = [passkey_requests.take_challenge(session_request(c), prove_it) for c in clients]
    assert found == challenges


def test_a_challenge_of_an_enrolment_is_none_of_a_proof(firm):
    device, client = enrolled_passkey(firm.operator), sign_in(firm.operator)
    give(client, device)
    asked_to_enrol = client.post(url("enrol_passkey_options"), HTTP_HOST="localhost")
    challenge = websafe_decode(asked_to_enrol.json()["publicKey"]["challenge"])
    form = {"passkey": json.dumps(device.sign(challenge))}
    answer = client.post(url("confirm_yourself"), form, HTTP_HOST="localhost")
    assert answer.status_code == 422


# --- The site -----------------------------------------------------------------------------------


def site(host="desk.example", origin=None, scheme="https", **meta):
    meta |= {"HTTP_ORIGIN": origin} if origin else {}
    meta |= {"wsgi.url_scheme": scheme, "HTTP_HOST": host}
    return passkey_requests.site_of(RequestFactory().post("/", **meta))


@pytest.fixture
def desk_example(settings):
    settings.ALLOWED_HOSTS = ["desk.example", "127.0.0.1", "localhost", "10.0.0.1"]


def test_the_site_is_the_requests_own_host(desk_example):
    assert site() == webauthn.Site("desk.example", "https://desk.example")
    assert site("desk.example:8443").origin == "https://desk.example:8443"
    assert site(origin="https://evil.example").host == "desk.example"
    assert site("localhost:8000", scheme="http").origin == "http://localhost:8000"


def test_an_origin_that_is_trusted_is_the_site_where_a_proxy_changes_the_host(
    desk_example, settings
):
    settings.CSRF_TRUSTED_ORIGINS = ["https://desk.example", "https://*.example.org"]
    assert site("127.0.0.1:8000", "https://desk.example", "http").host == "desk.example"
    for origin in ("https://x.example.org", "https://*.example.org", "https://evil.example"):
        with pytest.raises(NoSite):
            site("127.0.0.1:8000", origin, "http")


@pytest.mark.parametrize("is_trusted", [True, False])
def test_the_scheme_is_a_proxys_where_it_is_trusted(desk_example, settings, is_trusted):
    proto = ("HTTP_X_FORWARDED_PROTO", "https")  # as TRUST_PROXY_HEADERS sets it
    settings.SECURE_PROXY_SSL_HEADER = proto if is_trusted else None
    if is_trusted:
        assert site(scheme="http", HTTP_X_FORWARDED_PROTO="https").origin == "https://desk.example"
        return
    with pytest.raises(NoSite):
        site(scheme="http", HTTP_X_FORWARDED_PROTO="https")


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "10.0.0.1"])
def test_a_number_is_no_site(desk_example, host):
    with pytest.raises(NoSite, match="by its name"):
        site(host)


def test_pages_over_plain_http_are_told_why(firm, settings):
    settings.ALLOWED_HOSTS = ["desk.example", "testserver"]
    enrolled_passkey(firm.operator)
    client = sign_in(firm.operator)
    answer = client.post(url("passkey_options"), HTTP_HOST="desk.example")
    assert answer.status_code == 422
    assert "HTTPS" in answer.json()["refused"]


# --- Signing in ---------------------------------------------------------------------------------


def test_the_second_step_takes_a_passkey_and_records_it(firm, required):
    device, client = enrolled_passkey(firm.operator), sign_in(firm.operator)
    assert client.get(url("index")).url.startswith(url("second_factor"))
    assert "Use a passkey" in page(client, "second_factor")
    before = client.session.session_key
    assert give(client, device).url == url("index")
    assert client.session.session_key != before
    assert is_in(client)
    assert last(Event.LOGIN).outcome == "verified"


def test_whichever_is_enrolled_is_offered(firm):
    enrolled_passkey(firm.operator)
    enrolled(firm.head)
    enrolled_passkey(firm.auditor)
    enrolled(firm.auditor)
    said = [page(sign_in(one), "second_factor") for one in (firm.operator, firm.head, firm.auditor)]
    assert ["Use a passkey" in one for one in said] == [True, False, True]
    assert ["six digits" in one for one in said] == [False, True, True]


def test_app_and_passkey_open_the_same_door(firm):
    device = enrolled_passkey(firm.operator)
    app, codes = enrolled(firm.operator)
    assert codes == []  # those of the first factor go on
    client = sign_in(firm.operator)
    client.post(url("second_factor"), {"code": app.code()})
    assert is_in(client)
    client = sign_in(firm.operator)
    give(client, device)
    assert is_in(client)


def test_wrong_passkeys_are_throttled_and_recorded_like_codes(firm):
    enrolled_passkey(firm.operator)
    client, other = sign_in(firm.operator), Device()
    for _ in range(6):
        answer = give(client, other)
    assert "Try again in" in answer.content.decode()
    failed = AuditRecord.objects.filter(event=Event.LOGIN_FAILED, data__contains="passkey")
    assert failed.count() == 6
    app = client.post(url("second_factor"), {"code": "123456"})
    assert "Try again in" in app.content.decode()


def test_the_fresh_proof_may_be_a_passkey_and_not_the_password(firm):
    device, client = enrolled_passkey(firm.head), sign_in(firm.head)
    give(client, device)
    session = client.session
    session["desk_fresh_at"] -= 301
    session.save()
    assert client.get(url("orders_agentwallet_add")).url.startswith(url("confirm_yourself"))
    assert give(client, device, name="confirm_yourself").url == url("index")
    assert client.get(url("orders_agentwallet_add")).status_code == 200


def test_a_recovery_code_stands_in_for_a_lost_passkey(firm, required):
    client = sign_in(firm.operator)
    enrol_by_page(client, Device())
    codes = second_factor.renew_codes(user=firm.operator, actor=log.Actor())
    client = sign_in(firm.operator)
    assert client.post(url("second_factor"), {"code": "123456"}).status_code == 422
    assert client.post(url("second_factor"), {"code": codes[0]}).status_code == 302
    assert is_in(client)


# --- Enrolling ----------------------------------------------------------------------------------


def test_the_first_passkey_gives_recovery_codes_and_opens_the_door(firm, required):
    client, other = sign_in(firm.operator), sign_in(firm.operator)
    assert "Use a passkey instead" in page(client, "enrol_second_factor")
    answer = enrol_by_page(client, Device())
    assert "Recovery codes" in answer.content.decode()
    assert RecoveryCode.objects.count() == second_factor.RECOVERY_CODES
    assert is_in(client)
    assert not is_in(other)
    assert sentences.data_of(last(Event.USER_CHANGED))["changed"] == {"passkey": ["none", "laptop"]}


def test_a_second_passkey_keeps_the_codes_and_ends_other_sessions(firm):
    device = Device()
    client = sign_in(firm.operator)
    enrol_by_page(client, device)
    codes = set(RecoveryCode.objects.values_list("code_hash", flat=True))
    other = sign_in(firm.operator)
    give(other, device)
    assert is_in(other)
    answer = enrol_by_page(client, Device(), "phone")
    assert answer.url == url("own_second_factor")
    assert set(RecoveryCode.objects.values_list("code_hash", flat=True)) == codes
    assert is_in(client)
    assert not is_in(other)


@pytest.mark.parametrize("first", ["app", "passkey"])
def test_a_password_alone_adds_no_factor_to_somebodys_others(firm, required, first):
    """Whoever has the password would add a key of their own, and be in."""
    enrolled(firm.operator) if first == "app" else enrolled_passkey(firm.operator)
    client = sign_in(firm.operator)
    _, begun = second_factor.begin(user=firm.operator)
    session = client.session
    session["desk_begun_factor"] = begun
    session.save()
    assert client.get(url("enrol_passkey")).url == url("second_factor")
    assert client.get(url("enrol_second_factor")).url == url("second_factor")
    options = client.post(url("enrol_passkey_options"), HTTP_HOST="localhost")
    assert options.status_code == 403
    factors = second_factor.devices(firm.operator)
    made = {"name": "mine", "passkey": json.dumps(Device().create())}
    client.post(url("enrol_passkey"), made, HTTP_HOST="localhost")
    client.post(url("enrol_second_factor"), {"code": "123456"})
    assert second_factor.devices(firm.operator) == factors


def test_another_factor_asks_for_a_fresh_proof(firm):
    device, client = enrolled_passkey(firm.operator), sign_in(firm.operator)
    give(client, device)
    session = client.session
    session["desk_fresh_at"] -= 301
    session.save()
    for name in ("enrol_passkey", "enrol_passkey_options", "enrol_second_factor"):
        answer = client.post(url(name), {"name": "x", "passkey": "{}", "code": "1"})
        assert answer.url.startswith(url("confirm_yourself")), name
    assert Passkey.objects.count() == 1


def test_who_owes_a_factor_and_waited_too_long_is_led_round_in_no_circle(firm, required):
    client = sign_in(firm.operator)
    session = client.session
    session["desk_fresh_at"] -= 301
    session.save()
    answer = client.get(url("enrol_second_factor"), follow=True)
    assert answer.redirect_chain[-1][0].startswith(url("confirm_yourself"))
    assert "Your password once more" in answer.content.decode()


def test_a_person_has_ten_at_most_each_of_its_own_name(firm):
    for n in range(passkeys.MAX_PASSKEYS):
        enrolled_passkey(firm.operator, f"key {n}")
    with pytest.raises(passkeys.Refused, match="10 passkeys already"):
        enrolled_passkey(firm.operator, "one more")
    about = {"user": firm.operator, "site": HERE, "challenge": ASKED}
    with pytest.raises(passkeys.Refused, match="10 passkeys already"):
        passkeys.creation_options(**about)
    client = sign_in(firm.administrator)
    enrol_by_page(client, Device(), "laptop")
    assert "of that name" in enrol_by_page(client, Device(), " laptop ").content.decode()


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\u202eb", "a\0b"])
def test_a_name_that_cannot_be_read_is_refused(firm, name):
    client = sign_in(firm.operator)
    assert enrol_by_page(client, Device(), name).status_code == 422
    assert not Passkey.objects.exists()


def test_what_may_be_a_first_factor_alone_is_none_where_there_is_one(firm):
    """Under the lock, whatever was looked at before."""
    enrolled(firm.operator)
    about = {"user": firm.operator, "site": HERE, "challenge": ASKED, "actor": log.Actor()}
    answer = json.dumps(Device().create())
    with pytest.raises(passkeys.Refused, match="set up meanwhile"):
        passkeys.enrol(name="x", answer=answer, is_first_only=True, **about)
    assert not Passkey.objects.exists()


def test_a_device_is_enrolled_once_and_for_one_person(firm):
    device = enrolled_passkey(firm.operator)
    for person, name in ((firm.operator, "again"), (firm.head, "mine")):
        with pytest.raises(passkeys.Refused, match="set up already"):
            enrolled_passkey(person, name, device=device)
    assert Passkey.objects.count() == 1


def test_the_browser_is_told_to_verify_to_attest_nothing_and_whom_it_knows(firm):
    device, client = enrolled_passkey(firm.operator), sign_in(firm.operator)
    give(client, device)
    asked_for = client.post(url("enrol_passkey_options"), HTTP_HOST="localhost:8000").json()
    made = asked_for["publicKey"]
    assert made["authenticatorSelection"]["userVerification"] == "required"
    assert made["attestation"] == "none"
    assert made["authenticatorSelection"]["residentKey"] == "preferred"
    assert [one["alg"] for one in made["pubKeyCredParams"]] == [-7, -8, -257]
    assert made["rp"]["id"] == "localhost"
    assert [websafe_decode(one["id"]) for one in made["excludeCredentials"]] == [device.id]
    proof = client.post(url("passkey_options"), HTTP_HOST="localhost").json()["publicKey"]
    assert proof["userVerification"] == "required"
    assert [websafe_decode(one["id"]) for one in proof["allowCredentials"]] == [device.id]


# --- Removing -----------------------------------------------------------------------------------


def remove(person, name, *, may_be_last=True):
    pk = Passkey.objects.get(user=person, name=name).pk
    about = {"user": person, "passkey_id": pk, "actor": log.Actor(person.pk, person.username)}
    return passkeys.remove(may_be_last=may_be_last, **about)


def test_removing_one_of_several_is_recorded_and_ends_other_sessions(firm):
    first, _ = (enrolled_passkey(firm.operator, name) for name in ("laptop", "phone"))
    mine, other = sign_in(firm.operator), sign_in(firm.operator)
    give(mine, first)
    give(other, first)
    address = url("orders_passkey_remove", Passkey.objects.get(name="phone").pk)
    assert mine.post(address).url == url("own_second_factor")
    assert [one.name for one in Passkey.objects.all()] == ["laptop"]
    assert sentences.data_of(last(Event.USER_CHANGED))["changed"] == {"passkey": ["phone", "none"]}
    assert (is_in(mine), is_in(other)) == (True, False)


def test_anothers_passkey_is_not_removed_as_ones_own(firm):
    enrolled_passkey(firm.head)
    for name in ("laptop", "phone"):
        enrolled_passkey(firm.operator, name)
    theirs = Passkey.objects.get(user=firm.head)
    about = {"user": firm.operator, "actor": log.Actor(), "may_be_last": True}
    assert passkeys.remove(passkey_id=theirs.pk, **about) is None
    assert Passkey.objects.count() == 3


def test_one_passkey_in_the_place_of_another_ends_sessions_too(firm):
    """There are as many as before when the session is used again."""
    device = enrolled_passkey(firm.operator)
    enrolled_passkey(firm.operator, "phone")
    client = sign_in(firm.operator)
    give(client, device)
    assert is_in(client)
    remove(firm.operator, "phone")
    enrolled_passkey(firm.operator, "tablet")
    assert not is_in(client)


def test_an_app_beside_a_passkey_ends_other_sessions(firm):
    device, client = enrolled_passkey(firm.operator), sign_in(firm.operator)
    give(client, device)
    assert is_in(client)
    enrolled(firm.operator)
    assert not is_in(client)


def test_removing_asks_for_a_fresh_proof(firm):
    device, client = enrolled_passkey(firm.operator), sign_in(firm.operator)
    give(client, device)
    session = client.session
    session["desk_fresh_at"] -= 301
    session.save()
    answer = client.post(url("orders_passkey_remove", Passkey.objects.get().pk))
    assert answer.url.startswith(url("confirm_yourself"))
    assert Passkey.objects.exists()


def test_the_last_one_takes_codes_and_sessions_along_and_leads_to_a_new_enrolment(firm, required):
    device, client = enrolled_passkey(firm.operator), sign_in(firm.operator)
    give(client, device)
    client.post(url("orders_passkey_remove", Passkey.objects.get().pk))
    assert not is_in(client)
    assert not RecoveryCode.objects.exists()
    client = sign_in(firm.operator)
    assert client.get(url("index")).url.startswith(url("enrol_second_factor"))


@pytest.mark.parametrize("person", ["head", "stranger", "viewer"])
def test_nobody_but_an_administrator_removes_anothers(firm, person):
    enrolled_passkey(firm.operator)
    client = sign_in(getattr(firm, person))
    answer = client.post(url("orders_passkey_remove", Passkey.objects.get().pk))
    assert answer.status_code == 404
    assert Passkey.objects.exists()
    assert last(Event.ACT_REFUSED) is not None
    shown = client.get(url("auth_user_second_factor", firm.operator.pk))
    assert shown.status_code == 403


def remove_by_administrator(firm, name="laptop"):
    client = sign_in(firm.administrator)
    pk = Passkey.objects.get(user=firm.operator, name=name).pk
    return client.post(url("orders_passkey_remove", pk), follow=True).content.decode()


def test_an_administrator_removes_one_and_the_person_is_out(firm):
    device = enrolled_passkey(firm.operator)
    client = sign_in(firm.operator)
    give(client, device)
    assert "is removed" in remove_by_administrator(firm)
    assert not Passkey.objects.exists()
    assert not is_in(client)
    record = last(Event.USER_CHANGED)
    assert record.operator_name == "admin"
    assert sentences.data_of(record)["changed"] == {"passkeys": ["laptop", "none"]}


def test_the_last_one_waits_for_a_second_person_where_the_desk_asks_one_of_several_does_not(firm):
    firm.momentum.needs_second_person = True
    firm.momentum.save()
    for name in ("laptop", "phone"):
        enrolled_passkey(firm.operator, name)
    assert "is removed" in remove_by_administrator(firm, "phone")
    assert "waits for a second person" in remove_by_administrator(firm, "laptop")
    assert Passkey.objects.get().name == "laptop"
    assert Proposal.objects.get().kind == "second_factor_off"


@pytest.mark.parametrize("person", ["head", "operator", "auditor", "stranger"])
def test_nobody_but_an_administrator_takes_a_factor_from_another(firm, person):
    user = getattr(firm, person)
    about = {"person": firm.viewer, "user": user, "actor": firm.actor(user)}
    enrolled_passkey(firm.viewer)
    pk = Passkey.objects.get().pk
    with pytest.raises(NotAllowed):
        second_factor_off.turn_off(**about)
    with pytest.raises(NotAllowed):
        second_factor_off.remove_passkey(passkey_id=pk, **about)
    assert Passkey.objects.exists()


def test_what_waits_is_void_once_a_passkey_was_added(firm, settings):
    settings.FOUR_EYES = True
    enrolled_passkey(firm.operator)
    actor = firm.actor(firm.administrator)
    with pytest.raises(four_eyes.Waits) as waits:
        second_factor_off.turn_off(person=firm.operator, user=firm.administrator, actor=actor)
    enrolled_passkey(firm.operator, "phone")
    proposal = waits.value.proposal
    assert four_eyes.state_hash(proposal) != proposal.state_sha256


def test_turning_the_second_factor_off_forgets_passkeys_too(firm, run, required):
    device = enrolled_passkey(firm.operator)
    enrolled(firm.operator)
    client = sign_in(firm.operator)
    give(client, device)
    _, said, _ = run("reset_second_factor", "olivia")
    assert "forgotten" in said
    assert not second_factor.is_enrolled(firm.operator)
    assert not is_in(client)
    assert sentences.data_of(last(Event.USER_CHANGED))["changed"] == {
        "passkeys": ["laptop", "none"],
        "second factor": ["enrolled", "none"],
    }


def test_a_passkey_is_a_second_factor_from_the_moment_of_its_enrolment(firm):
    enrolled_passkey(firm.operator)
    at = Passkey.objects.get().enrolled_at
    assert second_factor.is_enrolled(firm.operator, since=at)
    assert not second_factor.is_enrolled(firm.operator, since=at - timedelta(seconds=1))
    assert second_factor.is_asked_of(firm.operator)
    assert at <= timezone.now()


def test_the_list_of_people_knows_who_has_a_passkey(firm, required):
    enrolled_passkey(firm.operator)
    people = get_user_model().objects.filter
    names = {one.username for one in people(people_by_sign_in.has_factor())}
    assert names == {"olivia"}
    assert "olivia" not in {one.username for one in people(people_by_sign_in.lacks_factor())}


# --- What nobody's browser sends ----------------------------------------------------------------

ODD = ["", "{", "[]", "null", "7", '"x"', "{}", '{"rawId": 7}', '{"rawId": "x", "response": []}']
ODD += ["[" * 9_000, '{"rawId": "' + "A" * 40_000 + '"}', "\ud800", "1e999", "9" * 5_000]


@pytest.mark.parametrize("answer", ODD, ids=range(len(ODD)))
def test_what_cannot_be_read_is_refused_in_words(firm, answer):
    enrolled_passkey(firm.operator)
    with pytest.raises(passkeys.Refused):
        prove(firm.operator, answer)
    about = {"user": firm.head, "site": HERE, "challenge": ASKED, "actor": log.Actor()}
    with pytest.raises(passkeys.Refused):
        passkeys.enrol(name="x", answer=answer, **about)


@pytest.mark.parametrize("name", ["second_factor", "confirm_yourself", "enrol_passkey"])
@pytest.mark.parametrize("answer", ["{}", "[" * 9_000, "x" * 40_000, "\0"])
def test_pages_answer_what_cannot_be_read_with_a_sentence(firm, name, answer):
    device, client = enrolled_passkey(firm.operator), sign_in(firm.operator)
    if name == "enrol_passkey":
        give(client, device)
    client.post(url("enrol_passkey_options"), HTTP_HOST="localhost")
    form = {"passkey": answer, "name": "phone"}
    reply = client.post(url(name), form, HTTP_HOST="localhost")
    assert reply.status_code == 422
    assert 'role="alert"' in reply.content.decode()


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
JSONS = st.recursive(LEAVES, lambda one: st.lists(one) | st.dictionaries(st.text(), one))
FIELDS = ("clientDataJSON", "attestationObject", "authenticatorData", "signature")


@pytest.mark.parametrize("value", [7, [7], {"a": 7}, True])
@pytest.mark.parametrize("field", ["rawId", "id", *FIELDS])
@pytest.mark.parametrize("of", ["create", "sign"])
def test_a_field_that_is_no_text_is_refused_before_the_library_reads_it(field, value, of):
    answer = getattr(Device(), of)()
    (answer["response"] if field in FIELDS else answer)[field] = value
    with pytest.raises(webauthn.NotTrue, match="One of its fields is no text"):
        webauthn._read(json.dumps(answer))


@how(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    field=st.sampled_from(["rawId", "type", "response", *FIELDS]),
    value=JSONS | st.binary(max_size=400).map(lambda raw: websafe_encode(raw)),
    of=st.sampled_from(["create", "sign"]),
)
def test_any_field_may_be_anything(field, value, of):
    device = Device()
    answer = getattr(device, of)()
    (answer["response"] if field in FIELDS else answer)[field] = value
    public = {device.id: cbor.encode({1: 2, 3: -7, -1: 1, -2: b"x" * 32, -3: b"y" * 32})}
    text = json.dumps(answer)
    try:
        if of == "create":
            webauthn.new_key(HERE, challenge=ASKED, answer=text)
        else:
            webauthn.proven(HERE, challenge=ASKED, keys=public, answer=text)
    except webauthn.NotTrue:
        return


@how(max_examples=examples(300), deadline=None, suppress_health_check=list(HealthCheck))
@given(at=st.integers(0, 400), byte=st.integers(0, 255))
def test_a_changed_byte_of_a_new_passkey_is_refused_or_makes_a_key(at, byte):
    answer = Device().create()
    raw = bytearray(websafe_decode(answer["response"]["attestationObject"]))
    raw[at % len(raw)] = byte
    answer["response"]["attestationObject"] = websafe_encode(bytes(raw))
    try:
        made = webauthn.new_key(HERE, challenge=ASKED, answer=json.dumps(answer))
    except webauthn.NotTrue:
        return
    keys = {made.credential_id: made.public_key}
    with pytest.raises(webauthn.NotTrue):  # never anything else, whatever the key has become
        webauthn.proven(HERE, challenge=b"d" * 32, keys=keys, answer=json.dumps(Device().sign()))


@pytest.mark.parametrize("asks", [True, False])
def test_ones_own_last_factor_stays_where_turning_it_off_takes_a_second_person(firm, asks):
    firm.momentum.needs_second_person = asks
    firm.momentum.save()
    device, client = enrolled_passkey(firm.operator), sign_in(firm.operator)
    give(client, device)
    passkey = Passkey.objects.get()
    page = client.get(url("own_second_factor")).text
    assert (passkeys.LAST in page) == asks
    answer = client.post(url("orders_passkey_remove", passkey.pk), follow=True)
    assert Passkey.objects.exists() == asks
    assert (passkeys.LAST in answer.text) == asks
    if asks:  # of two, one may go
        enrolled_passkey(firm.operator, "another")
        client = sign_in(firm.operator)  # the change ended the session
        give(client, device)
        client.post(url("orders_passkey_remove", passkey.pk))
        assert not Passkey.objects.filter(pk=passkey.pk).exists()

"""Administrators' forms: every change is recorded with who, what, from and to."""

import re
from datetime import UTC, datetime

from django.contrib.auth import get_user_model

from orders.access import preferences
from orders.audit import sentences
from orders.models import Account, AuditRecord, Desk, Event, Membership
from tests.helpers.firm import PASSWORD
from tests.helpers.screens import folded, page, signed_in, url

User = get_user_model()


def memberships(*rows, initial=0):
    """The form fields of a person's desks."""
    form = {
        "memberships-TOTAL_FORMS": len(rows),
        "memberships-INITIAL_FORMS": initial,
        "memberships-MIN_NUM_FORMS": 0,
        "memberships-MAX_NUM_FORMS": 1000,
    }
    for n, row in enumerate(rows):
        form |= {f"memberships-{n}-{name}": value for name, value in row.items()}
    return form


def last(event):
    """The newest record of this event."""
    return AuditRecord.objects.filter(event=event).first()


def test_pages_of_people_speak_in_our_own_words(firm):
    administrator = signed_in(firm.administrator)
    texts = [
        page(administrator, "auth_user_changelist"),
        page(administrator, "auth_user_add"),
        page(administrator, "auth_user_change", firm.operator.pk),
    ]
    for text in texts:
        shown = re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", text)
        shown = shown.replace("verified_user", "")  # the name of an icon, which no reader is told
        for word in ("Authentication", "user", "Users", "add another", "continue editing", "salt"):
            assert word not in shown, word
    there = url("auth_user_password_change", firm.operator.pk)
    assert f'href="{there}">Set a new password' in texts[2]


def test_a_form_with_faults_says_that_nothing_was_saved(firm):
    answer = signed_in(firm.administrator).post(url("orders_desk_add"), {"name": ""})
    assert "Nothing was saved: see what is marked below." in folded(answer)
    assert "Please correct" not in folded(answer)


def test_adding_a_person_hashes_the_password_and_is_recorded(firm):
    form = {
        "username": "petra",
        "password1": "long enough to pass",
        "password2": "long enough to pass",
    }
    signed_in(firm.administrator).post(url("auth_user_add"), form | {"usable_password": "true"})
    petra = User.objects.get(username="petra")
    assert petra.is_staff
    assert not petra.is_superuser
    assert petra.check_password("long enough to pass")
    record = last(Event.USER_CHANGED)
    assert "admin added user petra" in sentences.of_record(record)
    assert "long enough" not in record.data


def test_giving_changing_and_taking_a_role_is_recorded(firm):
    client, victor = signed_in(firm.administrator), firm.viewer
    membership = victor.memberships.get()
    person = {"username": "victor", "is_active": "on"}
    row = {"id": membership.pk, "user": victor.pk, "desk": firm.momentum.pk}
    for fields, said in (
        ({"role": "operator"}, "admin made victor operator of Momentum."),
        ({"role": "operator", "DELETE": "on"}, "admin took victor off Momentum."),
    ):
        form = person | memberships(row | fields, initial=1)
        answer = client.post(url("auth_user_change", victor.pk), form)
        assert answer.status_code == 302
        assert sentences.of_record(last(Event.MEMBERSHIP_CHANGED)) == said
    assert not Membership.objects.filter(user=victor).exists()


def test_a_role_stays_on_its_desk_whatever_the_form_says(firm):
    """Moved in one row it would be recorded as given there, and never as taken from the first."""
    client, victor = signed_in(firm.administrator), firm.viewer
    held, before = victor.memberships.get(), AuditRecord.objects.count()
    shown = page(client, "auth_user_change", victor.pk)
    assert "disabled" in re.search(r'<select[^>]*name="memberships-0-desk"[^>]*>', shown)[0]
    row = {"id": held.pk, "user": victor.pk, "desk": firm.basis.pk, "role": held.role}
    form = {"username": "victor", "is_active": "on"} | memberships(row, initial=1)
    assert client.post(url("auth_user_change", victor.pk), form).status_code == 302
    held.refresh_from_db()
    assert held.desk == firm.momentum
    assert AuditRecord.objects.count() == before


def test_deactivating_a_person_is_recorded_with_old_and_new(firm):
    form = {"username": "victor"} | memberships()
    signed_in(firm.administrator).post(url("auth_user_change", firm.viewer.pk), form)
    firm.viewer.refresh_from_db()
    assert not firm.viewer.is_active
    assert sentences.data_of(last(Event.USER_CHANGED))["changed"] == {
        "is_active": ["True", "False"]
    }


def test_a_new_password_is_recorded_without_itself(firm):
    form = {"password1": "another long one", "password2": "another long one"}
    address = url("auth_user_password_change", firm.viewer.pk)
    signed_in(firm.administrator).post(address, form | {"usable_password": "true"})
    firm.viewer.refresh_from_db()
    assert firm.viewer.check_password("another long one")
    record = last(Event.USER_CHANGED)
    assert sentences.data_of(record)["changed"] == {"password": ["(not shown)", "(not shown)"]}
    assert "another" not in record.data


def test_administrators_cannot_lock_themselves_out(firm):
    form = {"username": "admin", "is_active": "on"} | memberships()
    signed_in(firm.administrator).post(url("auth_user_change", firm.administrator.pk), form)
    firm.administrator.refresh_from_db()
    assert firm.administrator.is_superuser
    assert firm.administrator.check_password(PASSWORD)


def test_desks_and_accounts_are_added_and_renamed_on_the_record(firm):
    client = signed_in(firm.administrator)
    new = {"name": "Arbitrage", "is_active": "on", "confirm_above": "100", "latch_mode": "off"}
    client.post(url("orders_desk_add"), new)
    desk = Desk.objects.get(name="Arbitrage")
    assert last(Event.DESK_CHANGED).desk == desk
    address = str(firm.keypair().pubkey())
    form = {"desk": desk.pk, "name": "Gamma", "address": address, "is_active": "on"}
    client.post(url("orders_account_add"), form)
    account = Account.objects.get(name="Gamma")
    assert last(Event.ACCOUNT_CHANGED).account == account
    client.post(url("orders_account_change", account.pk), {"name": "Delta", "is_active": "on"})
    changed = sentences.data_of(last(Event.ACCOUNT_CHANGED))["changed"]
    assert changed == {"name": ["Gamma", "Delta"]}


def test_an_account_keeps_its_desk_and_address(firm):
    form = {"name": "Alpha", "is_active": "on", "desk": firm.basis.pk, "address": "x"}
    signed_in(firm.administrator).post(url("orders_account_change", firm.account.pk), form)
    before = firm.account.address
    firm.account.refresh_from_db()
    assert (firm.account.desk, firm.account.address) == (firm.momentum, before)


def test_an_address_must_be_a_public_key(firm):
    form = {"desk": firm.momentum.pk, "name": "Gamma", "address": "nonsense", "is_active": "on"}
    answer = signed_in(firm.administrator).post(url("orders_account_add"), form)
    assert "must be a base58 public key" in folded(answer)


def test_times_of_a_person_name_the_zone_that_they_are_told_in(firm):
    firm.viewer.last_login = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)
    firm.viewer.save()
    client = signed_in(firm.administrator)
    assert "2026-03-01 22:00:00.000 (UTC)" in page(client, "auth_user_change", firm.viewer.pk)
    preferences.choose_time_zone(user=firm.administrator, name="Asia/Tokyo")
    text = folded(client.get(url("auth_user_change", firm.viewer.pk)))
    assert "2026-03-02 07:00:00.000</time> (Tokyo)" in text

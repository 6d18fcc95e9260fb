"""Tokens of the API: who may make and end one, what is kept of it, and what ends it by itself."""

import hashlib
import json
import re

import pytest
from django.db import connection

from orders.access import api_tokens
from orders.access.permissions import NotAllowed
from orders.audit import sentences
from orders.models import ApiToken, AuditRecord, Event, Membership, Role
from tests.helpers.tokens import new_token

pytestmark = pytest.mark.django_db


def told(event) -> list:
    """The sentences of all records of an event."""
    return [sentences.of_record(one) for one in AuditRecord.objects.filter(event=event)]


def end(firm, token, user=None, reason="leaked"):
    user = user or firm.head
    about = {"user": user, "actor": firm.actor(user)}
    return api_tokens.end(token_id=token.pk, reason=reason, **about)


def test_a_secret_has_256_random_bits_behind_a_prefix_and_is_kept_as_a_hash(firm):
    token, secret = new_token(firm)
    other, _ = new_token(firm, name="quoter-2")
    assert re.fullmatch(r"pacifica_desk_[0-9a-f]{64}", secret)
    assert token.secret_sha256 == hashlib.sha256(secret.encode()).hexdigest()
    assert other.secret_sha256 != token.secret_sha256
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT * FROM "{table}"')
            assert secret[14:] not in str(cursor.fetchall())


def test_its_making_is_recorded_with_what_it_may_do(firm):
    new_token(firm, "cancel", "read", networks="10.1.2.0/24, 192.0.2.7")
    (sentence,) = told(Event.TOKEN_MADE)
    assert sentence.startswith("hannah made API token quoter-1 of Momentum: may read and cancel, ")
    data = json.loads(AuditRecord.objects.get(event=Event.TOKEN_MADE).data)
    assert data["networks"] == ["10.1.2.0/24", "192.0.2.7/32"]


@pytest.mark.parametrize("person", ["operator", "viewer", "auditor", "administrator", "stranger"])
def test_nobody_but_a_head_of_the_desk_makes_one(firm, person):
    with pytest.raises(NotAllowed):
        new_token(firm, user=getattr(firm, person))
    assert not ApiToken.objects.exists()
    assert "make an API token" in told(Event.ACT_REFUSED)[0]


def test_a_head_makes_none_for_another_desk(firm):
    with pytest.raises(NotAllowed):
        new_token(firm, desk=firm.basis)


@pytest.mark.parametrize(
    ("field", "about"),
    [
        ("name", {"name": ""}),
        ("name", {"name": "two words"}),
        ("name", {"name": "x" * 61}),
        ("networks", {"networks": "10.1.2.3/8"}),
        ("networks", {"networks": "everywhere"}),
        ("networks", {"networks": " ".join(f"10.0.0.{n}" for n in range(60))}),
        ("expires_at", {"days": 0}),
        ("expires_at", {"days": 400}),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_input(firm, field, about):
    with pytest.raises(api_tokens.CannotMake) as wrong:
        new_token(firm, **about)
    assert wrong.value.field == field
    assert not ApiToken.objects.exists()


def test_rights_that_are_none_are_refused(firm):
    with pytest.raises(api_tokens.CannotMake):
        new_token(firm, "everything")


def test_a_name_is_given_once_even_after_its_token_ended(firm):
    token, _ = new_token(firm)
    end(firm, token)
    with pytest.raises(api_tokens.CannotMake) as wrong:
        new_token(firm)
    assert wrong.value.field == "name"


def test_a_token_is_ended_with_a_reason_once(firm):
    token, _ = new_token(firm)
    for blank in (" ", "\u200b" * 3):
        with pytest.raises(api_tokens.CannotMake):
            end(firm, token, reason=blank)
    assert end(firm, token) == "quoter-1 is ended: no program comes in by it any more."
    assert "before" in end(firm, token, reason="again")
    assert ApiToken.objects.get().end_reason == "leaked"
    assert told(Event.TOKEN_ENDED) == ["hannah ended API token quoter-1 of Momentum: “leaked”"]


def test_administrators_end_any_token_and_strangers_none(firm):
    token, _ = new_token(firm)
    for person in (firm.stranger, firm.operator):
        with pytest.raises(NotAllowed):
            end(firm, token, person)
    end(firm, token, firm.administrator)
    assert ApiToken.objects.get().ended_by == firm.administrator


def deactivate(firm):
    firm.head.is_active = False
    firm.head.save()


def step_down(firm):
    place = Membership.objects.get(user=firm.head)
    place.role = Role.OPERATOR
    place.save()


LOSSES = {
    "deactivated": deactivate,
    "stepped down": step_down,
    "removed": lambda firm: Membership.objects.get(user=firm.head).delete(),
}


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
def test_a_token_ends_at_once_with_its_makers_place_and_does_not_come_back(firm, lose):
    token, _ = new_token(firm)
    role = {"user": firm.head, "desk": firm.momentum}
    lose(firm)
    token.refresh_from_db()
    assert token.ended_at is not None
    assert token.ended_by is None
    (sentence,) = told(Event.TOKEN_ENDED)
    assert sentence.endswith("by itself: hannah is no desk head of Momentum any more.")
    Membership.objects.update_or_create(**role, defaults={"role": Role.HEAD})
    firm.head.is_active = True
    firm.head.save()
    token.refresh_from_db()
    assert token.ended_at is not None


def test_other_changes_of_people_end_no_token(firm):
    token, _ = new_token(firm)
    firm.head.save()
    Membership.objects.get(user=firm.head).save()
    Membership.objects.get(user=firm.operator).delete()
    token.refresh_from_db()
    assert token.ended_at is None


@pytest.mark.parametrize(
    ("address", "is_at_home"),
    [("10.1.2.3", True), ("10.1.3.3", False), ("::1", False), ("", False), ("nonsense", False)],
)
def test_a_token_is_at_home_in_its_networks_alone(firm, address, is_at_home):
    token, _ = new_token(firm, networks="10.1.2.0/24")
    free, _ = new_token(firm, name="free")
    assert token.is_at_home(address) is is_at_home
    assert free.is_at_home(address)

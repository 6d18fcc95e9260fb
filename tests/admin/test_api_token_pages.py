"""The pages of API tokens: made with a fresh proof, shown once, ended by a POST with a reason."""

import re

import pytest

from orders.models import ApiToken, AuditRecord, Event
from tests.helpers.screens import folded, page, signed_in, url
from tests.helpers.tokens import new_token

FORM = {"name": "quoter-1", "rights": ["read", "cancel"], "days": "30", "networks": ""}
SECRET = re.compile(r"pacifica_desk_[0-9a-f]{64}")


def make(firm, client=None, **fields):
    client = client or signed_in(firm.head)
    return client.post(url("orders_apitoken_add"), FORM | {"desk": firm.momentum.pk} | fields)


@pytest.mark.django_db
def test_a_head_makes_a_token_and_sees_its_secret_once(firm):
    client = signed_in(firm.head)
    answer = make(firm, client)
    assert answer.status_code == 200
    (secret,) = set(SECRET.findall(folded(answer)))
    assert "no-store" in answer["Cache-Control"]
    token = ApiToken.objects.get()
    places = [page(client, "orders_apitoken_change", token.pk)]
    places += [page(client, f"orders_{noun}_changelist") for noun in ("apitoken", "auditrecord")]
    assert all("quoter-1" in text and not SECRET.search(text) for text in places)
    assert token.hint in secret


def test_the_page_says_what_it_may_do_and_that_it_was_never_used(firm):
    token, _ = new_token(firm, "read", "panic", networks="10.0.0.0/8")
    text = page(signed_in(firm.head), "orders_apitoken_change", token.pk)
    for words in ("read orders", "pull a panic", "10.0.0.0/8", "never", "by hannah", "active"):
        assert words in text
    assert "cancel whatever" not in text


@pytest.mark.parametrize(
    "wrong", [{"name": "two words"}, {"rights": []}, {"networks": "all"}, {"days": "9000"}]
)
def test_a_wrong_form_comes_back_with_its_error_and_makes_nothing(firm, wrong):
    answer = make(firm, **wrong)
    assert answer.status_code == 422
    assert 'role="alert"' in folded(answer)
    assert not ApiToken.objects.exists()


def test_a_foreign_desk_takes_no_token(firm):
    answer = make(firm, desk=firm.basis.pk)
    assert answer.status_code == 422
    assert "Basis" not in folded(answer)
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).count() == 1


@pytest.mark.parametrize("person", ["operator", "viewer", "auditor"])
def test_who_makes_none_sees_none(firm, person):
    token, _ = new_token(firm)
    client = signed_in(getattr(firm, person))
    assert make(firm, client).status_code == 403
    for name, args in (("change", [token.pk]), ("changelist", [])):
        assert client.get(url(f"orders_apitoken_{name}", *args)).status_code in {403, 404}
    ended = client.post(url("orders_apitoken_end", token.pk), {"reason": "mine now"})
    assert ended.status_code in {403, 404}
    assert ApiToken.objects.get().ended_at is None


def test_a_head_of_another_desk_sees_none(firm):
    token, _ = new_token(firm)
    other = firm.person("hugo", firm.basis, "head")
    assert "quoter-1" not in page(signed_in(other), "orders_apitoken_changelist")
    client = signed_in(other)
    assert client.get(url("orders_apitoken_change", token.pk)).status_code == 404


def test_a_head_ends_a_token_with_a_reason(firm):
    token, _ = new_token(firm)
    client, place = signed_in(firm.head), url("orders_apitoken_end", token.pk)
    assert client.get(place).status_code == 405
    text = folded(client.post(place, {"reason": ""}, follow=True))
    assert "Say why" in text
    text = folded(client.post(place, {"reason": "the bot moved"}, follow=True))
    assert "quoter-1 is ended" in text
    assert "the bot moved" in text
    assert "End it" not in text
    assert ApiToken.objects.get().ended_by == firm.head


def test_an_administrator_ends_but_makes_none(firm):
    token, _ = new_token(firm)
    client = signed_in(firm.administrator)
    assert make(firm, client).status_code == 403
    client.post(url("orders_apitoken_end", token.pk), {"reason": "leaked"})
    assert ApiToken.objects.get().ended_by == firm.administrator


def test_the_menu_leads_there_who_may_make_one(firm):
    place = url("orders_apitoken_changelist")
    assert place in page(signed_in(firm.head), "index")
    assert place not in page(signed_in(firm.operator), "index")

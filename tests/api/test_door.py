"""The API's door: a token that counts and nothing else, at a bounded pace, every no in words."""

import logging
from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client
from django.utils.timezone import now

from orders.access import api_tokens
from orders.models import ApiToken, AuditRecord, Event, Membership
from tests.api.programs import ROOT, Program, problem, program
from tests.helpers.screens import signed_in
from tests.helpers.tokens import new_token

pytestmark = pytest.mark.django_db
PLACE = "/accounts"


def refusals() -> int:
    return AuditRecord.objects.filter(event=Event.TOKEN_REFUSED).count()


def expire(token):
    ApiToken.objects.filter(pk=token.pk).update(expires_at=now())


def end(token):
    api_tokens._end(token, api_tokens.log.Actor(), "test")


NOT_ACCEPTED = {
    "expired": expire,
    "ended": end,
    "of a removed head": lambda token: Membership.objects.filter(user=token.made_by).delete(),
    "of a demoted head": lambda token: Membership.objects.update(role="viewer"),
    "of a deactivated head": lambda token: type(token.made_by).objects.update(is_active=False),
    "of a deactivated desk": lambda token: type(token.desk).objects.update(is_active=False),
    "of another network": lambda token: ApiToken.objects.update(networks="192.0.2.0/24"),
}


@pytest.mark.parametrize("spoil", NOT_ACCEPTED.values(), ids=NOT_ACCEPTED)
def test_a_token_that_does_not_count_is_refused_in_words_and_recorded_once_a_minute(firm, spoil):
    token, secret = new_token(firm)
    assert Program(secret).get(PLACE).status_code == 200
    spoil(token)
    for _ in range(3):
        answer = Program(secret).get(PLACE)
        assert "not accepted" in problem(answer, 401)["detail"]
        assert answer["WWW-Authenticate"] == "Bearer"
    assert refusals() == 1
    ApiToken.objects.update(refusal_told_at=now() - timedelta(minutes=2))
    Program(secret).get(PLACE)
    assert refusals() == 2


def test_a_token_of_a_lost_place_is_ended_by_its_next_use_at_the_latest(firm):
    token, secret = new_token(firm)
    Membership.objects.filter(user=firm.head).update(role="viewer")  # past every signal
    Program(secret).get(PLACE)
    Membership.objects.filter(user=firm.head).update(role="head")
    assert problem(Program(secret).get(PLACE), 401)
    token.refresh_from_db()
    assert token.ended_at is not None


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer nonsense", "Bearer \xff\xfe", "Token x"],
)
def test_who_has_no_token_learns_nothing(firm, header):
    answer = Client().get(ROOT + PLACE, HTTP_AUTHORIZATION=header)
    problem(answer, 401)


def test_a_flood_of_unknown_tokens_leaves_few_records(firm):
    for n in range(40):
        Program("nobodys", address=f"192.0.2.{n % 20}").get(PLACE)
    assert refusals() == 10


def test_a_session_counts_for_nothing_and_its_cookie_is_not_looked_at(firm):
    client = signed_in(firm.head)
    problem(client.get(ROOT + PLACE), 401)
    answer = client.get(ROOT + PLACE)
    assert not answer.cookies
    assert not hasattr(answer.wsgi_request, "auth")
    assert "HTTP_COOKIE" not in answer.wsgi_request.META


def test_the_last_use_is_kept(firm):
    token, secret = new_token(firm)
    Program(secret, address="192.0.2.9").get(PLACE)
    token.refresh_from_db()
    assert token.last_used_from == "192.0.2.9"
    assert abs(now() - token.last_used_at) < timedelta(minutes=1)


def test_a_token_that_asks_too_fast_is_told_when_to_come_again(firm, settings):
    settings.API_REQUESTS_PER_S = 1
    mine, other = program(firm), program(firm, name="other")
    statuses = [mine.get(PLACE).status_code for _ in range(6)]
    assert statuses[:2] == [200, 200]
    answer = mine.get(PLACE)
    assert "too often" in problem(answer, 429)["detail"]
    assert int(answer["Retry-After"]) >= 1
    assert other.get(PLACE).status_code == 200


def test_a_right_that_is_missing_is_named_and_recorded_once(firm):
    asking = program(firm, "cancel")
    for _ in range(3):
        assert "right read" in problem(asking.get(PLACE), 403)["detail"]
    refused = AuditRecord.objects.filter(event=Event.ACT_REFUSED)
    assert refused.count() == 1
    assert '"token":"quoter-1"' in refused.get().data


@pytest.mark.parametrize(
    ("place", "status"),
    [("/no-such", 404), ("/jobs/x", 422), ("/jobs/" + "9" * 40, 422), ("/jobs/0", 422)],
)
def test_an_address_that_is_none_is_refused_in_words(firm, place, status):
    problem(program(firm).get(place), status)


def test_a_wrong_method_is_refused_in_words(firm):
    answer = program(firm).post(PLACE)
    problem(answer, 405)
    assert answer["Allow"] == "GET"


def test_a_body_too_large_is_not_read(firm):
    problem(program(firm).post(PLACE, {"x": "y" * 300_000}), 413)


def test_a_fault_of_ours_is_told_in_words_and_logged_without_the_token(firm, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("orders.api.shapes.account", lambda row: 1 / 0)
    _, secret = new_token(firm)
    told = problem(Program(secret).get(PLACE), 500)
    assert "division" not in str(told)
    assert "ZeroDivisionError" in caplog.text
    assert secret[14:] not in caplog.text


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_fails_is_told_as_that(firm, monkeypatch, caplog, error):
    def fails(row):
        raise error("server closed the connection: secret detail")

    monkeypatch.setattr("orders.api.shapes.account", fails)
    answer = program(firm).get(PLACE)
    told = problem(answer, 503)
    assert answer["Retry-After"] == "1"
    assert "secret detail" not in str(told)
    assert "secret detail" in caplog.text


def test_no_answer_is_kept_by_anybody(firm):
    asking = program(firm)
    for place in (PLACE, "/no-such", "/openapi.json"):
        assert asking.get(place)["Cache-Control"] == "no-store"

"""Acts of programs: recorded as a person's are, once a key, in the name of maker and token."""

import json
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.utils.timezone import now

from orders.api import acts
from orders.audit import sentences
from orders.cancels import jobs
from orders.delivery import worker
from orders.models import (
    Account,
    ApiAct,
    AuditRecord,
    Cancel,
    CancelJob,
    Desk,
    Event,
    JobStatus,
    Order,
    PanicLine,
    Preview,
)
from tests.api.programs import problem, program
from tests.helpers.screens import click, known_order, nothing_asked, page, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def bot(firm, settings):
    settings.API_ACTS_PER_S = 100
    return program(firm)


def of(order, **more):
    about = {"account_id": order.account_id, "symbol": order.symbol, "order_ids": [order.order_id]}
    return about | more


def done(answer, status=202):
    assert answer.status_code == status, answer.content
    return answer.json()


def test_a_cancel_is_recorded_and_says_no_more_than_that(firm, bot):
    order = firm.order()
    told = done(bot.post("/cancels", of(order, reason="requote")))
    assert (told["said"], told["recorded"]) == ("1 cancel recorded.", 1)
    assert (told["is_over"], told["is_repeated"]) == (False, False)
    assert told["job"]["counts"] == {"queued": 1}
    assert "ancelled" not in json.dumps(told)
    worker.deliver_account(account_id=firm.account.pk)
    job = bot.get(f"/jobs/{told['job']['id']}").json()
    assert job["counts"] == {"cancelled": 1}


def test_it_is_recorded_under_the_maker_with_the_tokens_name(firm, bot):
    order = firm.order()
    job = CancelJob.objects.get(pk=done(bot.post("/cancels", of(order)))["job"]["id"])
    assert (job.operator, job.operator_name, job.token_name) == (firm.head, "hannah", "quoter-1")
    worker.deliver_account(account_id=firm.account.pk)
    for event in (Event.CANCEL_ASKED, Event.REQUEST, Event.ANSWER):
        record = AuditRecord.objects.get(event=event)
        assert json.loads(record.data)["token"] == "quoter-1"
        assert record.operator == firm.head
    asked = sentences.of_record(AuditRecord.objects.get(event=Event.CANCEL_ASKED))
    assert asked.startswith("hannah (by API token quoter-1) asked to cancel ")
    assert "by API token quoter-1" in page(signed_in(firm.head), "orders_canceljob_change", job.pk)


def test_a_click_leaves_no_word_of_a_token(firm):
    click(signed_in(firm.operator), firm.order())
    assert "token" not in AuditRecord.objects.get(event=Event.CANCEL_ASKED).data
    assert CancelJob.objects.get().token_name == ""


def test_one_order_is_urgent_and_more_are_a_bulk_job(firm, bot):
    rows = [known_order(firm.account, 71_000_000_000 + n) for n in range(4)]
    one = done(bot.post("/cancels", of(rows[0])))
    more = done(bot.post("/cancels", of(rows[1], order_ids=[row.order_id for row in rows[1:]])))
    assert (one["job"]["is_urgent"], more["job"]["is_urgent"]) == (True, False)
    assert more["recorded"] == 3


def test_client_order_ids_name_orders_too(firm, bot):
    name = str(uuid.uuid4())
    order = known_order(firm.account, 71_000_000_001, client_order_id=name)
    about = of(order, order_ids=[], client_order_ids=[name.upper()])
    assert done(bot.post("/cancels", about))["recorded"] == 1
    assert Cancel.objects.get().order_id == order.order_id


def test_what_was_left_out_is_told(firm, bot):
    order = known_order(firm.account, 71_000_000_001)
    done(bot.post("/cancels", of(order)))
    told = done(bot.post("/cancels", of(order)))
    assert (told["recorded"], told["job"]) == (0, None)
    assert told["skipped"] == [{"order": "71000000001", "why": "already being cancelled"}]


WRONG = {
    "nothing named": {"order_ids": []},
    "too many": {"order_ids": list(range(1, 202))},
    "both kinds, too many": {
        "order_ids": list(range(1, 151)),
        "client_order_ids": [str(uuid.uuid4()) for _ in range(100)],
    },
    "no order id": {"order_ids": ["x"]},
    "a number as text": {"order_ids": ["71000000001"]},
    "too large": {"order_ids": [2**53 + 1]},
    "no UUID": {"client_order_ids": ["x"]},
    "no symbol": {"symbol": ""},
    "another symbol": {"symbol": "ETH"},
    "another kind": {"kind": "all"},
    "NUL": {"symbol": "BTC\0"},
    "half a character": {"reason": "\ud800"},
    "a field that is none": {"force": True},
    "a long reason": {"reason": "x" * 301},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_is_refused_in_words_and_asks_nothing(firm, bot, wrong):
    order = known_order(firm.account, 71_000_000_001)
    problem(bot.post("/cancels", of(order, **wrong)), 422)
    assert nothing_asked()


@pytest.mark.parametrize("body", ["", "{", "[]", "null", '"x"', "1" * 5000, "\xff"])
def test_a_body_that_is_no_object_is_refused(firm, bot, body):
    about = bot.about | {"HTTP_IDEMPOTENCY_KEY": "k"}
    place = "/api/v1/cancels"
    answer = bot.client.post(place, body, content_type="application/json", **about)
    problem(answer, answer.status_code)
    assert answer.status_code in {400, 422}


def test_a_reason_is_asked_for_where_the_desk_wants_one(firm, bot):
    firm.momentum.needs_reason = True
    firm.momentum.save()
    order = known_order(firm.account, 71_000_000_001)
    assert "asks for a reason" in problem(bot.post("/cancels", of(order)), 422)["detail"]
    told = done(bot.post("/cancels", of(order, reason="a\tb\nc")))
    assert told["job"]["reason"] == "a b c"


@pytest.mark.parametrize("reason", ["\u200b", "\x07", "\u2060\u200b", "\u00ad", "\u2800"])
@pytest.mark.parametrize("place", ["/cancels", "/cancels/scope"])
def test_a_reason_that_nobody_can_see_is_none(firm, bot, place, reason):
    Desk.objects.update(needs_reason=True)
    order = known_order(firm.account, 71_000_000_001)
    body = of(order) if place == "/cancels" else {"expect_at_most": 1}
    told = problem(bot.post(place, body | {"reason": reason}), 422)
    assert told["detail"] == "reason: Momentum asks for a reason."
    assert nothing_asked()
    assert done(bot.post(place, body | {"reason": f"{reason} ok"}))["recorded"] == 1


def test_acts_on_what_is_another_desks_are_as_missing(firm, bot):
    foreign = known_order(firm.foreign_account, 71_000_000_001)
    missing = of(foreign, account_id=987654)
    told = [problem(bot.post("/cancels", body), 404) for body in (of(foreign), missing)]
    assert told[0] == told[1]
    for place, body in (
        ("/panics", {"account_ids": [firm.foreign_account.pk]}),
        ("/previews", {"account_ids": [firm.account.pk, firm.foreign_account.pk]}),
        ("/cancels/scope", {"account_ids": [firm.foreign_account.pk], "expect_at_most": 9}),
    ):
        assert problem(bot.post(place, body), 404) == told[0]
    assert nothing_asked()
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).count() == 1  # once a minute


def test_an_order_of_an_account_of_a_makers_other_desk_is_not_this_tokens(firm, bot):
    firm.basis.memberships.create(user=firm.head, role="head")
    foreign = known_order(firm.foreign_account, 71_000_000_001)
    problem(bot.post("/cancels", of(foreign)), 404)
    assert nothing_asked()


# Keys


def test_an_act_without_a_key_is_refused(firm, bot):
    order = known_order(firm.account, 71_000_000_001)
    for key in (None, "", "x" * 65, "a b", "\xe4"):
        about = bot.about | ({} if key is None else {"HTTP_IDEMPOTENCY_KEY": key})
        place, body = "/api/v1/cancels", json.dumps(of(order))
        answer = bot.client.post(place, body, content_type="application/json", **about)
        assert "Idempotency-Key" in problem(answer, 422)["detail"]
    assert nothing_asked()


def test_the_same_key_is_the_same_job(firm, bot):
    order = firm.order()
    first = done(bot.post("/cancels", of(order), key="k1"))
    worker.deliver_account(account_id=firm.account.pk)
    again = done(bot.post("/cancels", of(order), key="k1"))
    assert again["job"]["id"] == first["job"]["id"]
    assert (again["is_repeated"], again["said"]) == (True, first["said"])
    assert again["is_over"]
    assert again["job"]["counts"] == {"cancelled": 1}
    assert CancelJob.objects.count() == 1


def test_the_same_key_for_another_request_is_refused(firm, bot):
    rows = [known_order(firm.account, 71_000_000_000 + n) for n in range(2)]
    done(bot.post("/cancels", of(rows[0]), key="k1"))
    told = problem(bot.post("/cancels", of(rows[1]), key="k1"), 422)
    assert "another request" in told["detail"]
    problem(bot.post("/panics", {}, key="k1"), 422)
    assert Cancel.objects.count() == 1


def test_keys_of_two_tokens_are_two(firm, bot):
    other = program(firm, name="other")
    rows = [known_order(firm.account, 71_000_000_000 + n) for n in range(2)]
    done(bot.post("/cancels", of(rows[0]), key="k1"))
    done(other.post("/cancels", of(rows[1]), key="k1"))
    assert CancelJob.objects.count() == 2


def test_an_act_that_died_before_its_answer_was_kept_is_done_once(firm, bot, monkeypatch):
    order = known_order(firm.account, 71_000_000_001)
    done(bot.post("/cancels", of(order), key="k1"))
    ApiAct.objects.update(answer="", job=None)  # as a crash after the job was recorded leaves it
    again = done(bot.post("/cancels", of(order), key="k1"))
    assert again["job"]["id"] == CancelJob.objects.get().pk


@pytest.mark.parametrize("since", ["account is deactivated", "desk asks for a reason"])
def test_a_cancel_that_died_is_the_same_job_whatever_changed_since(firm, bot, since):
    order = known_order(firm.account, 71_000_000_001)
    first = done(bot.post("/cancels", of(order), key="k1"))
    ApiAct.objects.update(answer="", job=None)
    if since == "desk asks for a reason":
        Desk.objects.update(needs_reason=True)
    else:
        Account.objects.filter(pk=firm.account.pk).update(is_active=False)
    again = done(bot.post("/cancels", of(order), key="k1"))
    assert again["job"]["id"] == first["job"]["id"]
    assert CancelJob.objects.count() == 1


@pytest.mark.parametrize("since", ["one came", "one was deactivated", "the one is"])
def test_a_panic_that_died_is_the_same_panic_whatever_accounts_there_are_since(firm, bot, since):
    firm.new_account("Beta", firm.momentum)
    body = {"account_ids": [firm.account.pk]} if since == "the one is" else {}
    first = done(bot.post("/panics", body, key="p1"))
    ApiAct.objects.update(answer="", job=None)
    if since == "one came":
        firm.new_account("Gamma", firm.momentum)
    else:
        Account.objects.filter(pk=firm.account.pk).update(is_active=False)
    again = done(bot.post("/panics", body, key="p1"))
    assert again["job"]["id"] == first["job"]["id"]
    assert CancelJob.objects.count() == 1


def test_a_panic_that_died_under_an_older_version_is_found_by_its_old_key(firm, bot):
    first = done(bot.post("/panics", {}, key="p1"))
    act, job = ApiAct.objects.get(), CancelJob.objects.get()
    about = {"symbol": "", "keep_reduce_only": False}
    words = f"panic {firm.momentum.pk} {[firm.account.pk]} {about} False"
    CancelJob.objects.update(request_key=uuid.uuid5(acts.request_key(act), words))
    ApiAct.objects.update(answer="", job=None)
    assert done(bot.post("/panics", {}, key="p1"))["job"]["id"] == first["job"]["id"] == job.pk


def test_a_stop_whose_answer_could_not_be_kept_was_not_done(firm, bot, book, monkeypatch):
    job = done(bot.post("/cancels/scope", {"expect_at_most": 9}))["job"]
    with monkeypatch.context() as broken:
        broken.setattr(acts, "of_job", fails)
        problem(bot.post(f"/jobs/{job['id']}/stop", key="x1"), 500)
    assert CancelJob.objects.get().status == JobStatus.RUNNING
    told = done(bot.post(f"/jobs/{job['id']}/stop", key="x1"))
    assert (told["said"][:19], told["is_repeated"]) == ("Stopped: 4 not sent", False)
    assert AuditRecord.objects.filter(event=Event.JOB_STOPPED).count() == 1


def fails(*_, **__):
    """As a process does that ends here."""
    raise RuntimeError


def test_a_stop_that_is_refused_is_on_record(firm, bot, monkeypatch):
    job = done(bot.post("/panics", {}))["job"]
    monkeypatch.setattr(jobs, "has_permission", lambda *_, **__: False)
    problem(bot.post(f"/jobs/{job['id']}/stop"), 404)
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).count() == 1


def test_a_panic_is_pulled_once_a_key_whatever_accounts_came_since(firm, bot):
    told = done(bot.post("/panics", {"reason": "limit"}, key="p1"))
    firm.momentum.accounts.create(name="New", address="x" * 40)
    again = done(bot.post("/panics", {"reason": "limit"}, key="p1"))
    assert again["job"]["id"] == told["job"]["id"]
    assert PanicLine.objects.get().token_name == "quoter-1"
    assert told["job"]["lines"][0]["status"] == "waiting"
    sentence = sentences.of_record(AuditRecord.objects.get(event=Event.PANIC))
    assert sentence.startswith("hannah (by API token quoter-1) pulled a panic: ")


def test_old_keys_are_forgotten_with_the_next_act(firm, bot):
    rows = [known_order(firm.account, 71_000_000_000 + n) for n in range(2)]
    done(bot.post("/cancels", of(rows[0]), key="k1"))
    ApiAct.objects.update(made_at=now() - timedelta(days=8))
    done(bot.post("/cancels", of(rows[1]), key="k2"))
    assert list(ApiAct.objects.values_list("key", flat=True)) == ["k2"]


# Scopes


@pytest.fixture
def book(firm):
    rows = [known_order(firm.account, 71_000_000_000 + n) for n in range(3)]
    known_order(firm.account, 71_000_000_009, symbol="ETH")
    known_order(firm.foreign_account, 72_000_000_000)
    return rows


def test_a_scope_is_previewed_and_confirmed_by_its_hash(firm, bot, book):
    frozen = done(bot.post("/previews", {"symbols": ["BTC"], "side": "bid"}), 201)
    assert (frozen["count"], frozen["is_everything"]) == (3, False)
    assert nothing_asked()
    known_order(firm.account, 71_000_000_005)
    place = f"/previews/{frozen['id']}/confirm"
    wrong = problem(bot.post(place, {"sha256": "0" * 64}), 422)
    assert "sha256" in wrong["detail"]
    told = done(bot.post(place, {"sha256": frozen["sha256"], "reason": "done"}))
    assert (told["recorded"], told["job"]["is_urgent"]) == (3, False)
    again = done(bot.post(place, {"sha256": frozen["sha256"], "reason": "done"}))
    assert (again["job"]["id"], Cancel.objects.count()) == (told["job"]["id"], 3)


def test_everything_and_many_need_no_typing_but_the_hash(firm, bot, book):
    firm.momentum.confirm_above = 1
    firm.momentum.save()
    frozen = done(bot.post("/previews", {}), 201)
    assert frozen["is_everything"]
    told = done(bot.post(f"/previews/{frozen['id']}/confirm", {"sha256": frozen["sha256"]}))
    assert told["recorded"] == 4


def test_another_persons_preview_is_missing(firm, bot, book):
    dora = firm.person("dora", firm.momentum, "head")
    frozen = done(program(firm, name="hers", user=dora).post("/previews", {}), 201)
    body = {"sha256": frozen["sha256"]}
    problem(bot.post(f"/previews/{frozen['id']}/confirm", body), 404)
    problem(bot.post(f"/previews/{uuid.uuid4()}/confirm", body), 404)


def test_a_preview_of_the_makers_other_desk_is_missing(firm, bot, book):
    firm.basis.memberships.create(user=firm.head, role="head")
    theirs = program(firm, name="theirs", desk=firm.basis)
    frozen = done(theirs.post("/previews", {}), 201)
    body = {"sha256": frozen["sha256"]}
    problem(bot.post(f"/previews/{frozen['id']}/confirm", body), 404)
    assert done(theirs.post(f"/previews/{frozen['id']}/confirm", body))["recorded"] == 1


def test_a_scope_in_one_step_holds_its_bound(firm, bot, book):
    body = {"symbols": ["BTC"], "expect_at_most": 2}
    told = problem(bot.post("/cancels/scope", body), 422)
    assert "holds 3 orders, more than 2. Nothing was cancelled." in told["detail"]
    assert nothing_asked()
    told = done(bot.post("/cancels/scope", body | {"expect_at_most": 3}, key="s1"))
    assert told["recorded"] == 3
    again = done(bot.post("/cancels/scope", body | {"expect_at_most": 3}, key="s1"))
    assert again["job"]["id"] == told["job"]["id"]


def test_a_scope_in_one_step_that_died_halfway_keeps_to_its_frozen_set(firm, bot, book):
    body = {"symbols": ["BTC"], "expect_at_most": 9}
    done(bot.post("/cancels/scope", body, key="s1"))
    ApiAct.objects.update(answer="", job=None)
    known_order(firm.account, 71_000_000_007)
    again = done(bot.post("/cancels/scope", body, key="s1"))
    assert (again["recorded"], CancelJob.objects.count()) == (3, 1)
    assert Preview.objects.count() == 1


@pytest.mark.parametrize("place", ["/previews", "/cancels/scope"])
def test_a_symbol_in_the_wrong_case_is_refused_and_not_passed_over(bot, book, place):
    body = {} if place == "/previews" else {"expect_at_most": 9}
    told = problem(bot.post(place, body | {"symbols": ["BTC", "eth"]}), 422)
    assert told["detail"] == "symbols: eth matches nothing. Symbols keep their case: ETH."
    assert nothing_asked()
    answer = bot.post(place, body | {"symbols": ["BTC", "ETH", "SOL"]})
    assert answer.json().get("count", answer.json().get("recorded")) == 4


def test_a_symbol_of_another_desk_is_not_given_away(firm, bot, book):
    known_order(firm.foreign_account, 72_000_000_001, symbol="kBONK")
    told = problem(bot.post("/previews", {"symbols": ["KBONK"]}), 422)
    assert "kBONK" not in told["detail"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_price": "1e9"},
        {"min_price": 5},
        {"side": "buy"},
        {"min_age_s": 0},
        {"symbols": ["two words"]},
        {"desk_id": 1},
        {"expect_at_most": 0},
    ],
)
def test_a_scope_that_makes_no_sense_is_refused(bot, book, wrong):
    problem(bot.post("/cancels/scope", {"expect_at_most": 9} | wrong), 422)
    assert nothing_asked()


def test_a_scope_is_narrowed_by_every_field(firm, bot, book):
    Order.objects.filter(pk=book[0].pk).update(reduce_only=True, price_number="100")
    for body, count in (
        ({"max_price": "200"}, 1),
        ({"min_price": "200.5"}, 3),
        ({"spare_reduce_only": True}, 3),
        ({"order_types": ["limit"], "spare_stops": True}, 4),
        ({"account_ids": [firm.account.pk], "symbols": ["ETH"]}, 1),
    ):
        assert done(bot.post("/previews", body), 201)["count"] == count
    assert "Nothing matches" in problem(bot.post("/previews", {"side": "ask"}), 422)["detail"]


# Jobs


def test_a_job_is_stopped(firm, bot, book):
    job = done(bot.post("/cancels/scope", {"expect_at_most": 9}))["job"]
    told = done(bot.post(f"/jobs/{job['id']}/stop", key="x1"))
    assert told["said"] == "Stopped: 4 not sent, 0 still being followed to their end."
    assert (told["is_over"], told["job"]["status"]) == (True, "stopped")
    again = done(bot.post(f"/jobs/{job['id']}/stop", key="x1"))
    assert (again["said"], again["is_repeated"]) == (told["said"], True)
    stopped = AuditRecord.objects.get(event=Event.JOB_STOPPED)
    assert "by API token quoter-1" in sentences.of_record(stopped)


def test_a_panic_is_not_stopped_and_not_said_to_be(firm, bot):
    job = done(bot.post("/panics", {}))["job"]
    told = problem(bot.post(f"/jobs/{job['id']}/stop"), 409)
    assert told["detail"] == "A panic is not stopped: withdraw its lines that wait."
    assert CancelJob.objects.get().status == JobStatus.RUNNING
    assert not AuditRecord.objects.filter(event=Event.JOB_STOPPED).exists()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own way to refuse writes")
def test_an_act_that_cannot_be_written_may_be_sent_again(committing_firm):
    bot, order = program(committing_firm), known_order(committing_firm.account, 71_000_000_000)
    connection.connection.execute("PRAGMA query_only = ON")
    try:
        problem(bot.post("/cancels", of(order), key="x1"), 503)
    finally:
        connection.connection.execute("PRAGMA query_only = OFF")
    assert done(bot.post("/cancels", of(order), key="x1"))["recorded"] == 1


def test_a_foreign_job_is_not_stopped(firm, bot):
    order = known_order(firm.foreign_account, 71_000_000_001)
    farida = firm.person("farida", firm.basis, "head")
    theirs = program(firm, name="theirs", desk=firm.basis, user=farida)
    job = done(theirs.post("/cancels", of(order)))["job"]
    problem(bot.post(f"/jobs/{job['id']}/stop"), 404)
    assert Cancel.objects.get().status == "queued"


def test_an_account_that_was_deactivated_is_said(firm, bot):
    order = known_order(firm.account, 71_000_000_001)
    Account.objects.filter(pk=firm.account.pk).update(is_active=False)
    assert "deactivated" in problem(bot.post("/cancels", of(order)), 422)["detail"]


def test_acts_have_a_pace_of_their_own_and_panics_another(firm, settings):
    settings.API_ACTS_PER_S = 1
    bot = program(firm)
    order = known_order(firm.account, 71_000_000_001)
    answers = [bot.post("/cancels", of(order)) for _ in range(4)]
    assert [each.status_code for each in answers[:2]] == [202, 202]
    assert int(answers[3]["Retry-After"]) >= 1
    problem(answers[3], 429)
    assert bot.get("/accounts").status_code == 200
    done(bot.post("/panics", {}))

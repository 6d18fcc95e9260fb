"""Cancel by id: every wrong input gets its own sentence, and nothing is asked."""

import uuid

import pytest

from orders.models import AuditRecord, Cancel, CancelJob, CancelStatus, Event
from tests.helpers.screens import folded, known_order, nothing_asked, page, signed_in, url

SOME_UUID = "f47ac10b-58cc-4372-a567-0e02b2c3d479"


def ask(client, account, /, **fields):
    """Fill in the form and send it."""
    sound = {
        "account": account.pk,
        "symbol": "BTC",
        "kind": "order",
        "order_id": "28000000042",
        "client_order_id": "",
        "reason": "",
        "request_key": str(uuid.uuid4()),
    }
    return client.post(url("orders_order_cancel_by_id"), sound | fields)


def test_an_order_the_app_never_saw_is_cancelled_by_its_id(firm):
    answer = ask(signed_in(firm.operator), firm.account, reason="runaway bot")
    cancel = Cancel.objects.get()
    assert answer.url == url("orders_canceljob_change", cancel.job_id)
    assert (cancel.order_id, cancel.known_order, cancel.job.reason) == (
        28_000_000_042,
        None,
        "runaway bot",
    )


@pytest.mark.parametrize(
    ("field", "wrong", "sentence"),
    [
        ("account", {"account": ""}, "Choose the account that owns the order: "),
        ("symbol", {"symbol": ""}, "Write the symbol of the order: "),
        ("symbol", {"symbol": "BÜC"}, "Write the symbol as on Pacifica"),
        ("kind", {"kind": "everything"}, "Choose order, stop or TWAP."),
        ("order_id", {"order_id": "12a"}, "An order id is digits only"),
        ("order_id", {"order_id": "-5"}, "An order id is digits only"),
        ("order_id", {"order_id": "²"}, "An order id is digits only"),
        ("order_id", {"order_id": "0"}, "An order id is a whole number from 1 to 2^53."),
        ("order_id", {"order_id": str(2**53 + 1)}, "An order id is a whole number from 1 to 2^53."),
        ("order_id", {"order_id": ""}, "Give the order id or the client order id"),
        ("order_id", {"client_order_id": SOME_UUID}, "Give the order id or the client order id"),
        (
            "client_order_id",
            {"order_id": "", "client_order_id": "mine-7"},
            "A client order id is a full UUID with dashes",
        ),
    ],
)
def test_each_wrong_input_has_its_sentence(firm, field, wrong, sentence):
    answer = ask(signed_in(firm.operator), firm.account, **wrong)
    assert answer.status_code == 422
    form = answer.context["form"]
    assert any(sentence in error for error in form.errors[field]), form.errors
    assert sentence in folded(answer)
    assert nothing_asked()


@pytest.mark.parametrize(
    "named",
    [
        {},
        {"order_id": "", "client_order_id": SOME_UUID},
        {"order_id": "", "client_order_id": SOME_UUID.upper()},
    ],
)
def test_account_and_symbol_of_a_known_order_are_found_by_its_id(firm, named):
    known = known_order(firm.account, 28_000_000_042, client_order_id=SOME_UUID, symbol="kBONK")
    ask(signed_in(firm.operator), firm.account, account="", symbol="", **named)
    cancel = Cancel.objects.get()
    assert (cancel.known_order, cancel.symbol) == (known, "kBONK")


def test_an_order_of_another_account_is_said_where_it_belongs(firm):
    other = firm.new_account("Beta", firm.momentum)
    known_order(other, 28_000_000_042)
    answer = ask(signed_in(firm.operator), firm.account)
    told = "That order is on Beta of Momentum, not on Alpha."
    assert answer.context["form"].errors == {"account": [told]}
    assert nothing_asked()


def test_an_order_of_a_foreign_desk_is_no_order_at_all(firm):
    known_order(firm.foreign_account, 28_000_000_042)
    answer = ask(signed_in(firm.operator), firm.account, account="", symbol="")
    assert set(answer.context["form"].errors) == {"account", "symbol"}
    assert firm.foreign_account.name not in folded(answer)
    assert nothing_asked()


def test_where_the_person_may_only_look_the_order_is_said_to_be_there(firm):
    known_order(firm.account, 28_000_000_042)
    answer = ask(signed_in(firm.viewer), firm.account, account="", symbol="")
    assert "where you may not cancel" in answer.context["form"].errors["account"][0]
    assert nothing_asked()


def test_several_accounts_with_such_an_order_are_named(firm):
    for account in (firm.account, firm.new_account("Beta", firm.momentum)):
        known_order(account, 28_000_000_042)
    answer = ask(signed_in(firm.operator), firm.account, account="")
    told = "Such orders are on Alpha of Momentum and Beta of Momentum: choose one."
    assert answer.context["form"].errors == {"account": [told]}
    assert nothing_asked()


def test_every_wrong_input_is_marked_at_once(firm):
    wrong = {"account": "", "symbol": "BÜC", "kind": "all", "order_id": "12a"}
    errors = ask(signed_in(firm.operator), firm.account, **wrong).context["form"].errors
    assert set(errors) == {"symbol", "kind", "order_id"}


def test_a_twap_is_not_looked_for_among_orders(firm):
    known_order(firm.account, 28_000_000_042, symbol="ETH")
    ask(signed_in(firm.operator), firm.account, kind="twap")
    assert Cancel.objects.get().symbol == "BTC"


def test_a_known_order_must_be_named_by_its_own_symbol(firm):
    known_order(firm.account, 28_000_000_042, order_type="stop_limit")
    operator = signed_in(firm.operator)
    assert "That order is on BTC" in folded(ask(operator, firm.account, symbol="btc"))
    assert nothing_asked()


def test_a_kind_that_the_type_does_not_suggest_is_taken_and_said(firm):
    known_order(firm.account, 28_000_000_042, order_type="stop_limit")
    operator = signed_in(firm.operator)
    said = folded(operator.get(ask(operator, firm.account).url))
    assert (
        "1 cancel recorded. 28000000042 is a stop limit order: sent as order, then as stop" in said
    )


def test_a_deactivated_account_cannot_be_chosen(firm):
    firm.account.is_active = False
    firm.account.save()
    answer = ask(signed_in(firm.operator), firm.account)
    assert answer.status_code == 422
    assert nothing_asked()


def test_a_foreign_account_is_no_account_and_the_attempt_is_recorded(firm):
    operator = signed_in(firm.operator)
    missing = type("Missing", (), {"pk": 987_654})
    texts = [ask(operator, one).context["form"].errors for one in (firm.foreign_account, missing)]
    assert (
        texts[0]
        == texts[1]
        == {"account": ["There is no such account among your desks' accounts."]}
    )
    assert AuditRecord.objects.filter(event=Event.ACT_REFUSED).count() == 2
    assert nothing_asked()


def test_the_select_offers_only_accounts_where_the_person_may_cancel(firm):
    assert "Canary" not in page(signed_in(firm.operator), "orders_order_cancel_by_id")
    text = page(signed_in(firm.viewer), "orders_order_cancel_by_id")
    assert "Alpha" not in text
    assert "There is no account on which you may cancel." in text


def test_sending_the_form_twice_is_one_job(firm):
    key = str(uuid.uuid4())
    operator = signed_in(firm.operator)
    first, second = (ask(operator, firm.account, request_key=key) for _ in range(2))
    assert first.url == second.url
    assert CancelJob.objects.count() == 1


def test_another_order_typed_into_the_same_form_is_another_job(firm):
    operator, sent = signed_in(firm.operator), {"request_key": str(uuid.uuid4())}
    other = firm.new_account("Beta", firm.momentum)
    ask(operator, firm.account, **sent)
    for account, changed in (
        (firm.account, {"order_id": "28000000043"}),
        (firm.account, {"order_id": "", "client_order_id": SOME_UUID}),
        (firm.account, {"kind": "twap"}),
        (firm.account, {"symbol": "ETH"}),
        (other, {}),
    ):
        Cancel.objects.update(status=CancelStatus.REFUSED)
        answer = ask(operator, account, **sent, **changed)
        assert "1 cancel recorded." in folded(operator.get(answer.url)), changed
    assert CancelJob.objects.count() == 6


def test_the_same_client_order_id_in_capitals_is_the_same_order(firm):
    sent = {"request_key": str(uuid.uuid4()), "order_id": ""}
    for name in (SOME_UUID, SOME_UUID.upper()):
        ask(signed_in(firm.operator), firm.account, client_order_id=name, **sent)
    assert AuditRecord.objects.filter(event=Event.CANCEL_ASKED).count() == 1


def test_an_order_already_being_cancelled_is_skipped_and_said_so(firm):
    operator = signed_in(firm.operator)
    ask(operator, firm.account)
    ask(operator, firm.account)
    assert "1 skipped: already being cancelled" in page(operator, "orders_order_changelist")
    assert Cancel.objects.count() == 1


def test_the_head_of_a_desk_without_accounts_reads_what_is_missing(firm):
    firm.momentum.accounts.update(is_active=False)
    text = folded(signed_in(firm.head).get(url("orders_order_cancel_by_id")))
    assert "Momentum: no active account." in text
    assert "can make you operator" not in text
    text = folded(signed_in(firm.viewer).get(url("orders_order_cancel_by_id")))
    assert "no active account" not in text

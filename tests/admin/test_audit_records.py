"""Audit records: readable, findable, exact, and never counted whole."""

import json
import re

import pytest
from django.db import transaction
from django.utils import timezone

from orders.accounts import provisioning
from orders.admin.audit import payloads
from orders.audit import descriptions, log, sentences
from orders.delivery import worker
from orders.models import AuditRecord, AuditRecordOrder, Event
from orders.panic import decision
from orders.panic import worker as panic_worker
from tests.helpers import plain_words
from tests.helpers.panics import QUICK
from tests.helpers.screens import click, folded, known_order, page, signed_in, url


@pytest.fixture
def delivered(firm):
    """One order cancelled over the paper exchange; its request and answer records."""
    order = firm.order()
    click(signed_in(firm.operator), order)
    worker.deliver_account(account_id=firm.account.pk)
    find = AuditRecord.objects.filter
    return order, find(event=Event.REQUEST).get(), find(event=Event.ANSWER).get()


def test_the_list_tells_what_happened_in_sentences(firm, delivered):
    order, _, _ = delivered
    text = page(signed_in(firm.auditor), "orders_auditrecord_changelist")
    assert f"olivia asked to cancel BTC bid {order.order_id} on Alpha" in text
    assert f"Sent to the exchange: cancel of BTC {order.order_id}, attempt 1." in text
    assert f"about BTC {order.order_id}: cancelled." in text


@pytest.mark.parametrize("end", [1, 2])
def test_request_and_answer_stand_side_by_side_from_either_end(firm, delivered, end):
    _, sent, came = delivered
    text = page(signed_in(firm.auditor), "orders_auditrecord_change", delivered[end].pk)
    signed = sentences.data_of(sent)["signed_text"]
    assert signed.replace('"', "&quot;") in text
    assert "&quot;success&quot;: true" in text
    assert came.hash == AuditRecord.objects.get(pk=came.pk).hash
    assert (sent if end == 1 else came).hash in text


def test_hashes_and_signature_have_a_button_that_says_what_it_copies(firm, delivered):
    _, sent, _ = delivered
    text = page(signed_in(firm.auditor), "orders_auditrecord_change", sent.pk)
    for value, what in (
        (sent.hash, "its own hash"),
        (sent.previous_hash, "the hash before"),
        (sentences.data_of(sent)["signature"], "the signature"),
    ):
        assert f'data-copy="{value}" aria-label="Copy {what}"' in text


def test_a_panics_request_and_answer_stand_side_by_side_too(firm, quick_panic):
    firm.order()
    decision.record_panic(user=firm.head, actor=firm.actor(), desk_id=firm.momentum.pk)
    for line in panic_worker.claim_lines(timezone.now()):
        panic_worker.empty(line, timings=QUICK)
    sent = AuditRecord.objects.filter(event=Event.REQUEST).earliest("position")
    came = AuditRecord.objects.filter(event=Event.ANSWER).earliest("position")
    for record in (sent, came):
        assert payloads.sides_of(record, firm.auditor) == (sent, came)


def test_to_a_day_includes_that_day_and_quick_ranges_keep_the_other_filters(firm, delivered):
    auditor, today = signed_in(firm.auditor), f"{timezone.now():%Y-%m-%d}"
    text = page(auditor, "orders_auditrecord_changelist", to=today, event="answer")
    assert f"about BTC {delivered[0].order_id}: cancelled." in text
    assert f'href="?event=answer&amp;from={today}T00%3A00%3A00">Today' in text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"event": "request"}, True),
        ({"event": "login_failed"}, False),
        ({"operator": "olivia"}, True),
        ({"operator": "nobody"}, False),
        ({"symbol": "BTC"}, True),
        ({"symbol": "btc"}, False),
        ({"from": "2020-01-01T00:00"}, True),
        ({"from": "2199-01-01T00:00"}, False),
        ({"to": "2020-01-01T00:00"}, False),
        ({"outcome": "cancelled"}, False),
    ],
)
def test_filters_find_what_they_say(firm, delivered, query, found):
    text = page(signed_in(firm.auditor), "orders_auditrecord_changelist", **query)
    assert ("Sent to the exchange" in text) is found


def test_a_search_finds_an_order_by_its_whole_id_only(firm, delivered):
    auditor, order_id = signed_in(firm.auditor), str(delivered[0].order_id)
    assert "Sent to" in page(auditor, "orders_auditrecord_changelist", q=order_id)
    assert "Sent to" not in page(auditor, "orders_auditrecord_changelist", q=order_id[:-1])


def test_a_hostile_answer_is_shown_as_text_with_its_hidden_characters(firm):
    body = '<script>alert(1)</script> \u202e "x"'.encode() + b"\xff\x00"
    with transaction.atomic():
        fact = log.Fact(Event.ANSWER, account=firm.account, data={"attempt": 1}, body=body)
        log.append(fact)
    record = AuditRecord.objects.first()
    text = page(signed_in(firm.auditor), "orders_auditrecord_change", record.pk)
    assert "<script>alert(1)" not in text
    assert "‹U+202E›" in text
    assert "‹U+0000›" in text
    assert "\\xff" in text


@pytest.mark.parametrize(
    "text",
    ['{"a":1.10,"a":[1,{"b":"x, {y}: \\"z\\""}],"c":{}}', "[]", '{"n":12345678901234567890.10}'],
)
def test_pretty_json_keeps_every_character_that_means_something(text):
    pretty = payloads.pretty(text)
    assert json.loads(pretty) == json.loads(text)
    for piece in ("1.10", "12345678901234567890.10"):
        assert (piece in pretty) is (piece in text)
    assert pretty.count('"a"') == text.count('"a"')


@pytest.mark.parametrize("text", ["", "<html>", '{"a":', "[" * 100_000, "1" * 5000, "null"])
def test_what_is_no_json_object_is_not_made_pretty(text):
    assert payloads.pretty(text) == ""


def test_the_log_is_never_counted_whole(firm, django_assert_max_num_queries):
    auditor = signed_in(firm.auditor)
    with django_assert_max_num_queries(34) as seen:
        page(auditor, "orders_auditrecord_changelist")
    counts = [q["sql"] for q in seen if "COUNT" in q["sql"] and "orders_auditrecord" in q["sql"]]
    assert all("LIMIT" in sql or "GROUP BY" in sql for sql in counts)


def test_more_records_cost_no_more_queries(firm, django_assert_num_queries):
    auditor, operator, counts = signed_in(firm.auditor), signed_in(firm.operator), []
    for batch in range(2):
        for n in range(10):
            click(operator, known_order(firm.account, 71_000_000_001 + 100 * batch + n))
        with django_assert_num_queries(34, exact=False) as seen:
            page(auditor, "orders_auditrecord_changelist")
        counts.append(len(seen))
    assert counts[0] == counts[1]


def test_records_cannot_be_changed_from_any_screen(firm, delivered):
    _, sent, _ = delivered
    for person in (firm.auditor, firm.administrator):
        client = signed_in(person)
        assert client.post(url("orders_auditrecord_change", sent.pk), {}).status_code == 405
        assert client.post(url("orders_auditrecord_add"), {}).status_code == 403


@pytest.mark.parametrize("event", Event.values)
def test_every_event_has_a_sentence_of_its_own(event):
    assert event in descriptions.SENTENCES


@pytest.mark.parametrize("event", Event.values)
def test_every_event_has_a_sentence_even_where_its_facts_are_missing(event):
    for data in ("{}", "not json", "[1]", '{"changed": {"name": ["a", "b"]}}'):
        assert sentences.of_record(AuditRecord(event=event, data=data)).strip()


@pytest.mark.parametrize(
    ("event", "about", "said"),
    [
        (
            "panic",
            {"scope": "Panic: every order", "reason": "news"},
            "pulled a panic: every order: “n",
        ),
        ("panic", {"again": True, "symbol": "BTC"}, "every BTC order of a job cancelled once"),
        (
            "api_config_key_changed",
            {"set": "k9aB"},
            "gave an API config key to Alpha (it begins with k9aB)",
        ),
        ("api_config_key_changed", {"removed": True}, "took the API config key off Alpha."),
        ("login_failed", {"name_tried": "x", "throttled_for_s": 8}, "refused unseen for 8 s."),
        (
            "login_failed",
            {"name_tried": "x", "step": "second factor"},
            "failed at the second factor",
        ),
    ],
)
def test_a_record_says_what_is_particular_to_it(event, about, said):
    record = AuditRecord(event=event, data=json.dumps(about), account_name="Alpha")
    assert said in sentences.of_record(record)


EMPTY_BOOK = {"account_name": "Alpha", "operator_name": "olivia"}
CANCEL_ALL = "https://test-api.pacifica.fi/api/v1/orders/cancel_all"


@pytest.mark.parametrize(
    ("event", "columns", "data", "symbol", "said"),
    [
        ("request", {}, {"url": CANCEL_ALL}, "", "cancel-all for the open orders of Alpha."),
        ("request", {}, {"url": CANCEL_ALL}, "BTC", "cancel-all for the open BTC orders of Alpha."),
        (
            "outcome",
            {"outcome": "empty"},
            {},
            "",
            "Outcome of the open orders of Alpha: seen empty.",
        ),
        (
            "no_answer",
            {},
            {"reason": "reset"},
            "",
            "No answer about the open orders of Alpha: reset.",
        ),
        (
            "cancel_asked",
            {},
            {"scope": "Panic: every order on 3 accounts of Momentum"},
            None,
            "What the panic of olivia left over is cancelled singly: an order.",
        ),
        ("act_refused", {}, {"asked": "cancel 1 orders"}, None, "refused: cancel 1 order."),
        ("verified", {"outcome": "not_whole"}, {"faults": 1, "records": 1}, None, "1 fault, 1 rec"),
    ],
)
def test_what_concerns_a_whole_book_says_so(event, columns, data, symbol, said):
    row = None if symbol is None else AuditRecordOrder(symbol=symbol)
    record = AuditRecord(event=event, data=json.dumps(data), **EMPTY_BOOK | columns)
    told = sentences.of_record(record, row=row, count=int(row is not None))
    assert said in told
    assert plain_words.faults(told) == []


ODD = (None, "", [], {}, 1, "x", [[]], {"a": 1}, True)
NAMES = """
    scope reason skipped stopped queued under_way symbol again closed url attempt status
    reason elapsed_ms why path proof count owner said is_over public_key changed added set
    role user step throttled_for_s name_tried asked words faults records before sealed_with
    amounts waited number cancels lines shared is_late
""".split()  # noqa: SIM905 a list of them would be forty lines


@pytest.mark.parametrize("event", [*Event.values, "an_event_to_come"])
@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_a_record_with_odd_or_missing_facts_reads_without_them(event, odd):
    for data in ({}, dict.fromkeys(NAMES, odd), *({name: odd} for name in NAMES)):
        for row in (None, AuditRecordOrder(symbol=""), AuditRecordOrder(symbol="BTC", order_id=4)):
            record = AuditRecord(event=event, data=json.dumps(data))
            told = sentences.of_record(record, row=row, count=int(row is not None))
            assert not re.search(r"\bNone\b|\?|\.\.|  |\(\)", told), told


@pytest.mark.parametrize(
    "nonsense",
    [
        "cancel of None.",
        "attempt ?.",
        "Ends..",
        "Two  blanks.",
        "Empty ().",
        "1 orders.",
        "2 order.",
    ],
)
def test_nonsense_in_a_sentence_is_found(nonsense):
    assert plain_words.faults(nonsense)


def test_records_of_a_command_say_so_in_list_page_and_sentence(firm):
    provisioning.add_desk(name="Newly")
    record = AuditRecord.objects.filter(event=Event.DESK_CHANGED).latest("position")
    client = signed_in(firm.administrator)
    for shown in (
        client.get(url("orders_auditrecord_changelist")),
        client.get(url("orders_auditrecord_change", record.pk)),
    ):
        text = folded(shown)
        assert "by the command line" in text
        assert "(command line)" not in text
    assert sentences.of_record(record) == "The command line added desk Newly."

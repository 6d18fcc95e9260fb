"""Audit records: readable, findable, exact, and never counted whole."""

import json

import pytest
from django.db import transaction

from orders import audit, delivery, sentences, telling
from orders.admin import payloads
from orders.models import AuditRecord, Event
from tests.screens import click, known_order, page, signed_in, url


@pytest.fixture
def delivered(firm):
    """One order cancelled over the paper exchange; its request and answer records."""
    order = firm.order()
    click(signed_in(firm.operator), order)
    delivery.deliver_account(account_id=firm.account.pk)
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
        fact = audit.Fact(Event.ANSWER, account=firm.account, data={"attempt": 1}, body=body)
        audit.append(fact)
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
    with django_assert_max_num_queries(24) as seen:
        page(auditor, "orders_auditrecord_changelist")
    counts = [q["sql"] for q in seen if "COUNT" in q["sql"] and "orders_auditrecord" in q["sql"]]
    assert all("LIMIT" in sql or "GROUP BY" in sql for sql in counts)


def test_more_records_cost_no_more_queries(firm, django_assert_num_queries):
    auditor, operator, counts = signed_in(firm.auditor), signed_in(firm.operator), []
    for batch in range(2):
        for n in range(10):
            click(operator, known_order(firm.account, 71_000_000_001 + 100 * batch + n))
        with django_assert_num_queries(30, exact=False) as seen:
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
    assert event in telling.SENTENCES


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
            "book: Panic: every order: “n",
        ),
        ("panic", {"again": True, "symbol": "BTC"}, "every BTC order of job None cancelled once"),
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

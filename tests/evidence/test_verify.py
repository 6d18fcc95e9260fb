"""The walk over the log believes bytes, not what was concluded from them."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.audit import log, reader
from orders.cancels import requests
from orders.delivery import worker
from orders.evidence import checkpoints, verify
from orders.models import AuditRecord, Cancel, Event
from orders.pacifica import signing
from orders.reconcile import resolve


def cancel(firm, count=1, **fields):
    ids = [order.pk for order in firm.orders(count, **fields)]
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)
    worker.deliver_account(account_id=firm.account.pk)


def settle(firm, after_s):
    later = timezone.now() + timedelta(seconds=after_s)
    resolve.settle_account(account_id=firm.account.pk, clock=lambda: later)


def said():
    return [fault.what for fault in verify.verify().faults]


def fact_like(event, **changes):
    """The newest record of this kind as a fact that can be told anew, with something changed."""
    position = AuditRecord.objects.filter(event=event).latest("position").position
    entry = reader.entry_at(position)
    row = AuditRecord.objects.select_related("account", "desk", "job").get(pk=position)
    lines = tuple(
        log.OrderLine(one[2], one[3], one[4], one[5], one[1], one[6], one[7]) for one in entry.rows
    )
    about = {
        "outcome": row.outcome,
        "account": row.account,
        "job": row.job,
        "data": entry.data,
        "body": entry.body,
        "lines": lines,
    }
    return log.Fact(event, **(about | changes))


def test_a_history_too_long_to_keep_still_proves_each_order(firm, monkeypatch):
    monkeypatch.setattr(log, "KEPT_BYTES", 4096)
    firm.paper.fault("/orders/batch", "apply_then_drop", times=2)
    cancel(firm, 20)
    settle(firm, 2)
    assert Cancel.objects.filter(status="cancelled").count() == 20
    read = AuditRecord.objects.get(event=Event.READ, data__contains='"/orders/history"')
    assert read.body_length > 4096
    said_of = {row.order_id: json.loads(row.data) for row in read.order_rows.all()}
    assert all(row["order_status"] == "cancelled" for row in said_of.values())
    assert all(row["order_id"] == order_id for order_id, row in said_of.items())
    assert said() == []
    monkeypatch.setattr("orders.evidence.outcome_checks._object", lambda text: {})
    assert any("without a proof" in what for what in said())


def test_what_is_signed_while_the_walk_goes_on_is_not_missing(firm):
    checkpoints.make()
    until, grown = reader.tip(), []

    def grow(position, until):
        if not grown:
            grown.append(log.record(log.Fact(Event.LOGOUT, desk=firm.momentum)))
            checkpoints.make()

    limits = verify.Limits(says_every=1)
    report = verify.verify(until=until, on_progress=grow, limits=limits)
    assert (report.faults, report.records, len(grown)) == ([], until, 1)
    assert verify.verify(until=until - 2).faults == []
    assert verify.verify().faults == []


def test_a_walk_that_ends_between_a_request_and_its_answer_calls_nothing_lost(firm, monkeypatch):
    cancel(firm)
    sent = AuditRecord.objects.get(event=Event.REQUEST).position
    monkeypatch.setattr(
        "orders.evidence.outcome_checks.clock", lambda: timezone.now() + timedelta(days=1)
    )
    assert verify.verify(until=sent).faults == []
    monkeypatch.setattr("orders.evidence.outcome_checks.ENDS_REQUEST", set())
    assert any("neither an answer" in what for what in said())


def test_a_log_of_all_kinds_of_cancels_is_whole(firm):
    cancel(firm)
    cancel(firm, 12)
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    cancel(firm)
    settle(firm, 2)
    firm.paper.fault("/orders/cancel", "status", status=500, body="")
    cancel(firm)
    report = verify.verify()
    assert (report.faults, report.signatures) == ([], 15)
    assert Cancel.objects.filter(status="cancelled").count() == 14


def test_a_signature_that_does_not_hold_is_named(firm):
    cancel(firm)
    fact = fact_like(Event.REQUEST)
    body = json.loads(fact.body)
    body["signature"] = fact.data["signature"] = "5" * 87
    log.record(
        fact_like(Event.REQUEST, data=fact.data, body=signing.body_bytes(body)),
        fact_like(Event.ANSWER),
    )
    assert said() == ["a signature in it does not hold"]


def test_a_body_that_says_something_else_than_was_signed_is_named(firm):
    cancel(firm)
    body = json.loads(fact_like(Event.REQUEST).body) | {"order_id": 1}
    fact = fact_like(Event.REQUEST, body=signing.body_bytes(body))
    log.record(fact, fact_like(Event.ANSWER))
    assert said() == ["its body says something else than the text recorded as signed"]


def test_order_rows_that_are_not_the_bodys_orders_are_named(firm):
    cancel(firm, 2)
    fact = fact_like(Event.REQUEST)
    log.record(fact_like(Event.REQUEST, lines=fact.lines[::-1]), fact_like(Event.ANSWER))
    assert said() == ["its body names other orders than the record"]


def test_a_key_that_was_never_added_is_named(firm):
    cancel(firm)
    signed = firm.account.agent_wallets.get()
    firm.account.agent_wallets.update(public_key="x")  # the record of its adding stays
    assert said() == []
    fact = fact_like(Event.REQUEST)
    stranger = firm.keypair()
    body = json.loads(fact.body) | {"agent_wallet": str(stranger.pubkey())}
    body["signature"] = signing.sign_text(fact.data["signed_text"], signing.SigningKey(stranger))
    data = fact.data | {"signer": str(stranger.pubkey()), "signature": body["signature"]}
    log.record(
        fact_like(Event.REQUEST, data=data, body=signing.body_bytes(body)), fact_like(Event.ANSWER)
    )
    assert signed.public_key not in str(data)
    assert said() == ["it is signed by a key that the log never saw added"]


def test_a_request_to_anywhere_else_is_named(firm):
    cancel(firm)
    data = fact_like(Event.REQUEST).data | {"url": "http://127.0.0.1/api/v1/orders/create"}
    log.record(fact_like(Event.REQUEST, data=data), fact_like(Event.ANSWER))
    assert said() == ["it is no request that this app sends"]


def test_cancelled_without_a_yes_is_named(firm):
    firm.paper.fault("/orders/cancel", "drop")
    cancel(firm)
    one = Cancel.objects.select_related("account__desk", "job__desk").get()
    line = log.line_of(one, outcome="cancelled")
    claim = log.Fact(Event.OUTCOME, outcome="cancelled", job=one.job, lines=(line,))
    log.record(claim)
    assert said() == ["its order 1 is called cancelled without a proof"]


def test_a_no_is_no_proof_whatever_the_row_says(firm):
    cancel(firm)
    answer = fact_like(Event.ANSWER, body=b'{"success":false,"error":"no"}')
    one = Cancel.objects.get()
    firm.paper.fault("/orders/cancel", "drop")
    cancel(firm)
    other = Cancel.objects.latest("pk")
    lines = (log.line_of(other, outcome="cancelled"),)
    claim = log.Fact(Event.OUTCOME, outcome="cancelled", job=other.job, lines=lines)
    late = log.Fact(
        Event.ANSWER, job=other.job, data=answer.data | {"is_late": True}, body=answer.body,
        lines=lines,
    )  # fmt: skip
    log.record(late, claim)
    assert one.status == "cancelled"
    assert said() == ["its order 1 is called cancelled without a proof"]


def test_a_yes_to_another_order_is_no_proof(firm):
    cancel(firm, 2)
    answer = fact_like(Event.ANSWER)
    body = json.loads(answer.body)
    body["data"]["results"][0]["order_id"] = 7
    firm.paper.fault("/orders/batch", "drop")
    cancel(firm, 2)
    others = Cancel.objects.filter(status="unknown").select_related("account__desk", "job__desk")
    lines = tuple(log.line_of(one, outcome="cancelled") for one in others)
    late = log.Fact(
        Event.ANSWER, job=others[0].job, data=answer.data | {"is_late": True},
        body=signing.body_bytes(body), lines=lines,
    )  # fmt: skip
    log.record(late, log.Fact(Event.OUTCOME, outcome="cancelled", job=others[0].job, lines=lines))
    assert len([what for what in said() if "without a proof" in what]) == 2


def test_a_request_without_answer_is_named_once_its_sender_must_be_dead(firm):
    cancel(firm)
    young = fact_like(Event.REQUEST, at=timezone.now())
    log.record(young)
    assert said() == []
    later = timezone.now() + timedelta(minutes=5)
    log.record(fact_like(Event.ANSWER), fact_like(Event.REQUEST, at=later - timedelta(minutes=9)))
    assert said() == ["this request has neither an answer nor the record of its absence"]


def test_a_second_request_before_the_first_ended_is_named(firm):
    cancel(firm)
    log.record(fact_like(Event.REQUEST), fact_like(Event.REQUEST), fact_like(Event.ANSWER))
    assert said() == ["this request has neither an answer nor the record of its absence"]


def test_an_answer_to_nothing_is_named(firm):
    cancel(firm)
    log.record(fact_like(Event.ANSWER))
    assert said() == ["it answers a request that the log does not hold"]


def test_proofs_are_looked_up_where_memory_is_full(firm, monkeypatch):
    monkeypatch.setattr("orders.evidence.outcome_checks.MAX_KEPT", 1)
    monkeypatch.setattr("orders.audit.reader.CHUNK", 2)
    cancel(firm, 12)
    assert "called cancelled without a proof" not in " ".join(said())


def test_the_number_of_queries_does_not_grow_with_the_log(firm, django_assert_max_num_queries):
    cancel(firm, 12)
    with django_assert_max_num_queries(12):
        verify.verify()


HOSTILE_ROWS = b'{"success":true,"data":[{"order_id":[1],"order_status":"cancelled"}]}'


def test_a_row_whose_order_id_is_a_list_proves_nothing(firm):
    firm.paper.fault("/orders/cancel", "apply_then_drop")
    cancel(firm)
    settle(firm, 2)
    log.record(fact_like(Event.READ, body=HOSTILE_ROWS))
    assert said() == []


@pytest.mark.parametrize("name", ["signature", "agent_wallet"])
def test_a_signature_or_key_that_is_no_text_is_named_and_the_walk_goes_on(firm, name):
    cancel(firm)
    fact = fact_like(Event.REQUEST)
    body = json.loads(fact.body) | {name: [1]}
    recorded = {"signature": "signature", "agent_wallet": "signer"}[name]
    data = fact.data | {recorded: [1]}
    log.record(fact_like(Event.REQUEST, data=data, body=signing.body_bytes(body)))
    log.record(fact_like(Event.ANSWER), fact_like(Event.ANSWER))
    assert said()[-1] == "it answers a request that the log does not hold"
    assert len(said()) == 2


def test_a_record_that_a_check_stumbles_over_is_named_by_its_position(firm):
    data = {"public_key": {"no": "text"}}
    (position,) = log.record(log.Fact(Event.AGENT_WALLET_ADDED, data=data))
    faults = verify.verify().faults
    assert [(one.position, one.what) for one in faults] == [
        (position, "it cannot be checked: TypeError")
    ]


def test_a_report_keeps_the_first_faults_and_counts_them_all(firm):
    cancel(firm)
    for _ in range(3):
        log.record(fact_like(Event.ANSWER))
    heard = []
    report = verify.verify(on_fault=heard.append, limits=verify.Limits(named=2))
    assert (report.faults, report.fault_count, len(heard)) == (heard[:2], 3, 3)


def test_what_is_covered_is_among_what_was_looked_at(firm, run):
    log.record(*(log.Fact(Event.LOGIN) for _ in range(20)))
    checkpoints.make()
    assert run("audit_verify", "--until", "5")[1].startswith("5 records, whole. 5 of them under")
    assert verify.verify().covered == AuditRecord.objects.count() - 1

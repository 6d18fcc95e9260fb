"""Deliver: claim, sign, record, send, record, conclude."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.utils import timezone

from orders.accounts import account_keys
from orders.audit import log, sentences
from orders.cancels import requests
from orders.delivery import batches, claims, packets, send_permission, sending_threads, worker
from orders.evidence import verify
from orders.lifecycle import transitions
from orders.models import (
    AuditRecord,
    Cancel,
    CancelStatus,
    Event,
    JobStatus,
    Membership,
    OrderState,
    Proof,
)
from orders.pacifica import client, signing
from tests.helpers.claims import claim


def ask(firm, *orders, **options):
    user = options.pop("user", firm.operator)
    return requests.cancel_orders(
        user=user, actor=firm.actor(user), order_ids=[o.pk for o in orders], **options
    )


def deliver(firm, **options):
    worker.deliver_account(account_id=firm.account.pk, **options)


def events(**filters):
    """Events of the log in order, without what setting the firm up left there."""
    records = AuditRecord.objects.filter(job__isnull=False, **filters).order_by("position")
    return list(records.values_list("event", flat=True))


def test_an_accepted_cancel_is_cancelled_by_the_answer(firm):
    order = firm.order()
    ask(firm, order, reason="too far out")
    deliver(firm)
    cancel = Cancel.objects.get()
    assert (cancel.status, cancel.proof) == (CancelStatus.CANCELLED, Proof.ANSWER)
    assert not firm.paper.truth()[order.order_id]["is_open"]
    order.refresh_from_db()
    assert order.state == OrderState.CLOSED
    assert cancel.job.status == JobStatus.DONE


def test_every_step_is_recorded_under_the_operators_name(firm):
    ask(firm, firm.order(), reason="too far out")
    deliver(firm)
    assert events() == [Event.CANCEL_ASKED, Event.REQUEST, Event.ANSWER, Event.OUTCOME]
    assert set(AuditRecord.objects.filter(job__isnull=False).values_list("operator_name")) == {
        ("olivia",)
    }


def test_the_recorded_bytes_are_the_ones_the_exchange_got_and_verify(firm):
    ask(firm, firm.order())
    deliver(firm)
    record = AuditRecord.objects.get(event=Event.REQUEST)
    seen = firm.paper.requests("/orders/cancel")[0]
    assert record.body_sha256 == seen["body_sha256"]
    body, data = json.loads(bytes(record.payload.body)), json.loads(record.data)
    payload = {name: body[name] for name in ("symbol", "order_id")}
    header = (body["timestamp"], body["expiry_window"])
    assert data["signed_text"] == signing.canonical_text("cancel_order", payload, *header)
    assert data["signer"] == str(firm.account.agent_keypair.pubkey())


def test_a_request_is_committed_to_the_log_before_its_first_byte_leaves(firm, monkeypatch):
    recorded_before = []
    send = batches.send

    def watched(packs, *args, **options):
        record = AuditRecord.objects.get(event=Event.REQUEST)
        recorded_before.append(record.order_rows.count())
        assert not firm.paper.requests("/orders/batch")
        return send(packs, *args, **options)

    monkeypatch.setattr(batches, "send", watched)
    ask(firm, *firm.orders(3))
    deliver(firm)
    assert recorded_before == [3]


def test_a_stop_order_goes_to_the_stop_route(firm):
    order = firm.order(order_type="stop_limit", stop_price="40000")
    ask(firm, order)
    deliver(firm)
    assert len(firm.paper.requests("/orders/stop/cancel")) == 1
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


def test_an_order_is_named_by_client_order_id_where_that_is_all_we_know(firm):
    client_order_id = "f47ac10b-58cc-4372-a567-0e02b2c3d479"
    firm.paper.orders(firm.account.address, [{"client_order_id": client_order_id}])
    requests.cancel_by_id(
        user=firm.operator,
        actor=firm.actor(),
        account_id=firm.account.pk,
        symbol="BTC",
        client_order_id=client_order_id,
    )
    deliver(firm)
    assert firm.paper.requests("/orders/cancel")[0]["client_order_ids"] == [client_order_id]
    assert Cancel.objects.get().status == CancelStatus.CANCELLED


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "apply_then_drop"},
        {"kind": "drop", "reset": True},
        {"kind": "status", "status": 504, "applied": True},
        {"kind": "status", "status": 500, "body": "<html>oops</html>", "content_type": "text/html"},
        {"kind": "status", "status": 200, "body": '{"success":"true"}'},
        {"kind": "status", "status": 200, "body": ""},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}",
)
def test_an_answer_that_proves_nothing_leaves_the_cancel_unknown(firm, fault):
    ask(firm, firm.order())
    firm.paper.fault("/orders/cancel", **fault)
    deliver(firm)
    cancel = Cancel.objects.get()
    assert cancel.status == CancelStatus.UNKNOWN
    assert cancel.next_check_at is not None
    assert cancel.has_unanswered
    assert cancel.job.status == JobStatus.RUNNING


def test_a_refused_cancel_says_what_to_fix(firm):
    account = firm.new_account("Unbound", firm.momentum, is_bound=False)
    order = firm.orders(account=account)[0]
    ask(firm, order)
    worker.deliver_account(account_id=account.pk)
    cancel = Cancel.objects.get()
    assert cancel.status == CancelStatus.REFUSED
    assert "not bound to this account" in cancel.explanation
    assert firm.paper.truth()[order.order_id]["is_open"]


def test_not_found_is_settled_and_never_called_cancelled(firm):
    order = firm.order()
    firm.paper.fill(order.order_id)
    ask(firm, order)
    deliver(firm)
    cancel = Cancel.objects.get()
    assert cancel.status == CancelStatus.SETTLING
    assert "Failed to cancel order" in cancel.explanation


def test_a_throttled_cancel_is_queued_again_and_not_before_the_reset(firm):
    ask(firm, firm.order())
    headers = {"ratelimit": '"credits";r=0;t=7'}
    firm.paper.fault("/orders/cancel", "status", status=429, headers=headers)
    deliver(firm)
    cancel = Cancel.objects.get()
    assert cancel.status == CancelStatus.QUEUED
    wait_s = (cancel.not_before_at - timezone.now()).total_seconds()
    assert 5 < wait_s <= 7
    assert not cancel.has_unanswered


def test_an_unreachable_exchange_leaves_it_queued_for_nothing_was_sent(firm, settings):
    from orders.exchange import client

    ask(firm, firm.order())
    settings.PACIFICA_URL = "http://127.0.0.1:9/api/v1"
    client.forget()
    deliver(firm)
    cancel = Cancel.objects.get()
    assert cancel.status == CancelStatus.QUEUED
    assert cancel.not_before_at > timezone.now()
    assert "Nothing was sent" in cancel.explanation
    record = AuditRecord.objects.get(event=Event.NOT_SENT)
    said = sentences.of_record(record, row=record.order_rows.get(), count=1)
    assert said == f"Not sent: cancel of BTC {cancel.order_id}: the connection was refused."


def test_what_waited_too_long_for_its_turn_is_not_sent(firm):
    """The clock jumps between signing and sending, as when a sender is suspended."""
    ask(firm, firm.order())
    real, jump = timezone.now, {"by": timedelta(0)}

    def now():
        return real() + jump["by"]

    record_requests = worker.record_requests

    def late(attempts, at):
        jump["by"] = timedelta(seconds=4)
        return record_requests(attempts, at)

    worker.record_requests, restore = late, record_requests
    try:
        worker.deliver(claim(account_id=firm.account.pk, now=now()), clock=now)
    finally:
        worker.record_requests = restore
    assert not firm.paper.requests("/orders/cancel")
    assert Cancel.objects.get().status == CancelStatus.QUEUED
    assert events()[-1] == Event.NOT_SENT


def test_a_second_claim_gets_nothing_that_is_claimed(firm):
    ask(firm, *firm.orders(3))
    now = timezone.now()
    first = claim(account_id=firm.account.pk, now=now)
    assert len(first) == 3
    assert {cancel.attempt for cancel in first} == {1}
    assert claim(account_id=firm.account.pk, now=now) == []


def test_senders_that_looked_at_the_same_moment_share_a_job(firm):
    ask(firm, *firm.orders(5))
    turns = [claims.next_job(firm.account.pk, timezone.now()) for _ in range(2)]
    first, second = (claims.claim(turn, now=timezone.now(), limit=3) for turn in turns)
    assert [len(first), len(second)] == [3, 2]
    assert not {cancel.pk for cancel in first} & {cancel.pk for cancel in second}


def test_a_chunk_holds_one_job_only_urgent_and_oldest_first(firm):
    orders = firm.orders(3)
    ask(firm, orders[2])
    ask(firm, orders[0], orders[1])
    claimed = claim(account_id=firm.account.pk, now=timezone.now())
    assert [cancel.order_id for cancel in claimed] == [orders[2].order_id]


def test_what_arrived_of_a_broken_answer_is_kept(firm, settings):
    from orders.exchange import client

    settings.PACIFICA_DEADLINE_MS = 1000
    client.forget()
    ask(firm, firm.order())
    firm.paper.fault("/orders/cancel", "drip", interval_ms=50)
    deliver(firm)
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    record = AuditRecord.objects.get(event=Event.NO_ANSWER)
    assert json.loads(record.data)["partial"]["status"] == 200
    assert bytes(record.payload.body).startswith(b"{")


def recorded(firm):
    """One claimed chunk, signed and recorded, not yet sent."""
    chunk = claim(account_id=firm.account.pk, now=timezone.now())
    pairs, _ = worker.sign(chunk, timezone.now())
    return worker.record_requests(packets.packed(pairs), timezone.now())


def test_a_late_result_writes_nothing_and_is_kept_as_evidence(firm):
    ask(firm, firm.order())
    packs = recorded(firm)
    batches.send(packs, timezone.now, lambda: False)
    values = {"status": CancelStatus.UNKNOWN, "next_check_at": timezone.now()}
    Cancel.objects.update(claim_token=None, **values)
    assert transitions.conclude(packs, timezone.now()) == []
    assert Cancel.objects.get().status == CancelStatus.UNKNOWN
    answer = AuditRecord.objects.get(event=Event.ANSWER)
    assert json.loads(answer.data)["is_late"] is True
    assert answer.outcome == ""


def test_a_result_for_a_cancel_that_is_no_longer_being_sent_writes_nothing(firm):
    """The token alone is no fence: whatever else moved the cancel on may have left it there."""
    ask(firm, firm.order())
    packs = recorded(firm)
    batches.send(packs, timezone.now, lambda: False)
    Cancel.objects.update(status=CancelStatus.STOPPED)
    assert transitions.conclude(packs, timezone.now()) == []
    cancel = Cancel.objects.get()
    assert (cancel.status, cancel.claim_token) == (
        CancelStatus.STOPPED,
        packs[0].cancels[0].claim_token,
    )


def test_of_two_claims_at_the_same_moment_one_wins(firm, monkeypatch):
    """Both looked when the cancel was queued; the rival's UPDATE came first."""
    ask(firm, firm.order())
    about = {"account_id": firm.account.pk, "now": timezone.now()}
    real, rivals = claims._take, []

    def after_the_look(**which):
        if not rivals:
            rivals.append("looks, too")
            rivals[:] = claim(**about)
        return real(**which)

    monkeypatch.setattr(claims, "_take", after_the_look)
    assert claim(**about) == []
    assert [cancel.attempt for cancel in rivals] == [1]


def test_a_claim_holds_what_its_update_reached_and_no_more(firm, monkeypatch):
    ask(firm, *firm.orders(3))
    first, *others = Cancel.objects.order_by("pk").values_list("pk", flat=True)
    real = claims._take

    def after_the_look(**which):
        taken = {"status": CancelStatus.SENDING, "claim_token": uuid.uuid4(), "attempt": 7}
        Cancel.objects.filter(pk=first).update(**taken)
        return real(**which)

    monkeypatch.setattr(claims, "_take", after_the_look)
    chunk = claim(account_id=firm.account.pk, now=timezone.now())
    assert [(one.pk, one.attempt, one.status) for one in chunk] == [
        (pk, 1, CancelStatus.SENDING) for pk in others
    ]
    assert Cancel.objects.get(pk=first).attempt == 7


def test_a_claim_lost_before_recording_is_not_sent(firm):
    ask(firm, firm.order())
    chunk = claim(account_id=firm.account.pk, now=timezone.now())
    pairs, _ = worker.sign(chunk, timezone.now())
    Cancel.objects.update(claim_token=None)
    assert worker.record_requests(packets.packed(pairs), timezone.now()) == []
    assert not AuditRecord.objects.filter(event=Event.REQUEST).exists()


@pytest.mark.parametrize("loss", ["deactivated", "removed", "demoted", "account"])
def test_an_operator_who_lost_the_right_after_the_click_sends_nothing(firm, loss):
    ask(firm, firm.order())
    membership = Membership.objects.filter(user=firm.operator)
    if loss == "deactivated":
        firm.operator.is_active = False
        firm.operator.save()
    elif loss == "removed":
        membership.delete()
    elif loss == "demoted":
        membership.update(role="viewer")
    else:
        type(firm.account).objects.filter(pk=firm.account.pk).update(is_active=False)
    deliver(firm)
    cancel = Cancel.objects.get()
    assert cancel.status == CancelStatus.REFUSED
    assert cancel.explanation.startswith("Not sent:")
    assert not firm.paper.requests("/orders/cancel")
    assert Event.NOT_SENT in events()


def test_a_disabled_agent_wallet_signs_nothing(firm):
    ask(firm, firm.order())
    wallet = firm.account.agent_wallets.get()
    account_keys.disable_agent_wallet(
        wallet=wallet, user=firm.administrator, actor=firm.actor(firm.administrator)
    )
    deliver(firm)
    assert Cancel.objects.get().status == CancelStatus.REFUSED
    assert "no active agent wallet" in Cancel.objects.get().explanation
    assert not firm.paper.requests("/orders/cancel")


def disable(firm):
    wallet = firm.account.agent_wallets.get()
    account_keys.disable_agent_wallet(
        wallet=wallet, user=firm.administrator, actor=firm.actor(firm.administrator)
    )


def test_an_agent_wallet_disabled_after_it_signed_is_not_sent_for(firm, monkeypatch):
    ask(firm, firm.order())
    sign = worker.sign

    def sign_and_lose(chunk, now):
        signed = sign(chunk, now)
        disable(firm)
        return signed

    monkeypatch.setattr(worker, "sign", sign_and_lose)
    deliver(firm)
    assert not firm.paper.requests("/orders/cancel")
    assert "disabled before the request left" in Cancel.objects.get().explanation
    assert Event.REQUEST not in events()
    assert Event.KEY_REFUSED in events()


def test_an_agent_wallet_disabled_while_requests_wait_their_turn_sends_no_more(firm, monkeypatch):
    ask(firm, *firm.orders(25))
    must_halt, looks = send_permission.must_halt, []

    def disabled_at_the_second_look(job_id, wallet):
        looks.append(job_id)
        if len(looks) == 2:
            disable(firm)
        return must_halt(job_id, wallet)

    monkeypatch.setattr(worker, "must_halt", disabled_at_the_second_look)
    monkeypatch.setattr(sending_threads, "own_pool", lambda: ThreadPoolExecutor(1))
    firm.paper.rules(latency_ms=400)
    deliver(firm)
    firm.paper.rules(latency_ms=0)
    assert len(firm.paper.requests("/orders/batch")) == 1
    statuses = list(Cancel.objects.values_list("status", flat=True))
    assert statuses.count(CancelStatus.CANCELLED) == 10
    assert statuses.count(CancelStatus.QUEUED) == 15  # another agent wallet may sign them


def test_a_damaged_sealed_key_refuses_and_is_recorded(firm):
    from orders.models import SealedKey

    ask(firm, firm.order())
    sealed = SealedKey.objects.get(agent_wallet__account=firm.account)
    raw = bytearray(sealed.sealed)
    raw[40] ^= 1
    SealedKey.objects.filter(pk=sealed.pk).update(sealed=bytes(raw))
    deliver(firm)
    assert Cancel.objects.get().status == CancelStatus.REFUSED
    assert Event.KEY_REFUSED in events()


def test_the_log_is_whole_after_a_busy_day(firm):
    ask(firm, *firm.orders(5))
    firm.paper.fault("/orders/batch", "apply_then_drop")
    deliver(firm)
    assert verify.verify().is_whole


@pytest.mark.parametrize(
    ("size", "read"), [(300_000, 300_000), (5_000_000, client.MAX_SIGNED_ANSWER_BYTES)]
)
def test_a_long_answer_is_kept_by_its_beginning_and_the_sums_of_what_was_read(firm, size, read):
    ask(firm, firm.order())
    firm.paper.fault("/orders/cancel", "huge", size=size)
    deliver(firm)
    record = AuditRecord.objects.get(event=Event.ANSWER)
    assert (record.body_length, json.loads(record.data)["is_whole"]) == (read, read == size)
    assert len(bytes(record.payload.body)) == log.KEPT_BYTES
    outcome = CancelStatus.CANCELLED if read == size else CancelStatus.UNKNOWN
    assert Cancel.objects.get().status == outcome

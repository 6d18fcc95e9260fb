"""Ten cancels in one request: each item counts by itself, one culprit fails alone."""

import json
import threading
import time
import types
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.utils import timezone

from orders.cancels import requests
from orders.delivery import batches, one_request, openings, packets, sending_threads, worker
from orders.models import AuditRecord, Cancel, CancelKind, CancelStatus, Event
from orders.pacifica import signing
from orders.pacifica.side_by_side import SideBySide
from orders.pacifica.talk import Talk
from tests.helpers.claims import claim


def ask(firm, orders):
    ids = [order.pk for order in orders]
    requests.cancel_orders(user=firm.operator, actor=firm.actor(), order_ids=ids)


def deliver(firm):
    worker.deliver_account(account_id=firm.account.pk)


def statuses():
    return list(Cancel.objects.order_by("pk").values_list("status", flat=True))


def test_orders_go_ten_to_a_request_that_fits_the_body_bound(firm):
    ask(firm, firm.orders(25))
    deliver(firm)
    seen = firm.paper.requests("/orders/batch")
    assert sorted(len(one["order_ids"]) for one in seen) == [5, 10, 10]
    sizes = AuditRecord.objects.filter(event=Event.REQUEST).values_list("body_length", flat=True)
    assert max(sizes) <= packets.MAX_BYTES
    assert set(statuses()) == {CancelStatus.CANCELLED}


def test_long_client_order_ids_still_fit_the_body_bound(firm):
    rows = [{"client_order_id": f"f47ac10b-58cc-4372-a567-0e02b2c3d4{n:02d}"} for n in range(12)]
    firm.paper.orders(firm.account.address, rows)
    ids = [(None, row["client_order_id"]) for row in rows]
    requests.cancel_by_ids(
        user=firm.operator,
        actor=firm.actor(),
        account_id=firm.account.pk,
        symbol="BTC",
        kind="order",
        ids=ids,
    )
    deliver(firm)
    assert set(statuses()) == {CancelStatus.CANCELLED}
    sizes = AuditRecord.objects.filter(event=Event.REQUEST).values_list("body_length", flat=True)
    assert max(sizes) <= packets.MAX_BYTES


def test_stops_go_in_the_same_batch_and_twaps_alone(firm):
    firm.orders(2, order_type="stop_limit", stop_price="40000")
    ask(firm, [*firm.orders(2), *firm.account.orders.filter(order_type="stop_limit")])
    deliver(firm)
    assert set(statuses()) == {CancelStatus.CANCELLED}
    assert len(firm.paper.requests("/orders/batch")) == 1


def test_each_item_of_a_batch_counts_by_its_own_success(firm):
    orders = firm.orders(3)
    firm.paper.fill(orders[1].order_id)
    ask(firm, orders)
    deliver(firm)
    assert statuses() == ["cancelled", "settling", "cancelled"]
    assert AuditRecord.objects.get(event=Event.ANSWER).outcome == "mixed"


def test_one_culprit_does_not_take_its_batch_along(firm):
    """An action the exchange cannot verify refuses the whole batch; its neighbours get through."""
    orders = firm.orders(4)
    ask(firm, orders)
    Cancel.objects.filter(order_id=orders[2].order_id).update(symbol="NOPE")
    body = json.dumps(
        {"success": False, "data": None, "error": "Invalid batch operation parameters", "code": 400}
    )
    firm.paper.fault("/orders/batch", "status", status=400, body=body)
    deliver(firm)
    deliver(firm)
    by_order = dict(Cancel.objects.values_list("order_id", "status"))
    assert [by_order[o.order_id] for o in orders][:2] == ["cancelled", "cancelled"]
    assert by_order[orders[2].order_id] != "cancelled"
    assert by_order[orders[3].order_id] == "cancelled"


def test_a_cancel_that_cannot_be_signed_does_not_take_its_chunk_along(firm):
    orders = firm.orders(3)
    ask(firm, orders)
    Cancel.objects.filter(order_id=orders[1].order_id).update(symbol="BÄR")
    deliver(firm)
    assert statuses() == ["cancelled", "refused", "cancelled"]
    refused = Cancel.objects.get(status=CancelStatus.REFUSED)
    assert "printable ASCII" in refused.explanation
    record = AuditRecord.objects.get(event=Event.NOT_SENT)
    assert list(record.order_rows.values_list("order_id", flat=True)) == [refused.order_id]


def test_a_chunk_of_which_nothing_can_be_signed_sends_nothing(firm):
    ask(firm, firm.orders(1))
    Cancel.objects.update(symbol="BÄR")
    deliver(firm)
    assert statuses() == ["refused"]
    assert firm.paper.requests() == firm.paper.requests("/orders")


def test_a_batch_refused_for_the_agent_wallet_is_not_sent_ten_times_more(firm):
    account = firm.new_account("Unbound", firm.momentum, is_bound=False)
    ask(firm, firm.orders(5, account=account))
    worker.deliver_account(account_id=account.pk)
    assert set(statuses()) == {CancelStatus.REFUSED}
    assert len(firm.paper.requests("/orders/batch")) == 1
    assert not firm.paper.requests("/orders/cancel")


@pytest.mark.parametrize("kind", ["apply_then_drop", "status"])
def test_a_batch_without_a_clear_answer_is_unknown_for_all(firm, kind):
    ask(firm, firm.orders(3))
    firm.paper.fault("/orders/batch", kind)
    deliver(firm)
    assert set(statuses()) == {CancelStatus.UNKNOWN}


def test_a_batch_with_the_wrong_number_of_results_is_unknown_for_all(firm):
    ask(firm, firm.orders(3))
    body = '{"success":true,"data":{"results":[{"success":true},{"success":true}]}}'
    firm.paper.fault("/orders/batch", "status", status=200, body=body)
    deliver(firm)
    assert set(statuses()) == {CancelStatus.UNKNOWN}


def test_a_batch_that_answers_for_another_order_is_unknown_for_all(firm):
    ask(firm, firm.orders(2))
    results = [{"success": True, "order_id": 7}, {"success": True}]
    body = json.dumps({"success": True, "data": {"results": results}})
    firm.paper.fault("/orders/batch", "status", status=200, body=body)
    deliver(firm)
    assert set(statuses()) == {CancelStatus.UNKNOWN}


def test_every_signature_of_a_batch_is_on_record_with_its_text(firm):
    ask(firm, firm.orders(3))
    deliver(firm)
    record = AuditRecord.objects.get(event=Event.REQUEST)
    data, body = json.loads(record.data), json.loads(bytes(record.payload.body))
    for action, text, signature in zip(
        body["actions"], data["signed_texts"], data["signatures"], strict=True
    ):
        signed = action["data"]
        payload = {name: signed[name] for name in ("symbol", "order_id")}
        header = (signed["timestamp"], signed["expiry_window"])
        assert text == signing.canonical_text("cancel_order", payload, *header)
        assert signature == signed["signature"]
    assert record.order_rows.count() == 3


def ready_to_send(firm, count):
    """Packets of so many cancels, claimed, signed and recorded."""
    ask(firm, firm.orders(count))
    chunk = claim(account_id=firm.account.pk, now=timezone.now())
    pairs, _ = worker.sign(chunk, timezone.now())
    return worker.record_requests(packets.packed(pairs), timezone.now())


@pytest.fixture
def in_threads(firm, monkeypatch):
    """As through a proxy: each request is sent by a thread of its own."""
    monkeypatch.setattr(batches.client(), "side_by_side", lambda at_most: None)


@pytest.fixture(params=["beside", "in threads"])
def one_at_a_time(request, firm, monkeypatch):
    """One connection or thread for all requests, so that others wait for it."""
    monkeypatch.setattr(sending_threads, "own_pool", lambda: ThreadPoolExecutor(1))
    if request.param == "in threads":
        request.getfixturevalue("in_threads")
    else:
        batches.client().open_one()


def test_what_a_stopped_job_had_not_sent_stays_unsent(firm, one_at_a_time):
    """The look at the job while packets wait for a thread, or a connection."""
    packs = ready_to_send(firm, 25)
    firm.paper.rules(latency_ms=400)
    looks = iter([False])  # before the first one leaves
    batches.send(packs, timezone.now, lambda: next(looks, True))
    firm.paper.rules(latency_ms=0)
    assert [pack.result is not None for pack in packs] == [True, False, False]


def test_what_was_handed_to_a_thread_that_is_late_stays_unsent_too(firm, monkeypatch, in_threads):
    """The look goes on until the last one has really begun to leave."""
    packs, stopped = ready_to_send(firm, 25), threading.Event()
    monkeypatch.setattr(sending_threads, "own_pool", lambda: ThreadPoolExecutor(1))
    send, looks = one_request.send, iter([False, False, False])  # one before each is handed over

    def slow(*about):
        assert stopped.wait(60)
        send(*about)

    def look():
        if next(looks, True):
            stopped.set()
        return stopped.is_set()

    monkeypatch.setattr(one_request, "send", slow)
    batches.send(packs, timezone.now, look)
    assert [pack.result is not None for pack in packs] == [True, False, False]


def test_a_look_that_fails_is_a_halt_and_keeps_the_answers(firm, one_at_a_time):
    """The database may be gone while requests wait."""
    packs = ready_to_send(firm, 25)
    firm.paper.rules(latency_ms=300)
    looks = iter([False])  # and then it fails
    batches.send(packs, timezone.now, lambda: next(looks))
    assert [pack.result is not None for pack in packs] == [True, False, False]


def break_off(monkeypatch, route):
    """Something nobody thought of befalls requests to a route once their answers have come."""
    real = Talk.answer

    def answer(talk):
        if talk.url.endswith(route):
            raise MemoryError("secret")
        return real(talk)

    monkeypatch.setattr(Talk, "answer", answer)


@pytest.mark.parametrize("way", ["beside", "in threads"])
@pytest.mark.parametrize("count", [1, 11])
def test_a_request_that_breaks_off_unexpectedly_may_have_been_sent(
    firm, monkeypatch, request, count, way
):
    if way == "in threads":
        request.getfixturevalue("in_threads")
    ask(firm, firm.orders(count))
    break_off(monkeypatch, "/orders/batch" if count > 1 else "/orders/cancel")
    deliver(firm)
    alone = ["cancelled"] * (count - 10)
    assert sorted(statuses()) == alone + ["unknown"] * min(count, 10)
    record = AuditRecord.objects.get(event=Event.NO_ANSWER)
    assert "MemoryError" in record.data
    assert "secret" not in record.data


def test_a_thread_that_cannot_be_had_leaves_nothing_to_be_sent_later(firm, monkeypatch, in_threads):
    """A machine may refuse more threads; what was handed to those there are is waited for."""
    packs = ready_to_send(firm, 35)
    firm.paper.rules(latency_ms=300)
    start, started = threading.Thread.start, []

    def few(thread):
        started.append(thread)
        if len(started) > 2:
            raise RuntimeError("can't start new thread")
        start(thread)

    sending_threads.let_go()
    monkeypatch.setattr(threading.Thread, "start", few)
    batches.send(packs, timezone.now, lambda: False)
    firm.paper.rules(latency_ms=0)
    sent = [pack.result is not None for pack in packs]
    assert (sent[:2], sent[3]) == ([True, True], False)


def test_nor_does_one_that_was_to_open_a_connection_ahead(firm, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    ask(firm, firm.orders(25))
    chunk = claim(account_id=firm.account.pk, now=timezone.now())
    sending_threads.let_go()
    with monkeypatch.context() as refusing:
        refusing.setattr(threading.Thread, "start", refuse)
        assert openings.make_ready(chunk) is None
    worker.deliver(chunk)
    assert set(statuses()) == {"cancelled"}


def test_connections_are_opened_ahead_and_all_requests_leave_at_once(firm):
    ask(firm, firm.orders(45))
    firm.paper.rules(latency_ms=200)
    deliver(firm)
    firm.paper.rules(latency_ms=0)
    came = [entry["at_ms"] for entry in firm.paper.requests("/orders/batch")]
    assert len(came) == 5
    assert max(came) - min(came) < 200
    assert set(statuses()) == {"cancelled"}


def test_where_no_connection_can_be_had_nothing_was_sent(firm, monkeypatch):
    ask(firm, firm.orders(25))
    monkeypatch.setattr(batches.client(), "base_url", "http://127.0.0.1:1/api/v1")
    deliver(firm)
    assert set(statuses()) == {"queued"}
    explained = set(Cancel.objects.values_list("explanation", flat=True))
    assert all("refused" in each for each in explained), explained


@pytest.mark.parametrize(("has_told", "kept"), [(False, "AnswerLost"), (True, "Answer")])
def test_what_ends_the_sender_of_many_loses_no_answer_that_came(firm, monkeypatch, has_told, kept):
    """What had left and did not come back may have arrived."""
    packs = ready_to_send(firm, 25)
    for _ in range(3):
        batches.client().open_one()
    real, told = SideBySide.wait, []

    def wait(door, at_most_s):
        if told or not has_told:
            raise MemoryError("secret")
        first, *door._done = real(door, 60)
        told.append(first)
        return told

    monkeypatch.setattr(SideBySide, "wait", wait)
    batches.send(packs, timezone.now, lambda: False)
    ends = {type(pack.result).__name__ for pack in packs}
    assert kept in ends
    assert ends <= {"Answer", "AnswerLost"}


def test_what_finds_no_connection_does_not_wait_for_another_one_s_answer(firm):
    """One connection stands, and its request is not answered for long."""
    packs = ready_to_send(firm, 25)
    firm.paper.rules(latency_ms=1000)
    batches.client().open_one()
    began = time.monotonic()
    batches.send(packs, timezone.now, lambda: False)
    took_s = time.monotonic() - began
    firm.paper.rules(latency_ms=0)
    assert all(pack.result is not None for pack in packs)
    assert took_s < 2


def test_a_stop_while_a_connection_is_opened_keeps_the_first_from_leaving(firm, monkeypatch):
    packs, may_open = ready_to_send(firm, 25), threading.Event()
    batches.client().close()
    real = batches.client().open_one
    monkeypatch.setattr(batches.client(), "open_one", lambda: (may_open.wait(20), real()))
    opening = openings.make_ready([cancel for pack in packs for cancel in pack.cancels])
    looks = iter([False, False])

    def look():
        is_over = next(looks, True)
        if is_over:
            may_open.set()
        return is_over

    batches.send(packs, timezone.now, look, opening=opening)
    assert [pack.result for pack in packs] == [None] * 3
    assert firm.paper.requests("/orders/batch") == []


def test_twaps_have_a_connection_each():
    def of(kind, **about):
        return types.SimpleNamespace(kind=kind, send_alone=False, **about)

    asked = []
    chunk = [of(CancelKind.TWAP) for _ in range(7)] + [of(CancelKind.ORDER) for _ in range(11)]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(openings, "client", lambda: types.SimpleNamespace(missing=asked.append))
        openings.make_ready(chunk)
    assert asked == [9]


def test_what_finds_no_connection_waits_for_an_opening_that_hangs_but_a_moment(firm, monkeypatch):
    packs, may_open = ready_to_send(firm, 25), threading.Event()
    batches.client().close()
    monkeypatch.setattr(batches.client(), "open_one", lambda: may_open.wait(20))
    opening = openings.make_ready([cancel for pack in packs for cancel in pack.cancels])
    batches.send(packs, timezone.now, lambda: False, opening=opening)
    assert not opening.is_over
    may_open.set()
    assert all(pack.result is not None for pack in packs)


def test_openings_that_hang_leave_the_threads_that_send_free(firm, monkeypatch):
    """However many chunks were made ready and then not sent."""
    may_open = threading.Event()
    monkeypatch.setattr(batches.client(), "missing", lambda wanted: wanted)
    monkeypatch.setattr(batches.client(), "open_one", lambda: may_open.wait(20))
    packs = ready_to_send(firm, 25)
    chunk = [cancel for pack in packs for cancel in pack.cancels] * 4
    found = {id(openings.make_ready(chunk)) for _ in range(40)}
    may_open.set()
    batches.send(packs, timezone.now, lambda: False, opening=openings.make_ready(chunk))
    assert len(found) == 1
    assert all(pack.result is not None for pack in packs)


def test_two_threads_that_send_share_no_pool():
    """An urgent request would queue behind bulk's, which may hang."""
    with ThreadPoolExecutor(2) as threads:
        both = threading.Barrier(2)
        found = [
            threads.submit(lambda: (both.wait(5), sending_threads.own_pool())) for _ in range(2)
        ]
    assert len({id(one.result()[1]) for one in found}) == 2
    assert sending_threads.own_pool() is sending_threads.own_pool()


def test_connections_of_every_sending_thread_are_kept(firm, settings, caplog):
    """Else two chunks under way together would close each other's and connect anew."""
    at_once = openings.THREADS * settings.BULK_THREADS
    firm.paper.rules(latency_ms=200)
    with ThreadPoolExecutor(at_once) as threads:
        list(threads.map(lambda _: batches.client().post("/orders/cancel", b"{}"), range(at_once)))
    assert "discarding" not in caplog.text

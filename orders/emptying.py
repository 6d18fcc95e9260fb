"""Empty a book: cancel-all first, then read back and finish what is left, one by one.

Needs neither Celery nor a broker. A cancel-all whose answer was lost is never sent again by
itself: it could hit orders that are newer than the decision.
"""

import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.utils.timezone import now as clock

from orders import (
    asking,
    audit,
    concluding,
    credits,
    delivery,
    judging,
    packets,
    panic_facts,
    reading,
    syncing,
)
from orders.exchange import THREADS, client
from orders.keys import CannotOpen, KeySettingsWrong, open_api_config_key, open_signer
from orders.models import AgentWallet, CancelKind, CancelStatus, Event, PanicLine, PanicStatus
from orders.pacifica import answers, reads
from orders.pacifica.client import Answer, Unreachable
from orders.targets import Target, kind_of_type

LEASE = timedelta(seconds=30)
DEADLINE_S = 30
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2
AGAIN_AFTER = timedelta(seconds=1)

# The threads of one process write in turns: SQLite lets those that collide sleep up to 0.1 s.
_turn = threading.Lock()


class Emptier:
    """Carries panic lines in threads of its own, so that the next panic is seen at once."""

    def __init__(self):
        self._pool = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="panic")

    def take_due(self, now):
        """Claim every line that no living sender holds and start on it; the futures."""
        return [self._pool.submit(_in_thread, line) for line in take(now)]

    def close(self):
        """Wait for what is under way."""
        self._pool.shutdown()


def take(now, **only) -> list[PanicLine]:
    """Every free line with a fresh claim; one UPDATE, for the first must not wait for the last.

    ``only``: which lines to look at. Nothing is written where there is nothing to take.
    """
    free, token = PanicLine.objects.free(now).filter(**only), uuid.uuid4()
    if not free.exists() or not free.update(claim_token=token, lease_until=now + LEASE):
        return []
    lines = PanicLine.objects.select_related("account__desk", "job__desk", "job__operator")
    return list(lines.filter(claim_token=token))


def carry(line):
    """One account from cancel-all to an empty book, or to a person."""
    _carry(line)
    _read_in(line.job)


def _read_in(job):
    """Bring the known orders up to date, once that slows the emptying of no other book."""
    if job.panic_lines.unfinished().exists():
        return
    emptied = job.panic_lines.filter(status=PanicStatus.EMPTY)
    for account_id in list(emptied.values_list("account_id", flat=True)):
        syncing.sync_account(account_id=account_id)


def _carry(line):
    why_not = delivery.may_not_send(line.job, line.account, panic=True)
    if why_not:
        return _rest(line, PanicStatus.NEEDS_YOU, why_not)
    if line.status == PanicStatus.SENDING:  # its sender died: the answer is lost, not repeated
        _lose(line)
    elif line.status == PanicStatus.WAITING and not _cancel_all(line):
        return None
    return _finish(line)


LOST = "The answer to cancel-all was lost; it is not sent again unless you say so."


def _lose(line):
    """Record that a sender died between the request and its answer; reading back goes on."""
    with transaction.atomic():
        _keep(line, status=PanicStatus.FINISHING, explanation=LOST)
        about = panic_facts.base(line)
        audit.append(audit.Fact(Event.SENDER_LOST, data={"explanation": LOST}, **about))


def _in_thread(line):
    try:
        carry(line)
    finally:
        packets.let_go()
        connection.close()


def _cancel_all(line) -> bool:
    """Sign, record, send and record one cancel-all; whether to go on to reading back."""
    try:
        signer, wallet = _signer(line)
    except (CannotOpen, KeySettingsWrong) as error:
        _rest(line, PanicStatus.NEEDS_YOU, str(error), Event.KEY_REFUSED)
        return False
    request = signer.cancel_all(
        symbol=line.symbol, exclude_reduce_only=line.keep_reduce_only, **_times()
    )
    sent_at = clock()
    also = {"status": PanicStatus.SENDING, "sent_at": sent_at, "cancel_alls": F("cancel_alls") + 1}
    result = _exchange(line, request, also)
    AgentWallet.objects.filter(pk=wallet.pk).update(last_used_at=sent_at)
    return _conclude(line, result)


def _conclude(line, result) -> bool:
    """What the answer to cancel-all makes of the line."""
    verdict = None
    if isinstance(result, Answer):
        verdict = answers.cancel_all_verdict(result.status, result.body, is_whole=result.is_whole)
    elif not result.may_have_been_sent:
        return _wait_and_repeat(line, result, f"Nothing was sent: {result.reason}.")
    if verdict is not None and verdict.kind == "throttled":
        return _wait_and_repeat(line, result, "The exchange asked us to slow down (429).")
    values, is_over = _concluded(verdict)
    with _turn, transaction.atomic():
        _keep(line, answered_at=clock(), **values)
        audit.append(panic_facts.answer_fact(line, result, verdict.kind if verdict else "unknown"))
    if is_over:
        _rest(line, PanicStatus.NEEDS_YOU, values["explanation"])
    return not is_over


def _concluded(verdict):
    """Columns for a verdict, and whether a person must act before anything more can be done."""
    values = {"status": PanicStatus.FINISHING}
    if verdict is None or verdict.kind not in {"accepted", "refused"}:
        return values | {"explanation": LOST}, False
    if verdict.kind == "accepted":
        said = f"The exchange cancelled {verdict.count}."
        return values | {"cancelled_count": verdict.count, "explanation": said}, False
    said = f"{verdict.hint} The exchange said: {verdict.error}".strip()[:400]
    return values | {"explanation": said}, verdict.cause in judging.ABOUT_ALL | {"signature"}


def _wait_and_repeat(line, result, said) -> bool:
    """What certainly did nothing may be sent again by itself, a moment later."""
    with transaction.atomic():
        audit.append(panic_facts.answer_fact(line, result, "waiting"))
        _keep(
            line,
            status=PanicStatus.WAITING,
            explanation=f"{said} It is sent again.",
            lease_until=clock() + AGAIN_AFTER,
        )
    return False


def _finish(line):
    """Read back until the book is seen empty or the time is over, cancelling what is left."""
    reader = reading.Reader(line.account)
    ends_at, pause_s, strategies = time.monotonic() + DEADLINE_S, FIRST_PAUSE_S, set()
    while True:
        left, readings, trouble = _look(line, reader)
        if not trouble and not left:
            return _seen_empty(line, readings)
        if not _keep(line, left_open=len(left), lease_until=clock() + LEASE):
            return None  # another sender took over
        if time.monotonic() > ends_at:
            said = trouble or f"{len(left)} still listed after {DEADLINE_S} s."
            return _rest(line, PanicStatus.NEEDS_YOU, f"{said} {line.explanation}"[:400])
        _cancel_left(line, left, strategies)
        time.sleep(pause_s)
        pause_s = min(LONGEST_PAUSE_S, pause_s * 1.6)


def _look(line, reader):
    """(rows in scope, readings, why a read proved nothing) of book, TWAPs and strategies."""
    where, rows, readings = {"account": line.account.address}, [], []
    for path, parse in ROUTES:
        answer = reader.ask(path, where, parse)
        readings.append(answer)
        if answer.value is None:
            return rows, readings, f"{path} could not be read: {answer.why}."
        found = getattr(answer.value, "rows", answer.value)
        rows += [(path, row) for row in found if _in_scope(line, row)]
    return rows, readings, ""


ROUTES = [
    ("/orders", reads.open_orders),
    ("/orders/twap", reads.twap_orders),
    ("/order_strategies", reads.order_strategies),
]


def _in_scope(line, row):
    if line.symbol and row.symbol and row.symbol != line.symbol:
        return False
    return not (line.keep_reduce_only and row.raw.get("reduce_only") is True)


def _cancel_left(line, left, strategies):
    """Each that is left by its own route; strategies first, for they place orders again."""
    for path, row in left:
        if path == "/order_strategies" and row.strategy_id not in strategies:
            strategies.add(row.strategy_id)
            _cancel_strategy(line, row.strategy_id)
    settled = line.job.cancels.filter(account=line.account, status=CancelStatus.CANCELLED)
    done = set(settled.values_list("order_id", flat=True))  # the book may lag behind the answer
    rows = [one for one in left if one[0] != "/order_strategies" and one[1].order_id not in done]
    ids = [row.order_id for _, row in rows]
    known = {one.order_id: one for one in line.account.orders.filter(order_id__in=ids)}
    targets = [_target(line, path, row, known.get(row.order_id)) for path, row in rows]
    if targets and asking.extend(line.job, targets):
        delivery.deliver_account(account_id=line.account_id, is_urgent_only=True)
        _keep(line, last_sent_at=clock())


def _target(line, path, row, known):
    kind = CancelKind.TWAP if path == "/orders/twap" else kind_of_type(row.order_type)
    return Target(line.account, row.symbol, kind, row.order_id, row.client_order_id, known)


def _cancel_strategy(line, strategy_id):
    signer, _ = _signer(line)
    result = _exchange(line, signer.cancel_strategy(strategy_id=strategy_id, **_times()), {})
    with transaction.atomic():
        audit.append(panic_facts.answer_fact(line, result, ""))


def _exchange(line, request, also):
    """Record one signed request of this line, send it; the `Answer` or `Unreachable`."""
    about = {"wanted": 1, "price": delivery.PRICE, "purpose": credits.URGENT}
    with _turn, transaction.atomic():
        grant = credits.take(account=line.account, now=clock(), **about)
        _keep(line, last_sent_at=clock(), lease_until=clock() + LEASE, **also)
        audit.append(panic_facts.request_fact(line, request))
    try:
        key = open_api_config_key(line.account)
        result = client().post(request.route, request.body, api_config_key=key)
    except Unreachable as unreachable:
        result = unreachable
    quota = answers.quota(result.headers) if isinstance(result, Answer) else None
    with _turn:
        credits.settle(grant=grant, unused=0, quota=quota, now=clock())
    return result


def _seen_empty(line, readings):
    now = clock()
    with _turn, transaction.atomic():
        _keep(line, status=PanicStatus.EMPTY, seen_empty_at=now, left_open=0, lease_until=None)
        facts = [panic_facts.read_fact(line, each, now) for each in readings]
        facts.append(panic_facts.outcome_fact(line, PanicStatus.EMPTY, line.explanation, now))
        audit.append(*facts)
        concluding.finish_jobs({line.job_id}, now)


def _rest(line, status, explanation, *events):
    """Leave the line to a person; ``events``: what else the log shall say of it."""
    now, base, why = clock(), panic_facts.base(line), {"why": explanation}
    facts = [audit.Fact(event=event, at=now, data=why, **base) for event in events]
    with transaction.atomic():
        _keep(line, status=status, explanation=explanation[:400], lease_until=None)
        audit.append(*facts, panic_facts.outcome_fact(line, status, explanation, now))
        concluding.finish_jobs({line.job_id}, now)


def _keep(line, **values) -> int:
    """Write to the line under its own claim; 0 where another sender holds it by now."""
    for name in ("explanation", "status"):
        if name in values:
            setattr(line, name, values[name])
    return PanicLine.objects.filter(pk=line.pk, claim_token=line.claim_token).update(**values)


def _signer(line):
    wallet = delivery.signing_wallet(line.account)
    return open_signer(wallet, despite_age=True), wallet


def _times():
    window = settings.PACIFICA_EXPIRY_WINDOW_MS
    return {"timestamp": int(clock().timestamp() * 1000), "expiry_window": window}

"""Read a book back after its cancel-all and cancel what is left, one by one, until it is empty."""

import time

from django.utils.timezone import now as clock

from orders import asking, delivery, reading
from orders.models import CancelKind, CancelStatus
from orders.pacifica import reads
from orders.panic_lines import LEASE, answered, keep, rest, seen_empty
from orders.panic_requests import exchange, signer_of, times
from orders.targets import Target, kind_of_type

DEADLINE_S = 30
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2


def finish(line):
    """Read back until the book is seen empty or the time is over, cancelling what is left."""
    reader = reading.Reader(line.account)
    ends_at, pause_s, strategies = time.monotonic() + DEADLINE_S, FIRST_PAUSE_S, set()
    while True:
        left, readings, trouble = _look(line, reader)
        if not trouble and not left:
            return seen_empty(line, readings)
        keep(line, left_open=len(left), lease_until=clock() + LEASE)
        if time.monotonic() > ends_at:
            said = trouble or f"{len(left)} still listed after {DEADLINE_S} s."
            return rest(line, f"{said} {line.explanation}"[:400])
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
        keep(line, last_sent_at=clock())


def _target(line, path, row, known):
    kind = CancelKind.TWAP if path == "/orders/twap" else kind_of_type(row.order_type)
    return Target(line.account, row.symbol, kind, row.order_id, row.client_order_id, known)


def _cancel_strategy(line, strategy_id):
    signer, _ = signer_of(line)
    request = signer.cancel_strategy(strategy_id=strategy_id, **times())
    exchange(line, request, lambda result, before: answered(line, result, "answered"))

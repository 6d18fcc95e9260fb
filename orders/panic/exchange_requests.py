"""Sign, record and send the requests of a panic's line: a cancel-all, or strategies' cancels."""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, transaction
from django.utils.timezone import now as clock

from orders.audit import log
from orders.delivery import send_permission, worker
from orders.exchange import credits, foreign_answers
from orders.exchange.client import client, is_stale
from orders.exchange.readings import Reading
from orders.keys.sealing import open_api_config_key, open_signer
from orders.keys.signer import SignedRequest, Signer
from orders.lifecycle import panic_facts
from orders.models import AgentWallet, PanicLine
from orders.models.cancels import LEASE
from orders.pacifica import answers
from orders.pacifica.quota import slow_down_s
from orders.pacifica.reads import Listed
from orders.pacifica.rows import OrderStrategy
from orders.pacifica.transport import Answer, NothingSent, Unreachable, has_left
from orders.pacifica.verdicts import Verdict
from orders.panic.claimed_lines import (
    WITH,
    ColumnValue,
    RequestEnd,
    record_answers,
    update_line,
    update_lines,
    writing,
)

logger = logging.getLogger(__name__)
STALE = "recording it took longer than its signature counts"
MAX_AT_ONCE = 16  # strategies of one account; it may have a hundred


def signer_of(line: PanicLine) -> tuple[Signer, AgentWallet]:
    """(signer, agent wallet) of the line's account, however old the wallet is."""
    wallet = worker.signing_wallet(line.account)
    return open_signer(wallet, despite_age=True), wallet


def why_not(line: PanicLine) -> str:
    """Why nothing more may be signed for this line from now on, or nothing: a person, an account or
    a desk may have been deactivated since it was taken."""
    now = PanicLine.objects.select_related(*WITH).get(pk=line.pk)
    return send_permission.may_not_send(now, now.account, panic=True)


@dataclass(frozen=True)
class Recorded:
    """One request of a line that is recorded and not yet sent.

    ``key``: the account's API config key, if any. ``before``: the columns that were written with
    the request as they stood before it, for one that never left.
    """

    line: PanicLine
    request: SignedRequest
    key: str | None
    grant: credits.Grant
    before: dict[str, Any]

    def exchange(
        self,
        conclude: Callable[[Answer | Unreachable, dict[str, Any]], bool],
        also: Callable[[], object],
    ) -> bool:
        """Send it and have ``conclude(result, before)`` write how it ended; what that returns.

        ``also``: what can be written last, with what the request cost.
        """
        result = _sent(self.request, self.key)
        try:
            return conclude(result, self.before)
        finally:
            _pay(self.grant, result, also=also)


def record(
    lines: Sequence[PanicLine], sign: Callable[[PanicLine], SignedRequest], **also: ColumnValue
) -> list[Recorded]:
    """Record one request of each of these lines, in one transaction, before the first is sent.

    ``lines``: claimed together. ``sign``: called once the database may be written, for that may
    take longer than a signature counts. ``also``: further columns to write with the requests.
    """
    keys = [open_api_config_key(line.account) for line in lines]
    grants = [_grant(line, 1, clock()) for line in lines]
    names = [*also, "sent_at", "last_sent_at"]
    before = [{name: getattr(line, name) for name in names} for line in lines]
    with writing():
        requests, now = [sign(line) for line in lines], clock()
        also |= {"sent_at": now, "last_sent_at": now}
        update_lines(lines, has_open_request=True, lease_until=now + LEASE, **also)
        log.append(*map(panic_facts.request_fact, lines, requests))
    return list(map(Recorded, lines, requests, keys, grants, before))


def exchange_all(
    line: PanicLine,
    requests: dict[str, SignedRequest],
    *,
    judge: Callable[[str, Answer | Unreachable | None], Verdict | None],
    within_s: float,
    seen: Reading[Listed[OrderStrategy]] | None = None,
) -> dict[str, Verdict | None]:
    """Record these cancels of strategies, send them side by side, record how each ended.

    ``requests``: signed ones by strategy id. ``judge(strategy_id, result)``: a `Verdict` or None.
    ``within_s``: for all of them together; what had no turn by then is not sent. ``seen``: the
    `Reading` that asked for them. Returns verdicts by strategy id, None where nothing came back.
    """
    key, before, now = open_api_config_key(line.account), line.last_sent_at, clock()
    grant = _grant(line, len(requests), now)
    facts = [panic_facts.read_fact(line, seen, now)] if seen else []
    facts += [
        panic_facts.request_fact(line, request, strategy_id=strategy_id)
        for strategy_id, request in requests.items()
    ]
    with writing():
        update_line(line, has_open_request=True, lease_until=now + LEASE, last_sent_at=now)
        log.append(*facts)
    results = _side_by_side(list(requests.values()), key, within_s)
    pairs = list(zip(requests, results, strict=True))
    verdicts = {strategy_id: judge(strategy_id, result) for strategy_id, result in pairs}
    ends = [
        RequestEnd(result, _outcome_of(verdicts[strategy_id]), strategy_id)
        for strategy_id, result in pairs
    ]
    values: dict[str, ColumnValue] = {}
    if not any(map(has_left, results)):
        values["last_sent_at"] = before
    try:
        record_answers(line, ends, **values)
    finally:
        _pay(grant, *results)
    return verdicts


def _grant(line: PanicLine, wanted: int, now: datetime) -> credits.Grant:
    return credits.reserve(
        account=line.account, wanted=wanted, price=worker.PRICE, purpose=credits.URGENT, now=now
    )


def _outcome_of(verdict: Verdict | None) -> str:
    return "unknown" if verdict is None else verdict.kind


def tell_of_another(line: PanicLine, verdict: Verdict) -> None:
    """Raise the matter where the answer speaks of something else than was asked."""
    if verdict.another:
        with writing():
            foreign_answers.raise_alert(
                about=f"job {line.job_id}",
                account=line.account,
                another=verdict.another,
                now=clock(),
            )


def _side_by_side(
    requests: list[SignedRequest], key: str | None, within_s: float
) -> list[Answer | Unreachable | None]:
    """Send each in a thread of its own; None for what had no turn in time. ``key``: as `_sent`."""
    ends_at = time.monotonic() + within_s

    def send(request: SignedRequest) -> Answer | Unreachable | None:
        left_s = ends_at - time.monotonic()
        return _sent(request, key, left_s) if left_s > 0 else None

    if len(requests) == 1:
        return [send(requests[0])]
    with ThreadPoolExecutor(max_workers=min(MAX_AT_ONCE, len(requests))) as pool:
        return list(pool.map(send, requests))


def _sent(
    request: SignedRequest, key: str | None, within_s: float | None = None
) -> Answer | Unreachable:
    """Send a request, unless recording it took too long: what arrives too late is refused for good.

    ``key``: the account's API config key, or None where it has none.
    """
    now = clock()
    if is_stale(request, now):
        url = settings.PACIFICA_URL + request.route
        return NothingSent(STALE, url=url, sent_at=None, failed_at=now, elapsed_ms=None)
    try:
        return client().post(request.route, request.body, api_config_key=key, within_s=within_s)
    except Unreachable as unreachable:
        return unreachable


def _pay(
    grant: credits.Grant,
    *results: Answer | Unreachable | None,
    also: Callable[[], object] = lambda: None,
) -> None:
    """Settle with the purse, last: its trouble may not cost an answer that we hold.

    A cancel-all is sent even where a 429 holds the pool, and is booked all the same.
    """
    given = [result for result in results if isinstance(result, Answer)]
    slow = [answer for answer in given if answer.status == 429]
    try:
        with writing():
            paid, unused = replace(grant, count=len(results)), sum(not has_left(r) for r in results)
            quota = answers.quota(given[-1].headers) if given else None
            credits.book(grant=paid, unused=unused, quota=quota, now=clock())
            if slow:
                wait_s = max(slow_down_s(answer.headers) for answer in slow)
                credits.pause(pool=grant.pool, until=clock() + timedelta(seconds=wait_s))
            _harmlessly(also)
    except DatabaseError:
        logger.exception("A request of a panic could not be booked.")


def _harmlessly(also: Callable[[], object]) -> None:
    """Within a transaction, do what may fail without costing what was written before."""
    try:
        with transaction.atomic():
            also()
    except Exception:
        logger.exception("What a request of a panic came with could not be booked.")

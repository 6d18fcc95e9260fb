"""The cancel-all of one panic line, and what its answer makes of the line.

One whose answer was lost is never sent again by itself: it could hit orders that are newer than
the decision.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from django.utils.timezone import now as clock

from orders.audit import log
from orders.exchange.client import signing_times
from orders.keys.sealing import CannotOpen, KeySettingsWrong
from orders.keys.signer import Signer
from orders.lifecycle import interpret, panic_facts
from orders.models import AgentWallet, Event, PanicLine, PanicStatus
from orders.pacifica import answers
from orders.pacifica.quota import slow_down_s
from orders.pacifica.signing import Unsignable
from orders.pacifica.transport import Answer, Unreachable, has_left
from orders.pacifica.verdicts import Verdict
from orders.panic import exchange_requests
from orders.panic.claimed_lines import (
    LOST,
    NOT_AGAIN,
    ColumnValue,
    leave_to_person,
    record_answer,
    update_line,
    writing,
)
from orders.panic.exchange_requests import Recorded, signer_of, tell_of_another
from orders.panic.strategies import Strategies

AGAIN_AFTER_S = 1
# Refusals after which nothing of the line would fare better, or would be about other orders.
OVER = interpret.ABOUT_ALL | {"signature", "public_key", "symbol", "parameters", "expired"}


def send(line: PanicLine, strategies: Strategies | None = None) -> bool:
    """Sign, record, send and record one cancel-all; whether to go on to reading back.

    The line's strategies go first, as far as a moment allows.
    """
    strategies = strategies or Strategies(line)
    strategies.begin()
    try:
        signer, wallet = signer_of(line)
        strategies.cancel_first()
        (recorded,) = record([line], {line.pk: signer})
    except (CannotOpen, KeySettingsWrong, Unsignable) as error:
        leave_to_person(line, str(error), Event.KEY_REFUSED)
        return False
    return exchange(recorded, strategies, wallet)


def record(lines: Sequence[PanicLine], signers: Mapping[int, Signer]) -> list[Recorded]:
    """Sign and record a cancel-all of each line; ``signers``: by line's id.

    The lines were claimed together, and had as many cancel-alls before.
    """
    return exchange_requests.record(
        lines,
        lambda line: signers[line.pk].cancel_all(
            symbol=line.symbol, exclude_reduce_only=line.keep_reduce_only, **signing_times(clock())
        ),
        cancel_alls=lines[0].cancel_alls + 1,
        status=PanicStatus.SENDING,
        answered_at=None,
        cancelled_count=None,
    )


def exchange(recorded: Recorded, strategies: Strategies, wallet: AgentWallet) -> bool:
    """Send a recorded cancel-all, record how it ended; whether to go on to reading back."""

    def settle() -> None:
        strategies.pay()
        AgentWallet.objects.filter(pk=wallet.pk).update(last_used_at=clock())

    return recorded.exchange(partial(_conclude, recorded.line), also=settle)


def leave_out(line: PanicLine) -> None:
    """Send no cancel-all for a line that spares stop orders; reading back cancels one by one."""
    said = "No cancel-all was sent, for it takes stop orders too: orders are cancelled one by one."
    with writing():
        update_line(line, status=PanicStatus.FINISHING, explanation=said)
        log.append(panic_facts.outcome_fact(line, PanicStatus.FINISHING, said, clock()))


def _conclude(line: PanicLine, result: Answer | Unreachable, before: dict[str, Any]) -> bool:
    """Record what the answer to cancel-all makes of the line; whether to go on to reading back.

    ``before``: columns as they stood before the request was recorded.
    """
    if isinstance(result, Unreachable) and not has_left(result):
        return _again(line, result, AGAIN_AFTER_S, f"Nothing was sent: {result.reason}.", **before)
    if isinstance(result, Unreachable):
        record_answer(line, result, "unknown", status=PanicStatus.FINISHING, explanation=LOST)
        return True
    verdict = _verdict(line, result)
    if verdict.kind == "throttled":
        said, did_nothing = "The exchange asked us to slow down (429).", before["cancel_alls"]
        wait_s = slow_down_s(result.headers)
        return _again(line, result, wait_s, said, cancel_alls=did_nothing, answered_at=clock())
    values, is_over = _concluded(verdict, result)
    record_answer(line, result, verdict.kind, **values)
    return not is_over


def _verdict(line: PanicLine, result: Answer) -> Verdict:
    """What the answer proves; one about another account or symbol is told of."""
    subject = answers.Subject(
        account=line.account.address, symbol=line.symbol or None, is_all_symbols=not line.symbol
    )
    verdict = answers.cancel_all_verdict(
        result.status, result.body, subject=subject, is_whole=result.is_whole
    )
    tell_of_another(line, verdict)
    return verdict


def _concluded(verdict: Verdict, result: Answer) -> tuple[dict[str, Any], bool]:
    """Columns for a verdict, and whether a person must act before anything more can be done."""
    values: dict[str, Any] = {"status": PanicStatus.FINISHING, "answered_at": clock()}
    values["explanation"] = _words(verdict, result)
    if verdict.kind == "accepted":
        values["cancelled_count"] = verdict.count
    is_over = verdict.kind == "refused" and verdict.cause in OVER
    if is_over:
        values |= {"status": PanicStatus.NEEDS_YOU, "lease_until": None}
    return values, is_over


def _words(verdict: Verdict, result: Answer) -> str:
    """What the exchange made of a cancel-all, and what that leaves open."""
    if verdict.kind == "accepted":
        return f"The exchange cancelled {verdict.count}."
    if verdict.another:
        said = f"The answer to cancel-all speaks of another {verdict.another}"
        return f"{said}: it proves nothing. {NOT_AGAIN}"
    if verdict.kind == "unknown":
        return f"The answer to cancel-all proves nothing (HTTP {result.status}). {NOT_AGAIN}"
    hint = interpret.hint(verdict, result)
    said = f"{hint} The exchange said: {verdict.error}".strip()[:300]
    return said if verdict.cause in OVER else f"{said}. {NOT_AGAIN}"


def _again(
    line: PanicLine,
    result: Answer | Unreachable,
    wait_s: int,
    said: str,
    **values: ColumnValue,
) -> bool:
    """Have a request that certainly did nothing sent again by itself, a moment later."""
    said = f"{said} It is sent again by itself."
    values |= {"explanation": said[:400], "status": PanicStatus.WAITING, "takes": 0}
    record_answer(
        line, result, "waiting", lease_until=clock() + timedelta(seconds=wait_s), **values
    )
    return False

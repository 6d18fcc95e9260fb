"""The cancel-all of one panic line, and what its answer makes of the line.

One whose answer was lost is never sent again by itself: it could hit orders that are newer than
the decision.
"""

from datetime import timedelta
from functools import partial

from django.utils.timezone import now as clock

from orders import judging
from orders.keys import CannotOpen, KeySettingsWrong
from orders.models import AgentWallet, Event, PanicStatus
from orders.pacifica import answers
from orders.pacifica.client import Answer
from orders.pacifica.signing import Unsignable
from orders.panic_lines import LOST, answered, rest
from orders.panic_requests import exchange, has_left, signer_of, times

AGAIN_AFTER = timedelta(seconds=1)
# Refusals after which nothing of the line would fare better, or would be about other orders.
OVER = judging.ABOUT_ALL | {"signature", "public_key", "symbol", "parameters", "expired"}


def send(line) -> bool:
    """Sign, record, send and record one cancel-all; whether to go on to reading back."""
    try:
        signer, wallet = signer_of(line)
        request = signer.cancel_all(
            symbol=line.symbol, exclude_reduce_only=line.keep_reduce_only, **times()
        )
        also = {"sent_at": clock(), "cancel_alls": line.cancel_alls + 1}
        also |= {"status": PanicStatus.SENDING, "answered_at": None, "cancelled_count": None}
        goes_on = exchange(line, request, partial(_conclude, line), **also)
    except (CannotOpen, KeySettingsWrong, Unsignable) as error:
        rest(line, str(error), Event.KEY_REFUSED)
        return False
    AgentWallet.objects.filter(pk=wallet.pk).update(last_used_at=also["sent_at"])
    return goes_on


def _conclude(line, result, before) -> bool:
    """What the answer to cancel-all makes of the line."""
    if not has_left(result):
        return _wait_and_repeat(line, result, f"Nothing was sent: {result.reason}.")
    verdict = None
    if isinstance(result, Answer):
        verdict = answers.cancel_all_verdict(result.status, result.body, is_whole=result.is_whole)
    if verdict is not None and verdict.kind == "throttled":
        return _wait_and_repeat(line, result, "The exchange asked us to slow down (429).")
    values, is_over = _concluded(verdict, result)
    if is_over:
        values |= {"status": PanicStatus.NEEDS_YOU, "lease_until": None}
    answered(line, result, verdict.kind if verdict else "unknown", answered_at=clock(), **values)
    return not is_over


def _concluded(verdict, result):
    """Columns for a verdict, and whether a person must act before anything more can be done."""
    values = {"status": PanicStatus.FINISHING}
    if verdict is None or verdict.kind not in {"accepted", "refused"}:
        return values | {"explanation": LOST}, False
    if verdict.kind == "accepted":
        said = f"The exchange cancelled {verdict.count}."
        return values | {"cancelled_count": verdict.count, "explanation": said}, False
    hint = judging.hint(verdict, result)
    said = f"{hint} The exchange said: {verdict.error}".strip()[:400]
    return values | {"explanation": said}, verdict.cause in OVER


def _wait_and_repeat(line, result, said) -> bool:
    """What certainly did nothing may be sent again by itself, a moment later."""
    answered(
        line,
        result,
        "waiting",
        status=PanicStatus.WAITING,
        explanation=f"{said} It is sent again.",
        lease_until=clock() + AGAIN_AFTER,
        takes=0,
    )
    return False

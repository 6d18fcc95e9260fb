"""Cancel the order strategies of a panic's line, side by side and before all else.

A strategy may place orders again once those were cancelled, so it has to go first. But nothing may
keep the cancel-all waiting: what is not read and answered within a moment is left to the passes
that come after it.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager

from django.utils import timezone

from orders.exchange.client import signing_times
from orders.exchange.reader import Reader
from orders.exchange.readings import Reading
from orders.keys.sealing import CannotOpen, KeySettingsWrong
from orders.keys.signer import SignedRequest, Signer
from orders.models import PanicLine
from orders.pacifica import answers, reads
from orders.pacifica.reads import Listed
from orders.pacifica.rows import OrderStrategy
from orders.pacifica.signing import Unsignable
from orders.pacifica.transport import Answer, Unreachable
from orders.pacifica.verdicts import Verdict
from orders.panic import open_orders
from orders.panic.claimed_lines import ClaimLost
from orders.panic.exchange_requests import exchange_all, signer_of, tell_of_another

logger = logging.getLogger(__name__)
READ_S, CANCEL_S = 0.4, 0.3  # at most so long a cancel-all waits for the one, and for the others
PASS_S = 15  # for all of them in a later pass; half a lease


@contextmanager
def _harmless() -> Iterator[None]:
    """Trouble with what goes before a cancel-all is logged, and keeps nothing from being sent."""
    try:
        yield
    except ClaimLost:
        raise
    except Exception:
        logger.exception("Strategies could not be cancelled before a cancel-all.")


class Strategies:
    """The strategies of one line, each asked for until the exchange took it or refused it."""

    def __init__(self, line: PanicLine) -> None:
        self.line = line
        self._said: dict[str, str] = {}  # id -> why it was not cancelled, or nothing
        self._under_way: tuple[Reader, Future[Answer | Unreachable]] | None = None
        self._unpaid: tuple[Reader, Reading[Listed[OrderStrategy]]] | None = None

    def begin(self) -> None:
        """Start to read them, aside: the cancel-all is made ready meanwhile."""
        if self._under_way or self._unpaid:
            return
        with _harmless():
            reader = Reader(self.line.account)
            self._under_way = reader, reader.aside(*self._asked(), within_s=READ_S)

    def are_none(self, within_s: float) -> bool:
        """Whether the read that was begun comes by then, and shows none in the line's scope."""
        with _harmless():
            seen = self._read(within_s)
            return seen is not None and not open_orders.strategy_ids(self.line, seen)
        return False

    def cancel_first(self) -> None:
        """Cancel what is listed before a cancel-all goes out. Whatever befalls, that one goes."""
        with _harmless():
            self._cancel_first()

    def pay(self) -> None:
        """Book the read that came before the cancel-all, within a transaction of its caller."""
        unpaid, self._unpaid = self._unpaid, None
        if unpaid is None:
            return
        reader, seen = unpaid
        reader.book(seen)

    def cancel(
        self,
        ids: list[str],
        *,
        within_s: float = PASS_S,
        seen: Reading[Listed[OrderStrategy]] | None = None,
    ) -> None:
        """One pass: those of these ids that nothing is known of yet. It is safe to repeat."""
        requests = self._signed([one for one in dict.fromkeys(ids) if one not in self._said])
        if not requests:
            return
        verdicts = exchange_all(
            self.line, requests, judge=self._judge, within_s=within_s, seen=seen
        )
        for strategy_id, verdict in verdicts.items():
            self._learn(strategy_id, verdict)

    def refusals(self) -> list[str]:
        """Why each of those that were not cancelled was not."""
        return [said for said in self._said.values() if said]

    def _cancel_first(self) -> None:
        seen = self._read(READ_S)
        if seen and (ids := open_orders.strategy_ids(self.line, seen)):
            self.cancel(ids, within_s=CANCEL_S, seen=seen)

    def _read(self, within_s: float) -> Reading[Listed[OrderStrategy]] | None:
        """Return the read that was begun; None where it has not come by then."""
        if self._under_way is not None and wait([self._under_way[1]], within_s).done:
            (reader, answer), self._under_way = self._under_way, None
            seen = reader.judged(*self._asked(), reads.order_strategies, answer.result())
            self._unpaid = reader, seen
        return self._unpaid[1] if self._unpaid else None

    def _asked(self) -> tuple[str, dict[str, str]]:
        return open_orders.STRATEGIES, {"account": self.line.account.address}

    def _signed(self, ids: list[str]) -> dict[str, SignedRequest]:
        """Requests by strategy id; what cannot be signed is remembered."""
        requests: dict[str, SignedRequest] = {}
        signer: Signer | None = None
        for strategy_id in ids:
            try:
                signer = signer or signer_of(self.line)[0]
                times = signing_times(timezone.now())
                requests[strategy_id] = signer.cancel_strategy(strategy_id=strategy_id, **times)
            except (CannotOpen, KeySettingsWrong, Unsignable) as error:
                self._said[strategy_id] = f"strategy {strategy_id}: {error}."
        return requests

    def _judge(self, strategy_id: str, result: Answer | Unreachable | None) -> Verdict | None:
        """What an answer proves of a strategy's cancel; None where there is none."""
        if not isinstance(result, Answer):
            return None
        subject = answers.Subject(strategy_id=strategy_id, account=self.line.account.address)
        return answers.cancel_verdict(
            result.status, result.body, subject=subject, is_whole=result.is_whole
        )

    def _learn(self, strategy_id: str, verdict: Verdict | None) -> None:
        """Remember an end; the next pass sends again what is in doubt, which is safe by its id."""
        if verdict is None:
            return
        tell_of_another(self.line, verdict)
        if verdict.kind not in {"unknown", "throttled"}:
            said = f"strategy {strategy_id}: {verdict.hint} {verdict.error}".strip()
            self._said[strategy_id] = said if verdict.kind == "refused" else ""

"""Cancel-alls of lines that were claimed together: recorded in one transaction, then sent.

One after another, twenty accounts' requests would be made ready and recorded for most of a second;
together they cost little more than one. Each line's own thread sends and concludes its own.
"""

import functools
import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orders.delivery import send_permission, worker
from orders.keys.sealing import CannotOpen, KeySettingsWrong, open_signer
from orders.keys.signer import Signer
from orders.models import AgentWallet, PanicLine, PanicStatus
from orders.panic import cancel_all, stop_orders
from orders.panic.claimed_lines import WITH
from orders.panic.exchange_requests import Recorded
from orders.panic.stop_orders import Stop
from orders.panic.strategies import Strategies

logger = logging.getLogger(__name__)
READS_S = 0.1  # so long the others wait for an account whose strategies are not read yet


@dataclass(frozen=True)
class Shot:
    """A line's cancel-all that is recorded and not yet sent, and what reading back needs."""

    recorded: Recorded
    strategies: Strategies
    wallet: AgentWallet
    stops: list[Stop]

    @property
    def line(self) -> PanicLine:
        """The line as it stood when its request was recorded."""
        return self.recorded.line

    def exchange(self) -> bool:
        """Send it; whether to go on to reading back."""
        return cancel_all.exchange(self.recorded, self.strategies, self.wallet)


class Volley:
    """The lines of one claim. ``why_not``: why nothing may be sent for a line, or nothing.

    What cannot go with the others is left out, and goes by itself: a line whose account has
    strategies, which are cancelled first, or one that needs a word with a person.
    """

    def __init__(
        self,
        lines: Sequence[PanicLine],
        why_not: Callable[[PanicLine, send_permission.Holds], str],
    ) -> None:
        self._lines, self._why_not = lines, why_not
        self._strategies: dict[int, Strategies] = {}
        self._shots: dict[int, Shot] | None = None if len(lines) > 1 else {}
        self._making_ready = threading.Lock()

    def shot_of(self, line: PanicLine) -> Shot | None:
        """Return what is ready to be sent for a line; who comes first makes all of them ready."""
        with self._making_ready:
            if self._shots is None:
                self._shots = {}
                try:
                    self._shots = self._make_ready()
                except Exception:  # nothing of it is recorded, or it counts as lost
                    logger.exception("Cancel-alls could not be recorded together: one by one then.")
            return self._shots.get(line.pk)

    def strategies_of(self, line: PanicLine) -> Strategies:
        """Return the strategies of a line that goes by itself; they may have been read."""
        found = self._strategies.get(line.pk) or Strategies(line)
        found.line = line
        return found

    def _make_ready(self) -> dict[int, Shot]:
        lines = self._due()
        self._strategies = {line.pk: Strategies(line) for line in lines}
        for each in self._strategies.values():
            each.begin()
        stops = stop_orders.known_of(lines)
        wallets = worker.signing_wallets_of(line.account for line in lines)
        signers: dict[int, Signer] = {}
        for line in lines:
            if signer := _signer(wallets.get(line.account_id)):
                signers[line.pk] = signer
        ready = self._unhindered([line for line in lines if line.pk in signers])
        recorded = cancel_all.record(ready, signers) if ready else []
        return {
            one.line.pk: Shot(
                one,
                self._strategies[one.line.pk],
                wallets[one.line.account_id],
                stops[one.line.pk],
            )
            for one in recorded
        }

    def _unhindered(self, lines: Sequence[PanicLine]) -> list[PanicLine]:
        """Return those whose accounts have no strategies, as far as that was read in time."""
        ends_at, free = time.monotonic() + READS_S, []
        for line in lines:
            if self._strategies[line.pk].are_none(max(0, ends_at - time.monotonic())):
                free.append(line)
        return free

    def _due(self) -> list[PanicLine]:
        """Return the lines that wait for their first cancel-all, as they stand by now."""
        pks, token = [line.pk for line in self._lines], self._lines[0].claim_token
        held = PanicLine.objects.filter(pk__in=pks, claim_token=token, has_open_request=False)
        first = held.filter(status=PanicStatus.WAITING, cancel_alls=0, keep_stops=False)
        holds = functools.cache(send_permission.holds)
        return [line for line in first.select_related(*WITH) if not self._why_not(line, holds)]


def _signer(wallet: AgentWallet | None) -> Signer | None:
    """Return the line's signer; None where its own sender shall say why there is none."""
    try:
        return open_signer(wallet, despite_age=True) if wallet else None
    except (CannotOpen, KeySettingsWrong):
        return None

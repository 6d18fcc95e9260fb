"""Panics in a hosts run: asked while something is down, on a desk of their own."""

import time
import uuid
from collections import Counter

from tests.faults.browser import Unanswered

PULL = "/admin/orders/panicline/pull/"
ORDERS = 5  # on each account, each time


class Panics:
    """What was asked, and what became of it. ``what``: names what was down."""

    def __init__(self, stage, user, desk, accounts):
        self._paper, self._browser = stage.paper, stage.browser_of(user)
        self.desk, self.accounts = desk, accounts
        self.asked, self._answers, self.count = [], [], 0

    def ask(self, what):
        """Orders come into being, and a person pulls the panic."""
        placed = [
            order_id
            for account in self.accounts
            for order_id in self._paper.orders(account.address, ORDERS)
        ]
        form = {"desk": self.desk.pk, "request_key": str(uuid.uuid4()), "reason": what}
        answer = self._browser.insist(lambda: self._browser.recorded(PULL, form))
        self.count += 1
        self.asked.append((what, time.time(), placed))
        self._answers.append(answer)

    @property
    def are_answered(self):
        """Whether the pages have recorded every panic."""
        return all(answer.done() for answer in self._answers)

    def forget(self, count):
        """Those past so many were recorded in a database that is lost."""
        del self.asked[count:], self._answers[count:]

    def close(self):
        """Give up what is still unanswered."""
        self._browser.close()

    def sent(self):
        """(what was down, seconds until the last account's cancel-all was recorded as sent,
        seconds until the last book was seen empty or None) of each panic.
        """
        for what, asked_at, _, lines in self._lines():
            sent = [line.sent_at for line in lines]
            seen = [line.seen_empty_at for line in lines]
            yield what, _longest(asked_at, sent), _longest(asked_at, seen)

    def findings(self, ledger, truth):
        """Every panic came to its end, none was repeated by itself, no empty book holds orders."""
        for what, _, placed, lines in self._lines():
            if not lines:
                yield f"lost: a panic while {what} has no lines"
            for line in lines:
                if line.status not in {"empty", "needs_you"}:
                    yield f"lost: a panic while {what} is {line.status} ({line.explanation})"
            if lines and all(line.status == "empty" for line in lines):
                yield from (f"false empty: {one}" for one in placed if truth[one]["is_open"])
        counted = Counter(
            one["account"] for one in ledger["requests"] if one["route"] == "/orders/cancel_all"
        )
        for account in self.accounts:
            if counted[account.address] > self.count:
                yield f"doubled: {counted[account.address]} times cancel-all on {account.name}"

    def _lines(self):
        from orders.models import PanicLine

        for (what, asked_at, placed), answer in zip(self.asked, self._answers, strict=True):
            pk = _job_of(answer)
            yield what, asked_at, placed, list(PanicLine.objects.filter(job=pk)) if pk else []


def _job_of(answer):
    """The job to which the page led."""
    if not answer.done() or answer.cancelled():
        return None
    try:
        return int(answer.result().split("/canceljob/")[1].split("/")[0])
    except (Unanswered, ValueError, AttributeError):
        return None


def _longest(asked_at, moments):
    """Seconds until the last of these moments; None where one is missing."""
    if not moments or None in moments:
        return None
    return max(moment.timestamp() for moment in moments) - asked_at

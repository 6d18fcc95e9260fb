"""Empty a book: cancel-all first, then read back and finish what is left, one by one.

Needs neither Celery nor a broker: whoever calls claims lines here and carries each to an empty
book, or to a person.
"""

import uuid
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

from orders import cancel_all, clearing, delivery, packets, syncing
from orders.exchange import THREADS
from orders.models import PanicLine, PanicStatus
from orders.panic_lines import LEASE, lose, rest


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
        return rest(line, why_not)
    if line.status == PanicStatus.SENDING:  # its sender died: the answer is lost, not repeated
        lose(line)
    elif line.status == PanicStatus.WAITING and not cancel_all.send(line):
        return None
    return clearing.finish(line)


def _in_thread(line):
    try:
        carry(line)
    finally:
        packets.let_go()
        connection.close()

"""How long a sync of a large book takes, and how many queries: `python -m benchmarks.sync`.

    python -m benchmarks.sync [--count 5000] [--times 5] [--database URL]

The account has that many open orders. Its book is read when all of them are new, when nothing
changed, when each was partly filled, and when all are gone, for which the history is read, too. The
time the exchange took to answer is told apart. A database that is named is dropped and made anew.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from benchmarks.stage import Paper, environment, fresh_database
from tests.helpers.paper import PaperHandle

if TYPE_CHECKING:  # models may be imported only once Django is set up
    from django.db.backends.base.base import BaseDatabaseWrapper

    from orders.models import Account


def main() -> None:
    """Set everything up, sync, tell."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--times", type=int, default=5, help="of the unchanged book")
    parser.add_argument(
        "--database", default="", help="a PostgreSQL database, made anew; else SQLite"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Paper(0) as paper:
        more = {
            "DATA_DIR": folder,
            "PACIFICA_PAPER_URL": paper.url,
            "CREDITS_KEYLESS": "1000000",
        }
        if options.database:
            fresh_database(options.database)
            more |= {"DATABASE_URL": options.database}
        os.environ.update(environment(**more) | {"DJANGO_SETTINGS_MODULE": "desk.settings"})
        import django

        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        measure(paper, options)


class Sync(NamedTuple):
    """What one sync took: seconds in all and of them for the exchange; queries; reads."""

    whole_s: float
    exchange_s: float
    queries: int
    reads: int


def measure(paper: PaperHandle, options: argparse.Namespace) -> None:
    """Measure every kind of change to the open orders of one account."""
    from tests.helpers.firm import Firm

    firm = Firm(paper)
    account = firm.account
    ids = paper.orders(account.address, options.count)
    tell("all new", [timed(account)])
    tell("unchanged", [timed(account) for _ in range(options.times)])
    for order_id in ids:
        paper.fill(order_id, "0.01")
    tell("all changed", [timed(account)])
    for order_id in ids:
        paper.close(order_id)
    tell("all gone", [timed(account)])
    tell("gone before", [timed(account)])
    states = account.orders.values_list("state", flat=True)
    print(f"closed by the history: {list(states).count('closed')} of {options.count}")


def timed(account: "Account") -> Sync:
    """Sync the account once."""
    from unittest import mock

    from django.db import connection
    from django.utils.timezone import now

    from orders.exchange import reader
    from orders.reconcile import sync

    waits: list[float] = []
    real = reader.Reader._get

    def get(*args: Any) -> Any:
        begun = time.perf_counter()
        try:
            return real(*args)
        finally:
            waits.append(time.perf_counter() - begun)

    later = now() + timedelta(seconds=1)
    with mock.patch.object(reader.Reader, "_get", get), Queries(connection) as queries:
        begun = time.perf_counter()
        synced = sync.sync_account(account_id=account.pk, clock=lambda: later)
        seconds = time.perf_counter() - begun
    assert synced is not None, "the sync was overtaken"
    assert not synced.problem, synced.problem
    return Sync(seconds, sum(waits), queries.count, len(waits))


class Queries:
    """Counts statements without keeping them: thousands of parameters would cost time."""

    def __init__(self, connection: "BaseDatabaseWrapper") -> None:
        self._connection, self.count = connection, 0

    def __enter__(self) -> Self:
        self._wrapper = self._connection.execute_wrapper(self._counted)
        self._wrapper.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._wrapper.__exit__(*error)

    def _counted(self, execute: Callable[..., Any], *args: Any) -> Any:
        self.count += 1
        return execute(*args)


def tell(name: str, syncs: list[Sync]) -> None:
    """Print one line: medians of the times, and the counts, which must not differ."""
    whole = statistics.median(sync.whole_s for sync in syncs)
    waited = statistics.median(sync.exchange_s for sync in syncs)
    ours = [sync.whole_s - sync.exchange_s for sync in syncs]
    assert len({(sync.queries, sync.reads) for sync in syncs}) == 1
    sys.stdout.write(
        f"{name:12} {whole:6.2f} s, of them the exchange's {waited:5.2f} s, "
        f"ours {statistics.median(ours):5.2f} s (worst {max(ours):.2f} s); "
        f"{syncs[0].queries} queries, {syncs[0].reads} reads\n"
    )


if __name__ == "__main__":
    main()

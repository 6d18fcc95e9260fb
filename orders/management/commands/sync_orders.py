"""`manage.py sync_orders [--account NAME]`: read the books of one account or all."""

import sys
from typing import Any

from django.core.management.base import CommandParser

from orders.accounts import provisioning
from orders.management import terminal
from orders.models import Account
from orders.reconcile import sync


class Command(terminal.DeskCommand):
    """Only reads the options; the work is in `orders.reconcile.sync`."""

    help = "Reads the open orders of one account, or of all active ones, from the exchange."

    def add_arguments(self, parser: CommandParser) -> None:
        """Which account."""
        parser.add_argument("--account", help="name or address; without it all active accounts")

    def handle(self, *args: str, account: str | None, **options: Any) -> None:
        """Sync each and say how many orders are open; exit code 1 where one could not be read."""
        with terminal.in_words():
            accounts = [provisioning.account_named(account)] if account else _all()
        read = [self._sync(account) for account in accounts]
        if not all(read):
            sys.exit(1)

    def _sync(self, account: Account) -> bool:
        synced = sync.sync_account(account_id=account.pk)
        if synced is None:
            self.stdout.write(f"{account}: another process is reading it now.")
            return True
        if synced.problem:
            self.stderr.write(f"{account}: not read. {synced.problem}")
            return False
        count = synced.open_orders
        self.stdout.write(f"{account}: {count} open {'order' if count == 1 else 'orders'}.")
        return True


def _all() -> list[Account]:
    return list(Account.objects.active().select_related("desk"))

"""`manage.py sync_orders [--account NAME] [--desk D]`: read the books of one account or all."""

import sys
from collections import Counter
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
        terminal.add_account_arguments(parser, is_required=False)

    def handle(self, *args: str, account: str | None, desk: str | None, **options: Any) -> None:
        """Sync each and say how many orders are open; exit code 1 where one could not be read."""
        with terminal.in_words():
            accounts = (
                provisioning.known_accounts(account, desk=desk)
                if account is not None
                else _active(desk)
            )
        names = Counter(one.name for one in accounts)
        read = [self._sync(one, _label(one, names)) for one in accounts]
        if not all(read):
            sys.exit(1)

    def _sync(self, account: Account, label: str) -> bool:
        synced = sync.sync_account(account_id=account.pk)
        if synced is None:
            self.stdout.write(f"{label}: another process is reading it now.")
            return True
        if synced.problem:
            self.stderr.write(f"{label}: not read. {synced.problem}")
            return False
        count = synced.open_orders
        self.stdout.write(f"{label}: {count} open {'order' if count == 1 else 'orders'}.")
        return True


def _active(desk: str | None) -> list[Account]:
    accounts = Account.objects.active().select_related("desk")
    if desk is not None:
        accounts = accounts.filter(desk=provisioning.desk_named(desk))
    return list(accounts)


def _label(account: Account, names: Counter[str]) -> str:
    """Return the account's name, with its desk where another one that is read has the same."""
    return f"{account} of {account.desk}" if names[account.name] > 1 else account.name

"""The orders app."""

import sqlite3
from typing import Any

from django.apps import AppConfig
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created


class OrdersConfig(AppConfig):
    """Desks, accounts, orders, cancels and their audit log."""

    name = "orders"
    verbose_name = "Desk"

    def ready(self) -> None:
        """Connect the signals, register what may wait for a second person, check the routes."""
        from orders.access import api_tokens, names, second_factor_off, sign_in_log
        from orders.accounts import waiting_acts
        from orders.lifecycle import restored_copy_acceptance
        from orders.operations.alerts import ways
        from orders.panic.guard import second_person

        sign_in_log.connect()
        api_tokens.connect()
        names.connect()
        second_person.connect()
        second_factor_off.connect()
        waiting_acts.connect()
        restored_copy_acceptance.connect()
        ways.check_routes()
        connection_created.connect(widen_sqlite, dispatch_uid="widen_sqlite")


def widen_sqlite(connection: BaseDatabaseWrapper, **kwargs: Any) -> None:
    """Let one statement carry what the SQLite library takes, not the 999 values Django assumes."""
    if connection.vendor == "sqlite":
        limit = connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        connection.features.max_query_params = limit

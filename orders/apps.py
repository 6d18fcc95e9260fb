"""The orders app."""

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    """Desks, accounts, orders, cancels and their audit log."""

    name = "orders"
    verbose_name = "Desk"

    def ready(self):
        from orders import logins

        logins.connect()

"""The pools of exchange credits, shared by all senders."""

from django.db import models


class CreditPool(models.Model):
    """What is left to spend with one main account and its subaccounts, or keyless from here.

    ``spent``: JSON text, second since 1970 -> [credits, credits of routine syncs], for the
    rolling window. Amounts in credits (a cancel costs half a one).
    """

    name = models.CharField(max_length=64, unique=True)  # a main account's address, or "keyless"
    quota = models.DecimalField(max_digits=12, decimal_places=1)
    spent = models.TextField(default="{}")
    in_flight = models.DecimalField(max_digits=12, decimal_places=1, default=0)
    taken_at = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True)  # after a 429

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

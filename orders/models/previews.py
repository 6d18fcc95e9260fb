"""Previews: what a bulk cancel would do, frozen before anybody confirms it."""

import uuid

from django.conf import settings
from django.db import models

from orders.models.desks import OfDesksQuerySet


class Preview(models.Model):
    """A frozen set of orders and the hash of it. Making one is no act; confirming it is.

    ``targets``: JSON text, one list for each order: our account id, symbol, kind, order id, client
    order id, our order row's id or null.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    desk = models.ForeignKey("Desk", on_delete=models.PROTECT, related_name="+")
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    made_at = models.DateTimeField()
    scope = models.CharField(max_length=200)  # in words
    # What it was made from, so that it can be made anew and later be compared: JSON text with the
    # fields of a scope or a list's filter; empty where orders were named one by one.
    query = models.TextField(blank=True)
    is_everything = models.BooleanField(default=False)
    count = models.PositiveIntegerField()
    targets = models.TextField()
    targets_sha256 = models.CharField(max_length=64)

    objects = OfDesksQuerySet.as_manager()

    class Meta:
        ordering = ["-made_at"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"Preview of {self.scope}"

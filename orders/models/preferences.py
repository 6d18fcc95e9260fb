"""How a person likes to look at the pages: the time zone, and views of the list that they named."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAX_NAME, MAX_QUERY = 60, 500  # characters


class Preference(models.Model):
    """What one person chose for the pages; whoever has no row chose nothing."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="preference",
        primary_key=True,
    )
    time_zone = models.CharField(max_length=64, default="UTC")  # a name of the IANA database

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Preferences of {self.user}"


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    """Views, each its owner's alone."""

    def of(self, user: "User") -> "models.QuerySet[SavedView, Any]":
        """Those that this person named."""
        return self.filter(user_id=user.pk)


class SavedView(models.Model):
    """A filter and a sorting of the list of orders under a name. ``query``: as in an address."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="saved_views"
    )
    name = models.CharField(max_length=MAX_NAME)
    query = models.CharField(max_length=MAX_QUERY, blank=True)

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["user", "name"], name="saved_view_name_once")
        ]

    def __str__(self) -> str:
        return self.name

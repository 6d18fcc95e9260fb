"""Who a person is at the provider that signs them in."""

from django.db import models

from orders.models.logins import of_user

MAX_ISSUER = 500
MAX_SUBJECT = 255  # characters, by OpenID Connect
MAX_GROUPS = 1_000


class Identity(models.Model):
    """One person as one provider knows them. Nothing but issuer and subject tells people apart.

    ``groups``: those that the provider told at the last sign-in, as it writes them.
    """

    user = of_user("identities")
    issuer = models.CharField(max_length=MAX_ISSUER)
    subject = models.CharField(max_length=MAX_SUBJECT)
    groups = models.JSONField(default=list)
    linked_at = models.DateTimeField()
    last_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        verbose_name_plural = "identities"
        constraints = [
            models.UniqueConstraint(fields=["issuer", "subject"], name="identity_once"),
            models.UniqueConstraint(fields=["user", "issuer"], name="identity_one_per_person"),
        ]

    def __str__(self) -> str:
        return f"{self.user} at {self.issuer}"

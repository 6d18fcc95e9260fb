"""What this database is for: one network, set when it is first migrated."""

from django.db import models


class Installation(models.Model):
    """The single row that names the network whose orders this database holds."""

    network = models.CharField(max_length=16)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(pk=1), name="installation_single_row")
        ]

    def __str__(self) -> str:
        return self.network

"""Acts that programs asked for, each under a key of the program's own: asked twice, done once."""

from datetime import timedelta

from django.db import models

KEPT = timedelta(days=7)  # a key is remembered for so long
MAX_KEY = 64  # characters


class ApiAct(models.Model):
    """One act of a token under its key, and what was answered to it."""

    token = models.ForeignKey("ApiToken", on_delete=models.PROTECT, related_name="acts")
    key = models.CharField(max_length=MAX_KEY)
    request_sha256 = models.CharField(max_length=64)  # of what was asked
    made_at = models.DateTimeField()
    preview = models.ForeignKey("Preview", on_delete=models.PROTECT, null=True, related_name="+")
    job = models.ForeignKey("CancelJob", on_delete=models.PROTECT, null=True, related_name="+")
    answer = models.TextField(blank=True)  # JSON text of what was recorded

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["token", "key"], name="api_act_once")]
        indexes = [models.Index(fields=["made_at"], name="api_act_made")]

    def __str__(self) -> str:
        return f"{self.key} of {self.token_id}"

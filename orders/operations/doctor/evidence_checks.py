"""What stands outside the database as proof: the time stamps of checkpoints."""

from collections.abc import Iterator

from django.conf import settings

from orders.models import TimeStampAuthority
from orders.operations.doctor.findings import Asked, Finding, Limits, not_asked, ok, trouble

NAME = "time stamps"


def check_time_stamps(asked: Asked, limits: Limits) -> Iterator[Finding]:
    """When each authority stamped last, and why it does not."""
    known = list(TimeStampAuthority.objects.all())
    if not known and not settings.AUDIT_TIMESTAMP_URL:
        yield not_asked(NAME, "AUDIT_TIMESTAMP_URL is not set.")
    elif not known:
        todo = "Start a sweep that has AUDIT_CHECKPOINT_KEY."
        yield trouble(NAME, "no authority was asked yet.", todo)
    for each in known:
        if each.failing_since is not None:
            said = f"{each.name}: none since {each.failing_since:%Y-%m-%d %H:%M} UTC: {each.said}."
            todo = "See AUDIT_TIMESTAMP_URL, AUDIT_TIMESTAMP_CHAIN_FILE and the way out."
            yield trouble(NAME, said, todo)
        elif each.stamped_at is not None:
            yield ok(NAME, f"{each.name} at {each.stamped_at:%Y-%m-%d %H:%M} UTC.")

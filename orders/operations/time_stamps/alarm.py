"""What is to be told of authorities that do not stamp."""

from datetime import datetime, timedelta

from orders.models import AlertKind, Matter, TimeStampAuthority
from orders.models.prepared import MOMENTS, Prepared

UNSTAMPED_FOR = timedelta(hours=2)


def unstamped(now: datetime) -> dict[tuple[str, str], Matter]:
    """Return the authorities that failed for long: kind and name, desk (none) and words."""
    return {
        (AlertKind.TIME_STAMP.value, each.name[:80]): Matter(
            "",
            f"Checkpoints are not time stamped by {each.name}: {each.said}. It is asked on.",
        )
        for each in _failing(now=now)
    }


_failing = Prepared(
    lambda now: TimeStampAuthority.objects.filter(failing_since__lte=now - UNSTAMPED_FOR),
    now=MOMENTS,
)

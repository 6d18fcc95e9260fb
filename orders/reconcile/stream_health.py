"""Whether an account's stream is healthy, so that it mostly tells what reads would be asked for."""

from datetime import datetime

from orders.models import AccountStream


def is_healthy(account_id: int, now: datetime) -> bool:
    """Return whether the stream of this account is connected, subscribed and caught up."""
    return AccountStream.objects.healthy(now).filter(pk=account_id).exists()

"""Tell people at once of an answer that speaks of something else than was asked."""

from datetime import datetime
from typing import Any

from orders.models import Account, Alert, AlertKind


def raise_alert(*, about: str, account: Account, another: str, now: datetime) -> None:
    """Raise the matter, once while it stands; call it before anything is appended to the log.

    ``about``: which job or account, as *job 12*. ``another``: what it speaks of, in words.
    """
    said = (
        f"{about[0].upper()}{about[1:]}, {account.name}: an answer of the exchange speaks of "
        f"another {another}. It was not believed. Find out what answers in its place."
    )
    Alert.objects.raise_once(
        kind=AlertKind.FOREIGN_ANSWER, about=about, desk_name=account.desk.name, said=said, now=now
    )


def tell_first(pairs: list[tuple[Any, Any]], now: datetime) -> None:
    """Of (cancel, conclusion) pairs of one job, tell of the first that speaks of another."""
    for cancel, end in pairs:
        if end.another:
            raise_alert(
                about=f"job {cancel.job_id}", account=cancel.account, another=end.another, now=now
            )
            return

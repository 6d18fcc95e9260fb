"""Tell people at once of an answer that speaks of something else than was asked."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from orders.models import Account, Alert, AlertKind


class CancelOfJob(Protocol):
    """A cancel, or of its row what sending looks at."""

    @property
    def job_id(self) -> int: ...

    @property
    def account(self) -> Account: ...


class Conclusion(Protocol):
    """What an answer proves. ``another``: what else than asked it names, in words, or empty."""

    @property
    def another(self) -> str: ...


def raise_alert(*, about: str, account: Account, another: str, now: datetime) -> None:
    """Raise the matter, once while it stands; call it before anything is appended to the log.

    ``about``: which job or account, as *job 12*. ``another``: what it speaks of, in words.
    """
    sentence = (
        f"{about[0].upper()}{about[1:]}, {account.name}: an answer of the exchange speaks of "
        f"another {another}. It was not believed. Find out what answers in its place."
    )
    Alert.objects.raise_once(
        kind=AlertKind.FOREIGN_ANSWER,
        about=about,
        desk_name=account.desk.name,
        said=sentence,
        now=now,
    )


def tell_first(pairs: Iterable[tuple[CancelOfJob, Conclusion]], now: datetime) -> None:
    """Tell of the first of one job's (cancel, conclusion) pairs that speaks of another."""
    for cancel, end in pairs:
        if end.another:
            raise_alert(
                about=f"job {cancel.job_id}", account=cancel.account, another=end.another, now=now
            )
            return

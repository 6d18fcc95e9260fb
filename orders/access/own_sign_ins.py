"""A person's last sign-ins and the failed ones under their name, as the log tells them."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.utils import timezone

from orders.audit import search
from orders.audit.phrases import data_of
from orders.models import AuditRecord, Event

if TYPE_CHECKING:
    from django.contrib.auth.models import User

SHOWN = 10
FAILURES_OF = timedelta(days=90)  # no index names whom a failed attempt was meant for


@dataclass(frozen=True)
class SignIn:
    """One step of a sign-in. ``words``: what was given, or what was wrong with it."""

    at: datetime
    address: str
    words: str
    is_failed: bool


def of(*, user: "User", now: datetime | None = None) -> list[SignIn]:
    """Return the last sign-ins and failed attempts of this person, the newest first."""
    done = search.matching({"operator": user.get_username(), "event": Event.LOGIN})
    records = [*done[:SHOWN], *_failures(user, now or timezone.now())]
    return [_told(record) for record in _newest(records)[:SHOWN]]


def _failures(user: "User", now: datetime) -> list[AuditRecord]:
    """Return the newest failures at this person's name, however its letters were typed."""
    name, since = user.get_username(), (now - FAILURES_OF).isoformat()
    failed = search.matching({"event": Event.LOGIN_FAILED, "from": since})
    named = failed.filter(data__icontains=f'"name_tried":{json.dumps(name)}')
    others = get_user_model().objects.filter(username__iexact=name).exclude(pk=user.pk)
    taken = set(others.values_list("username", flat=True))  # by somebody who writes it otherwise
    return [each for each in named[:SHOWN] if data_of(each).get("name_tried") not in taken]


def _newest(records: list[AuditRecord]) -> list[AuditRecord]:
    return sorted(records, key=lambda record: -record.position)


def _told(record: AuditRecord) -> SignIn:
    data, is_failed = data_of(record), record.event == Event.LOGIN_FAILED
    words = _what_failed(data) if is_failed else _what_was_given(record, data)
    return SignIn(record.at, record.address, words, is_failed)


def _what_was_given(record: AuditRecord, data: dict[str, Any]) -> str:
    if record.outcome != "verified":
        return f"Signed in by {data['by']}" if data.get("by") else "Password given"
    what = str(data.get("with") or "second factor")
    return f"{what[:1].upper()}{what[1:]} given"


def _what_failed(data: dict[str, Any]) -> str:
    if data.get("throttled_for_s"):
        return "Refused unseen, after too many failures"
    step = str(data.get("step") or "password")
    return "Wrong password, asked once more" if step == "password again" else f"Wrong {step}"

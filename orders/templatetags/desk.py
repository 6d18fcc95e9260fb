"""Template filters of the operator's screens: times, durations, and text that may be hostile."""

import unicodedata
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html

from orders.audit import sentences
from orders.exchange.credits import KEYLESS
from orders.models import AuditRecord, Cancel, CancelJob

register = template.Library()
TONES = {
    "cancelled": "good",
    "done": "good",
    "open": "calm",
    "filled": "filled",
    "gone": "plain",
    "closed": "plain",
    "queued": "busy",
    "sending": "busy",
    "running": "busy",
    "vanished": "busy",
    "waiting": "busy",
    "finishing": "busy",
    "empty": "good",
    "needs_you": "alarm",
    "withdrawn": "warn",
    "unknown": "unknown",
    "settling": "warn",
    "stopping": "warn",
    "stopped": "warn",
    "not_found": "warn",
    "refused": "alarm",
    "expired": "alarm",
}


@register.filter
def visible(text: Any) -> str:
    """Text from outside with every invisible or direction-changing character spelled out."""
    text = str(text or "")
    if text.isprintable():  # nearly always, and a page of orders asks a thousand times
        return text
    return "".join(f"‹U+{ord(c):04X}›" if _is_hidden(c) else c for c in text)


def _is_hidden(character: str) -> bool:
    return character not in "\n\t" and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"}


@register.filter
def by(row: Any) -> str:
    """Who acted: a person's name, or *by the command line*."""
    return visible(sentences.by(row))


@register.filter
def place(row: AuditRecord | CancelJob) -> str:
    """From which network address; empty for the command line, which `by` tells."""
    return "" if row.address in sentences.TERMINAL else row.address


@register.filter
def thousands(number: int) -> str:
    """A count as people read it: *5,000*."""
    return f"{number:,}"


@register.filter
def exact(moment: datetime | None) -> str:
    """A time in UTC to the millisecond."""
    if moment is None:
        return "–"
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"


@register.filter
def ago(moment: datetime | None) -> str:
    """How long ago, kept up to date by the page; the exact time in the title."""
    if moment is None:
        return "never"
    return format_html(
        '<time class="dk-nowrap" datetime="{}" title="{} UTC" data-ago>{}</time>',
        moment.isoformat(),
        exact(moment),
        sentences.ago(moment, timezone.now()),
    )


@register.filter
def age(moment: datetime | None) -> str:
    """The same without the word *ago*."""
    if moment is None:
        return "–"
    return format_html(
        '<time class="dk-nowrap" datetime="{}" title="{} UTC" data-age>{}</time>',
        moment.isoformat(),
        exact(moment),
        sentences.span((timezone.now() - moment).total_seconds()),
    )


@register.filter
def shortened(key: str) -> str:
    """A public key by its ends."""
    return key if len(key) <= 12 else f"{key[:5]}…{key[-4:]}"


@register.filter
def tone(status: str) -> str:
    """The colour a status is shown in; its word stands beside it always."""
    return TONES.get(str(status), "plain")


@register.filter
def after(moment: datetime | None, since: datetime) -> str:
    """A time told as the span since another one; the exact time in the title."""
    if moment is None:
        return "–"
    words = sentences.span((moment - since).total_seconds())
    return format_html('<span title="{} UTC">+ {}</span>', exact(moment), words)


@register.filter
def duration(seconds: float) -> str:
    """How long something is going to take."""
    return f"about {sentences.span(seconds)}" if seconds >= 1 else "under 1 s"


@register.filter
def plain_number(number: Decimal) -> str:
    """A decimal without the zeros that pad it."""
    return f"{number.normalize():,f}"


@register.filter
def usd(amount: Decimal) -> str:
    """An amount in USD, to the dollar once it is more than a hundred."""
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:,.2f}"


@register.filter
def per_second(rate: float) -> str:
    """A rate with one decimal while it is small."""
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"


@register.filter
def pool(name: str) -> str:
    """A pool of credits as people know it."""
    return "shared by all accounts without an API config key" if name == KEYLESS else name


@register.simple_tag
def took(cancel: Cancel) -> str:
    """How long a cancel took, from the act to the proven outcome."""
    return sentences.took(cancel)

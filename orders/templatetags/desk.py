"""Template filters of the operator's screens: times, durations, and text that may be hostile."""

import unicodedata
from datetime import UTC, datetime
from decimal import Decimal

from django import template
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime

from orders.audit import sentences
from orders.audit.phrases import Acted
from orders.exchange.credits import KEYLESS
from orders.models import Cancel

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
def visible(value: object) -> str:
    """Show a value from outside; spell out invisible and direction-changing characters."""
    text = str(value or "")
    if text.isprintable():  # nearly always, and a page of orders asks a thousand times
        return text
    return "".join(f"‹U+{ord(c):04X}›" if _is_hidden(c) else c for c in text)


def _is_hidden(character: str) -> bool:
    return character not in "\n\t" and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co"}


@register.filter
def by(row: Acted) -> str:
    """Say who acted: a person's name, or *by the command line*."""
    return visible(sentences.by(row))


@register.filter
def place(row: Acted) -> str:
    """Say from which network address; empty for the command line, which `by` names."""
    return "" if row.address in sentences.TERMINAL else row.address


@register.filter
def thousands(number: int) -> str:
    """Write a count as people read it: *5,000*."""
    return f"{number:,}"


@register.filter
def exact(moment: datetime | None) -> str:
    """Write a time in UTC to the millisecond."""
    if moment is None:
        return "–"
    return _written(moment.astimezone(UTC))


def _written(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}"


@register.filter
def at(moment: datetime | None) -> str:
    """Write a time in the person's time zone as `exact` does; with another, UTC is in the title."""
    if moment is None or zone() == "UTC":
        return exact(moment)
    return format_html('<time title="{} UTC">{}</time>', exact(moment), _written(localtime(moment)))


def at_time(moment: datetime | None) -> str:
    """Write the time of day to the second, in the person's time zone."""
    return "–" if moment is None else f"{localtime(moment):%H:%M:%S}"


def at_words(moment: datetime | None) -> str:
    """Write a time to the second within a sentence, with its time zone."""
    return "" if moment is None else f"{localtime(moment):%Y-%m-%d %H:%M:%S} ({zone()})"


@register.filter
def at_text(text: str) -> str:
    """Write a time that a record keeps as text like all others; what is no time as it stands."""
    try:
        return at(datetime.fromisoformat(text))
    except (TypeError, ValueError):
        return visible(text)


@register.simple_tag
def zone() -> str:
    """Name the time zone of the page for the head of a column: *UTC*, or its city."""
    name = str(getattr(timezone.get_current_timezone(), "key", "UTC"))
    return name.rpartition("/")[2].replace("_", " ")


@register.filter
def ago(moment: datetime | None) -> str:
    """Say how long ago; the page keeps it up to date. The exact time is in the title."""
    if moment is None:
        return "never"
    return time_tag(moment, "ago")


@register.filter
def age(moment: datetime | None) -> str:
    """Say how long ago, as `ago` does, without the word *ago*."""
    if moment is None:
        return "–"
    return time_tag(moment, "age")


def time_tag(moment: datetime, kind: str) -> SafeString:
    """Return a time that a page keeps up to date, and whose exact moment it tells who asks."""
    passed = sentences.span((timezone.now() - moment).total_seconds())
    said = f"{passed} ago" if kind == "ago" else passed
    return format_html(
        '<time datetime="{}" data-{}>{}</time>',
        moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        kind,
        said,
    )


@register.filter
def absolute(address: str, request: HttpRequest) -> str:
    """Return an address of the site with its scheme and host, to be passed on."""
    return request.build_absolute_uri(address)


@register.filter
def shortened(key: str) -> str:
    """Shorten a public key to its ends."""
    return key if len(key) <= 12 else f"{key[:5]}…{key[-4:]}"


@register.filter
def tone(status: str) -> str:
    """Name the colour of a status; its word always stands beside it."""
    return TONES.get(str(status), "plain")


@register.filter
def after(moment: datetime | None, since: datetime) -> str:
    """Say how long after another time this one was; the exact time is in the title."""
    if moment is None:
        return "–"
    words = sentences.span((moment - since).total_seconds())
    return format_html('<span title="{} UTC">+ {}</span>', exact(moment), words)


@register.filter
def duration(seconds: float) -> str:
    """Say how long something is going to take."""
    return f"about {sentences.span(seconds)}" if seconds >= 1 else "under 1 s"


@register.filter
def plain_number(number: Decimal) -> str:
    """Write a decimal without the zeros that pad it."""
    return f"{number.normalize():,f}"


@register.filter
def grouped(number: str) -> str:
    """Write a decimal text with its thousands apart, its digits as they are: *61,000.50*."""
    sign, digits = ("-", number[1:]) if number.startswith("-") else ("", number)
    whole, dot, fraction = digits.partition(".")
    if not (whole.isascii() and whole.isdigit()):
        return number  # no plain decimal: as it stands
    first = len(whole) % 3 or 3
    parts = [whole[:first], *(whole[at : at + 3] for at in range(first, len(whole), 3))]
    return f"{sign}{','.join(parts)}{dot}{fraction}"


@register.filter
def usd(amount: Decimal) -> str:
    """Write an amount in USD; from a hundred on, to the dollar."""
    return f"{amount:,.0f}" if amount >= 100 else f"{amount:,.2f}"


@register.filter
def per_second(rate: float) -> str:
    """Write a rate; below ten, with one decimal."""
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"


@register.filter
def pool(name: str) -> str:
    """Name a pool of credits as people know it."""
    return "shared by all accounts without an API config key" if name == KEYLESS else name


@register.simple_tag
def clock(began_at: datetime, ended_at: datetime | None) -> str:
    """Show the time since then as a clock, *00:17*; the page lets it run until it has ended."""
    now = ended_at or timezone.now()
    words = sentences.clock((now - began_at).total_seconds())
    if ended_at is not None:
        return words
    return format_html('<time datetime="{}" data-clock>{}</time>', began_at.isoformat(), words)


@register.simple_tag
def took(cancel: Cancel) -> str:
    """Say how long a cancel took, from the act to the proven outcome."""
    return sentences.took(cancel)


@register.simple_tag
def copy(value: object, what: str) -> str:
    """Return a button that copies a value whole; its name says what it is."""
    if not value:
        return ""
    return format_html(
        '<button type="button" class="dk-copy dk-not-printed" data-copy="{}" aria-label="Copy {}" '
        'title="Copy {}"><span class="material-symbols-outlined" aria-hidden="true">content_copy'
        "</span></button>",
        value,
        what,
        what,
    )

"""Read one setting from the environment, or stop with a sentence that names it."""

import re
from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()
# The whole address must fit: parsers disagree about names before an @ and behind a backslash.
LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?(/[\w/.-]*)?", re.ASCII)


def wrong(name, what):
    """The one way a setting is refused: its name, what is wrong, what to do."""
    raise ImproperlyConfigured(f"{name}: {what}")


def number(name, default, low, high):
    """A whole number within bounds, or a named error."""
    try:
        value = int(env.str(name, str(default)))
    except ValueError:
        wrong(name, "must be a whole number.")
    if not low <= value <= high:
        wrong(name, f"must be between {low} and {high}.")
    return value


def yes_or_no(name, default):
    """A boolean written as true or false, or a named error."""
    text = env.str(name, str(default)).strip().lower()
    if text not in {"true", "false", "1", "0", "yes", "no", "on", "off"}:
        wrong(name, "must be true or false.")
    return text in {"true", "1", "yes", "on"}


def secret(name):
    """A secret: the value itself, or what is in the file that its namesake in _FILE names.

    Of such a file its owner may read, and nobody may do more.
    """
    value, in_file = env.str(name, ""), f"{name}_FILE"
    path = env.str(in_file, "")
    if value and path:
        wrong(name, "is set twice: as a value and as a file. Keep one.")
    if not path:
        return value
    try:
        if Path(path).stat().st_mode & 0o377:
            wrong(in_file, "must be for its owner to read, no more: chmod 0400.")
        return Path(path).read_text().strip()
    except OSError as error:
        wrong(in_file, f"cannot be read ({error.strerror}).")


def is_loopback(url):
    """True only for plain HTTP to this very machine."""
    return LOOPBACK.fullmatch(url) is not None

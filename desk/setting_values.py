"""Read one setting from the environment, or stop with a sentence that names it."""

import difflib
import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.core.mail.message import sanitize_address

from desk import key_files

# The whole address must fit: parsers disagree about names before an @ and behind a backslash.
LOOPBACK = re.compile(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?(/[\w/.-]*)?", re.ASCII)
HOST = re.compile(r"\*|\.?[\w-]+(\.[\w-]+)*\.?|\[[0-9a-fA-F:.]+\]")
ORIGIN = re.compile(
    r"https?://((\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(:[1-9]\d{0,4})?", re.ASCII
)
UNSAID_PORT = re.compile(r"https:.*:443|http:.*:80")  # no browser names them
LOG_NAME = re.compile(r"[\w-]+(\.[\w-]+)*(/[\w.-]+)*", re.ASCII)
OURS = ("PACIFICA_", "AGENT_KEY_", "AGENT_WALLET_", "AUDIT_CHECKPOINT_")  # nobody else's names
ALIKE = 0.86  # from here on a name is taken for a slip of the pen
asked = {"ENV_FILE"}  # every name that was looked up


def wrong(name: str, what: str) -> NoReturn:
    """The one way a setting is refused: its name, what is wrong, what to do."""
    raise ImproperlyConfigured(f"{name}: {what}") from None  # what failed may repeat the value


def text(name: str, default: str = "") -> str:
    """The value as it stands in the environment, or a named error where it cannot be meant so."""
    asked.add(name)
    value = os.environ.get(name)
    if value is None:
        return default
    if fault := _fault(value):
        wrong(name, fault)
    return value


def _fault(value: str) -> str:
    """What makes a value one that nobody means, or nothing; the value is not repeated."""
    if value != value.strip():
        return "has a blank or line break at its beginning or end: take it away."
    if any(unicodedata.category(one) in {"Cc", "Cf", "Zl", "Zp", "Cs"} for one in value):
        return "holds a line break or an invisible character: write it anew by hand."
    if "\N{NO-BREAK SPACE}" in value:
        return "holds a blank that only looks like one: write it anew by hand."
    if re.search(r"\s#", value):
        return "goes on with a note: put the note on a line of its own."
    if value.startswith("$"):
        return "begins with $, and no variable is filled in here: write out the value itself."
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"`":
        return "stands in quotes, which would be part of it: leave them out."
    return ""


def listed(name: str, default: Iterable[str] = ()) -> list[str]:
    """What stands between commas, or a named error where there are blanks too."""
    value = text(name)
    if name not in os.environ:
        return list(default)
    if re.search(r"\s", value):
        wrong(name, "has a blank in it: write commas alone between its parts.")
    return [part for part in value.split(",") if part]


def number(name: str, default: int, low: int, high: int) -> int:
    """A whole number within bounds, or a named error."""
    value = text(name, str(default))
    if not re.fullmatch(r"-?[0-9]{1,18}", value):
        wrong(name, "must be a whole number.")
    if not low <= int(value) <= high:
        wrong(name, f"must be between {low} and {high}.")
    return int(value)


def yes_or_no(name: str, default: bool) -> bool:
    """A boolean written as true or false, or a named error."""
    value = text(name, str(default)).lower()
    if value not in {"true", "false", "1", "0", "yes", "no", "on", "off"}:
        wrong(name, "must be true or false.")
    return value in {"true", "1", "yes", "on"}


def address(name: str, default: str, *schemes: str) -> str:
    """A URL of one of these schemes, or nothing; else a named error."""
    value = text(name, default)
    if not value:
        return value
    try:
        parts = urlsplit(value)
        is_sound = parts.scheme in schemes and (parts.port is None or parts.port > 0)
    except ValueError:  # its own text repeats the value
        is_sound = False
    if not is_sound:
        wrong(
            name, f"must be an address that starts with {' or '.join(f'{s}://' for s in schemes)}."
        )
    return value


def path(name: str, default: str | Path) -> Path:
    """Where a file or folder is, or a named error."""
    value = text(name, str(default))
    if not value or value.startswith("~"):
        wrong(name, "must be a path from the root on; ~ is not filled in here.")
    return Path(value)


def secret(name: str) -> str:
    """A secret: the value itself, or what is in the file that its namesake in _FILE names."""
    value, in_file = text(name), f"{name}_FILE"
    file = text(in_file)
    if value and file:
        wrong(name, "is set twice: as a value and as a file. Keep one.")
    if not file:
        return value
    try:
        return key_files.read(file)
    except key_files.RuleBroken as broken:
        wrong(in_file, str(broken))


def is_loopback(url: str) -> bool:
    """True only for plain HTTP to this very machine."""
    return LOOPBACK.fullmatch(url) is not None


def is_host(name: str) -> bool:
    """True for what Django compares a request's host with: no scheme, port or path."""
    return HOST.fullmatch(name) is not None


def is_mail_address(value: str) -> bool:
    """True for what the mail library takes: it refuses the others only when something is told."""
    try:
        return value.count("@") == 1 and bool(sanitize_address(value, "utf-8"))
    except ValueError:
        return False


def can_be_looked_up(host: str | None) -> bool:
    """True for a name that may be looked up at all; no look-up is made."""
    try:
        return bool(host and host.encode("idna"))
    except UnicodeError:
        return False


def is_origin(text: str) -> bool:
    """True only for an origin as browsers say it, or for one with *. before its host."""
    return ORIGIN.fullmatch(text) is not None and UNSAID_PORT.fullmatch(text) is None


def is_log_name(name: str) -> bool:
    """True for what names a log to witnesses: an address without its scheme, no longer than 200."""
    return len(name) <= 200 and LOG_NAME.fullmatch(name) is not None


def slips() -> list[str]:
    """Sentences about names in the environment that look like ours and that nothing looked up."""
    strange = sorted(name for name in os.environ if name not in asked and name.isupper())
    return [f"{name}: {said}" for name in strange if (said := _slip(name))]


def _slip(name: str) -> str:
    near = difflib.get_close_matches(name, asked, n=1, cutoff=ALIKE)
    if near:
        return f"is no setting. Is {near[0]} meant?"
    return "is no setting of this version." if name.startswith(OURS) else ""


def is_folder(name: str, place: Path) -> bool:
    """Whether this is a folder; a named error where this process may not even look."""
    try:
        return place.is_dir()
    except PermissionError:
        wrong(name, f"{place} cannot be looked at: its folder belongs to somebody else.")

"""Read a file of settings into the environment, or stop with a sentence that shows no line of it.

One ``NAME=value`` a line, without blanks around the ``=``; ``#`` begins a line that is a note; a
value may stand in quotes. The environment wins over the file.
"""

import os
import re
import stat
from collections.abc import Collection
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from desk import settings_table
from desk.setting_values import wrong

DEFAULT = str(Path(__file__).resolve().parent.parent / ".env")
LINE = re.compile(r"(?:export +)?([A-Z][A-Z0-9_]*)=(.*)", re.DOTALL)
NAME = re.compile(r"(?:export +)?([A-Z_]+)(?![A-Za-z0-9_+/])")
# Of a faulty line nothing else is ever shown: it may be part of a key.
KNOWN = {name for rows in settings_table.SETTINGS.values() for name, *_ in rows}
ESCAPED = re.compile(r"\\(.)")


def load(path: str | Path, *, is_named: bool) -> list[str]:
    """Put the file's settings into the environment; what to warn of, in sentences.

    ``is_named``: whether somebody asked for this very file, so that it must be there.
    """
    path = Path(path)
    if not is_named and not os.path.lexists(path):
        return []
    given = _settings(_text(path), path.name)
    for name, value in given.items():
        os.environ.setdefault(name, value)
    return _readable_by_others(path, given)


def look_up(name: str, default: str) -> str:
    """Read one setting before there are settings; where the file is faulty, the start says so."""
    if name in os.environ:
        return os.environ[name]
    try:
        path = Path(os.environ.get("ENV_FILE", DEFAULT))
        return _settings(_text(path), path.name).get(name, default)
    except ImproperlyConfigured:
        return default


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        wrong("ENV_FILE", f"{path} is not text in UTF-8.")
    except OSError as error:
        wrong("ENV_FILE", f"{path} cannot be read ({error.strerror}).")


def _settings(text: str, file: str) -> dict[str, str]:
    """Values by name. ``file``: what to call it."""
    found: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        where = f"line {number} of {file}"
        name, value = _pair(line, where)
        if name in found:
            wrong(_shown(line), f"lines {lines[name]} and {number} of {file} set the same one.")
        found[name], lines[name] = _value(line, value, where), number
    return found


def _pair(line: str, where: str) -> tuple[str, str]:
    if "\0" in line:
        wrong(_shown(line), f"{where} holds a NUL, which no setting can.")
    match = LINE.fullmatch(line)
    if match is None or match[2][:1].isspace():
        wrong(_shown(line), f"{where} must read NAME=value, without blanks around the =.")
    return match[1], match[2]


def _value(line: str, value: str, where: str) -> str:
    """The value as it is meant; quotes are taken off."""
    quote = value[:1]
    if quote not in {"'", '"'}:
        if value.startswith("#"):
            wrong(_shown(line), f"{where} begins its value with #: put the value in quotes.")
        return value
    if len(value) < 2 or not value.endswith(quote):
        wrong(_shown(line), f"{where} must end with the quote that its value begins with.")
    inner = value[1:-1]
    return ESCAPED.sub(_kept, inner) if quote == '"' else inner


def _kept(match: re.Match[str]) -> str:
    return match[0] if match[1] in "rnt" else match[1]


def _shown(line: str) -> str:
    """The setting that a faulty line is about; the file's own where that cannot be told."""
    match = NAME.match(line)
    return match[1] if match and match[1] in KNOWN else "ENV_FILE"


def _readable_by_others(path: Path, given: Collection[str]) -> list[str]:
    is_secret = any(re.search("KEY|SECRET|PASSWORD|URL", name) for name in given)
    if is_secret and path.is_file() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        return [f"ENV_FILE: others can read {path}, which holds secrets: chmod 0600."]
    return []

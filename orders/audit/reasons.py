"""Why somebody acts, as it is kept with their name: one line, of a length that columns take."""

import unicodedata

MIN_REASON, MAX_REASON = 3, 300  # characters
SAY_WHY = "Say why: the reason is kept with your name."


BLANK = frozenset(  # though Unicode counts them among letters, marks and signs
    "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
    + "".join(map(chr, [*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)]))
)


def seen(text: str) -> str:
    """Return what a reader sees of a reason, to judge it by: nothing without a width."""
    return " ".join("".join(filter(_is_seen, one_line(text))).split())


def _is_seen(char: str) -> bool:
    return char.isprintable() and char not in BLANK


def one_line(text: str) -> str:
    """Return a reason as it is kept: no control characters, blanks run together, cut."""
    plain = "".join(" " if unicodedata.category(char) == "Cc" else char for char in text)
    return " ".join(plain.split())[:MAX_REASON]

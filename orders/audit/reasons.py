"""Why somebody acts, as it is kept with their name: one line, of a length that columns take."""

import unicodedata

MIN_REASON, MAX_REASON = 3, 300  # characters
SAY_WHY = "Say why: the reason is kept with your name."


def one_line(text: str) -> str:
    """Return a reason as it is kept: no control characters, blanks run together, cut."""
    plain = "".join(" " if unicodedata.category(char) == "Cc" else char for char in text)
    return " ".join(plain.split())[:MAX_REASON]

"""Why something could not be reached, in one line of its own words, and nothing secret."""

MAX_REASON = 200  # characters
TELLING = ("password=", "://")  # of addresses, which hold passwords


def reason_of(error: Exception, *secrets: str) -> str:
    """Return the error's kind and first line; its kind alone where the line could tell a secret."""
    said = " ".join(str(error).split("\n")[0].split())
    if any(secret in said for secret in (*TELLING, *secrets) if secret):
        said = ""
    return f"{type(error).__name__}: {said[:MAX_REASON]}" if said else type(error).__name__

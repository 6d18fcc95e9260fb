"""What the exchange's *no* means: texts and codes, and what the operator can do about each.

Texts come before codes, for the two published tables of business codes contradict each other
(docs.pacifica.fi error-codes page: 6 is order not found, older copies and the one captured
cancel failure say 5).
"""

import re
from dataclasses import dataclass

NOT_FOUND, REFUSED, UNKNOWN = "not_found", "refused", "unknown"

# Business codes for an order that is not there: both tables, and TWAP's. 404 repeats the status.
NOT_FOUND_CODES = frozenset({5, 6, 37, 44, 47, 404})
# Database error, channel closed, response dropped: the engine may have done it all the same.
DOUBTFUL_CODES = frozenset({14, 26, 27})


@dataclass(frozen=True)
class Meaning:
    """What one error text says: verdict kind, a cause to branch on, a hint for the operator."""

    kind: str
    cause: str
    hint: str = ""


_BIND = "The agent wallet is not bound to this account. Bind it on Pacifica's API key page."
_TEXTS = [
    # Doubt first: these say nothing about what the engine did.
    ("channel closed|response dropped", UNKNOWN, "engine", ""),
    ("timed out|timeout|internal (server )?error|database error", UNKNOWN, "engine", ""),
    # Only HTTP 429 itself is taken for a throttle.
    ("rate limit", UNKNOWN, "rate_limit", ""),
    (
        "verification failed",
        REFUSED,
        "signature",
        "The exchange did not accept the signature. Check that this agent wallet's key is the one "
        "bound to the account at the exchange.",
    ),
    (
        "invalid message",
        REFUSED,
        "expired",
        "The request arrived too late or malformed. Check this machine's clock, then cancel again.",
    ),
    (
        "invalid signature",
        REFUSED,
        "signature",
        "The exchange could not read the signature. Import the agent key again.",
    ),
    (
        "invalid public key",
        REFUSED,
        "public_key",
        "An address is malformed. Check the account's address and the agent's public key.",
    ),
    (
        r"agent.*not (authori[sz]ed|bound|found)|unauthori[sz]ed agent",
        REFUSED,
        "agent",
        _BIND,
    ),
    (
        "beta access|beta code|access code",
        REFUSED,
        "beta",
        "The agent wallet has no beta access. Redeem a beta code with it at the exchange.",
    ),
    (
        "whitelist",
        REFUSED,
        "whitelist",
        "This machine's address is not on the agent wallet's IP whitelist at the exchange.",
    ),
    (
        "restricted|region|jurisdiction",
        REFUSED,
        "region",
        "The exchange refuses requests from this region. Check where this machine reaches it from.",
    ),
    (
        "trading (is )?disabled|trading (is )?halted|trading halt",
        REFUSED,
        "trading_disabled",
        "The exchange has halted trading here. Try again when it resumes.",
    ),
    # Before the order's own not found: these are not about the order.
    (
        "account not found|not main account",
        REFUSED,
        "account",
        "The exchange does not know this account. Check its address and the network.",
    ),
    (
        r"(book|market|symbol) not found|(invalid|unknown) symbol",
        REFUSED,
        "symbol",
        "The exchange does not know this symbol. Symbols keep their case: kBONK, not KBONK.",
    ),
    # Seen alone where the agent is not bound; after all that says more than it does.
    (r"\bunauthori[sz]ed\b|\bnot authori[sz]ed\b", REFUSED, "agent", _BIND),
    ("failed to cancel", NOT_FOUND, "order", ""),
    ("unused (twap )?client order id", NOT_FOUND, "order", ""),
    (r"\b(order|twap|strategy)\b.*not found", NOT_FOUND, "order", ""),
    (
        r"invalid (batch operation )?parameters|invalid request|missing field|deserialize",
        REFUSED,
        "parameters",
        "The exchange could not read the request's fields. Report this to the administrators.",
    ),
]
_MEANINGS = [
    (re.compile(pattern), Meaning(kind, cause, hint)) for pattern, kind, cause, hint in _TEXTS
]
_OTHER = Meaning(REFUSED, "other", "")

# Words that stand alone are short, on one line and free of markup, and a few words at the most
# come before the known ones: a page or a report that merely holds them is no answer to us.
MAX_BARE_CHARS = 200
_LEAD = r"(http )?(error:? )?(4\d\d:? )?(error:? )?([a-z'’-]+:? ){0,8}?"
_BARE = re.compile(f"{_LEAD}({'|'.join(row[0] for row in _TEXTS)})")
_AROUND = " \t\r\n\ufeff\"'"
_NO_BARE = re.compile(r"[<>{}\[\]\n\r]")


def meaning_of_text(error: str) -> Meaning | None:
    """Find the `Meaning` of an error text, or None where no known phrase is in it."""
    lowered = error.lower()
    for pattern, meaning in _MEANINGS:
        if pattern.search(lowered):
            return meaning
    return None


def meaning_of_bare(words: str) -> Meaning | None:
    """Find the `Meaning` of words without an envelope; None where they are another's.

    Seen live: a lone ``Verification failed`` or ``Unauthorized``. Only a refusal is taken from
    them; what else they say leaves a doubt, which is a meaning too.
    """
    words = words.strip(_AROUND).lower()
    if len(words) > MAX_BARE_CHARS or _NO_BARE.search(words):
        return None
    meaning = meaning_of_text(words)
    if meaning is None or meaning.kind != REFUSED:
        return meaning and Meaning(UNKNOWN, meaning.cause)
    return meaning if _BARE.match(words) else None


def meaning_of_envelope(status: int, error: str, code: int | None) -> Meaning:
    """Find the `Meaning` of a well-formed error envelope that came with a 4xx."""
    known = meaning_of_text(error)
    if known is not None:
        return known
    if code in DOUBTFUL_CODES:
        return Meaning(UNKNOWN, "engine")
    if code in NOT_FOUND_CODES and status in (400, 404, 422):
        return Meaning(NOT_FOUND, "order")
    # Code 0 is "unknown / internal" in both tables; without a text we know it says nothing.
    return Meaning(UNKNOWN, "other") if code in (0, None) else _OTHER

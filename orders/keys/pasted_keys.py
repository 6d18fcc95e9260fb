"""Read what people paste where a key belongs: its bytes, or what it is instead. Pure.

Chats, spreadsheets and password stores put quotes, blanks of every kind and byte order marks
around a key, and break it over lines. No sentence here repeats any of what was pasted.
"""

import base64
import json
import re
import unicodedata
from collections.abc import Callable

import base58

MAX_CHARS = 4096  # characters: a JSON array of 64 numbers, each on an indented line, has a quarter
MAX_BASE58 = 128  # 64 bytes have 88 at most
AROUND = " \t\r\n,;'\"`´‘’‚‛“”„«»‹›"
API_CONFIG_KEY = re.compile(r"[0-9A-Za-z]{8}_[1-9A-HJ-NP-Za-km-z]{8,60}")
NOT_ONE = (
    "This is not an agent key. Paste the secret as Pacifica shows it (base58), "
    "a 32-byte seed in base58, or the JSON array of solana-keygen."
)
NO_ARRAY = "The JSON array must hold 64 numbers from 0 to 255."


class BadAgentKey(ValueError):
    """What was pasted is not this agent wallet's secret; the text never repeats it."""


def bare(pasted: str) -> str:
    """Return the text without what copying puts around and into a key: blanks, quotes, marks."""
    pasted = re.sub(r"\x1b\[20[01]~", "", pasted)  # how a terminal marks what was pasted into it
    visible = "".join(char for char in pasted if unicodedata.category(char) not in {"Cf", "Mn"})
    return " ".join(visible.split()).strip(AROUND)


def joined(pasted: str) -> str:
    """Return the bare text in one piece: a key has no blanks."""
    return bare(pasted).replace(" ", "")


def secret_bytes(pasted: str) -> bytes:
    """Return the bytes of a secret in base58 or in a JSON array.

    Raises `BadAgentKey`, which says what the text is instead where that can be told.
    """
    if len(pasted) > MAX_CHARS:
        raise BadAgentKey("This is longer than any agent key. Paste the secret alone.")
    text = bare(pasted)
    if re.fullmatch(r"[\[\]\d, ]+", text) and "," in text:
        return _array(text)
    if sentence := _what_else(text):
        raise BadAgentKey(sentence)
    return from_base58(joined(text))


def from_base58(text: str) -> bytes:
    """Decode base58; each leading 1 is a zero byte. Raises `BadAgentKey`."""
    if not text or len(text) > MAX_BASE58:  # decoding takes the square of the length
        raise BadAgentKey(NOT_ONE)
    try:
        return base58.b58decode(text)
    except ValueError:  # its own text repeats a character
        if text.isascii() and text.isalnum() and len(text) in {43, 44, 87, 88}:
            raise BadAgentKey("It holds a 0, O, I or l, which no key does: copy it anew.") from None
        raise BadAgentKey(NOT_ONE) from None


def _array(text: str) -> bytes:
    try:
        numbers = json.loads(f"[{text.strip('[], ')}]")
        return bytes(numbers)
    except (ValueError, TypeError, RecursionError):
        raise BadAgentKey(NO_ARRAY) from None


def _what_else(text: str) -> str:
    """Say what the text is, where it is surely no agent wallet's secret; else return nothing."""
    whole = text.replace(" ", "")
    for is_kind, sentence in KINDS:
        if is_kind(text, whole):
            return sentence
    return ""


def _is_mnemonic(text: str, whole: str) -> bool:
    words = re.sub(r"(?<!\w)\d+|[.,;:]", " ", text).split()  # base58 has digits within
    return len(words) >= 11 and all(re.fullmatch(r"[a-z]{3,10}", word.lower()) for word in words)


def _is_hex(text: str, whole: str) -> bool:
    return re.fullmatch(r"(0[xX])?([0-9a-fA-F]{2}:?){16,}", whole) is not None


def _is_api_config_key(text: str, whole: str) -> bool:
    return API_CONFIG_KEY.fullmatch(whole) is not None


def _is_base64(text: str, whole: str) -> bool:
    if not re.search(r"[+/=_-]", whole):
        return False
    try:
        plain = whole.rstrip("=").replace("-", "+").replace("_", "/")
        return len(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)) >= 16
    except ValueError:  # also where it holds other letters than ASCII
        return False


# (whether text and the same without blanks are of this kind, what to say of it)
KINDS: tuple[tuple[Callable[[str, str], bool], str], ...] = (
    (
        lambda text, whole: whole.startswith("["),
        NO_ARRAY,
    ),
    (
        lambda text, whole: whole.startswith("-----BEGIN"),
        "This is a key in PEM form, not an agent wallet's secret, which is base58.",
    ),
    (
        _is_mnemonic,
        "This is a recovery phrase (mnemonic). It opens a whole wallet with its funds: paste it "
        "nowhere. Make an agent wallet on Pacifica's API key page and paste that one's secret.",
    ),
    (
        _is_hex,
        "This is a key in hex, as Ethereum writes them, not an agent wallet's secret: paste it in "
        "base58, as Pacifica's API key page shows it.",
    ),
    (
        _is_api_config_key,
        "This is an API config key: it raises the credit quota and signs nothing. It belongs on "
        "the account's page; paste the agent wallet's secret here.",
    ),
    (
        _is_base64,
        "This is base64, not an agent wallet's secret: paste it in base58, as Pacifica's API key "
        "page shows it.",
    ),
    (
        lambda text, whole: bool(re.search(r"[{}:=]", whole)),
        "Paste the secret alone, without the name before it and what stands around it.",
    ),
)

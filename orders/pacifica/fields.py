"""The fields of the exchange's rows: what each may hold, and how odd spellings of it read."""

from collections.abc import Callable
from typing import Any

from .decimals import is_plain, plain
from .strict_json import Repeated

Check = Callable[[Any], bool]  # whether a value is what a field may hold

MAX_ORDER_ID = 2**53
MAX_TEXT_CHARS = 128
MAX_NAME_CHARS = 64  # symbols, client order ids, and decimals as text


def is_order_id(value: Any) -> bool:
    return type(value) is int and 0 < value <= MAX_ORDER_ID


def is_whole_number(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def is_flag(value: Any) -> bool:
    return type(value) is bool


is_decimal = is_plain


def is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT_CHARS and value.isprintable()


def is_name(value: Any) -> bool:
    return is_text(value) and len(value) <= MAX_NAME_CHARS


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


def mended(value: Any, check: Check, is_nullable: bool) -> tuple[Any, bool]:
    """Mend a value that failed its check: (as we spell it, False) or (None, whether it is lost).

    Null or empty means none where the field may have none; so does 0 for an order id.
    """
    if isinstance(value, Repeated) and value.is_one_value:
        value = value.values[0]
    if check(value):
        return value, False
    if is_nullable and (value is None or value == "" or _states_none(value, check)):
        return None, False
    spelled = _MENDS.get(check, _nothing)(value)
    return (spelled, False) if check(spelled) else (None, True)


def _states_none(value: Any, check: Check) -> bool:
    return check is is_order_id and type(value) is int and value == 0


def _whole_of(value: Any) -> int | None:
    """Read digits in quotes, or a number such as 2.8e10: whole numbers all the same."""
    text = plain(value) or ""
    whole, _, rest = text.partition(".")
    return int(whole) if text and not rest.strip("0") else None


def _nothing(value: Any) -> None:
    return None


_MENDS: dict[Check, Callable[[Any], int | str | None]] = {
    is_decimal: plain,
    is_order_id: _whole_of,
    is_whole_number: _whole_of,
}

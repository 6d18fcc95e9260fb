"""Whether an open order is a stop, which has a cancel route of its own. Pure; the one place.

Sources: docs.pacifica.fi stop order and enumeration pages. Type names have grown before, so what
has a stop price is a stop whatever its type is called, and so is what only sounds like one.
"""

import re

STOP_WORDS = ("stop", "take", "trigger", "trailing", "conditional")
SOME_PRICE = "[1-9]"  # some digit that is not zero: "0" is no price
DOCUMENTED = {
    "limit": False,
    "market": False,
    "stop_limit": True,
    "stop_market": True,
    "stop_loss_limit": True,
    "stop_loss_market": True,
    "take_profit_limit": True,
    "take_profit_market": True,
}


def is_stop(order_type: str | None, stop_price: str | None = None) -> bool:
    """Return True for what the stop route cancels. ``stop_price``: the exchange's text, or None."""
    return _has_price(stop_price) or any(word in (order_type or "").lower() for word in STOP_WORDS)


def is_certain(order_type: str | None, stop_price: str | None = None) -> bool:
    """Whether the documentation knows the type, and the stop price says the same."""
    if order_type not in DOCUMENTED:
        return False
    return DOCUMENTED[order_type] == is_stop(order_type, stop_price)


def _has_price(stop_price: str | None) -> bool:
    return re.search(SOME_PRICE, stop_price or "") is not None

"""The end of one order, as the exchange's history tells it."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Closure:
    """The end of one order. ``status`` and ``event``: the exchange's words; amounts its text.

    ``at``: when, by the exchange's clock, or None where it does not say.
    """

    status: str
    event: str
    filled_amount: str
    cancelled_amount: str
    at: datetime | None = field(default=None, compare=False)  # those that differ in it are one
    average_filled_price: str = ""

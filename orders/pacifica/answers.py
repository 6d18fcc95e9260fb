"""What an answer proves: the one name under which all readers of answers are found.

Verdicts on signed requests never raise; reads raise `Unreadable` (or `NotInHistory`), for half a
book must not pass for a whole one.
"""

from .quota import Quota, quota
from .reads import (
    HistoryPage,
    Listed,
    NotInHistory,
    OpenOrders,
    history_events,
    history_page,
    market_symbols,
    open_orders,
    twap_events,
    twap_orders,
)
from .rows import HistoryOrder, OddRow, OpenOrder, OrderEvent, TwapOrder
from .strict_json import Unreadable
from .verdicts import (
    Verdict,
    agent_wallets,
    batch_verdicts,
    cancel_all_verdict,
    cancel_verdict,
    other_account,
    twap_verdict,
)
from .whose import Subject
from .words import safe_text

__all__ = [
    "HistoryOrder",
    "HistoryPage",
    "Listed",
    "NotInHistory",
    "OddRow",
    "OpenOrder",
    "OpenOrders",
    "OrderEvent",
    "Quota",
    "Subject",
    "TwapOrder",
    "Unreadable",
    "Verdict",
    "agent_wallets",
    "batch_verdicts",
    "cancel_all_verdict",
    "cancel_verdict",
    "history_events",
    "history_page",
    "market_symbols",
    "open_orders",
    "other_account",
    "quota",
    "safe_text",
    "twap_events",
    "twap_orders",
    "twap_verdict",
]

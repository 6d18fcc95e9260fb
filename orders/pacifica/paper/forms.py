"""The fields each signed route knows and requires, and the operation type it is signed as.

Only these fields are signed over; the exchange rebuilds the signed text from them, so a field that
it does not know breaks the signature (docs.pacifica.fi operation-types; seen live).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from ..signing import FULL_UUID

Check = Callable[[Any], bool]  # whether a value is what a field takes

MAX_INTEGER = 2**63 - 1
DECIMAL = re.compile(r"\d{1,30}(\.\d{1,30})?")


def is_text(value: Any) -> TypeGuard[str]:
    """Whether it is a non-empty string."""
    return isinstance(value, str) and 0 < len(value) <= 200


def is_boolean(value: Any) -> bool:
    """Whether it is a real boolean, not a number or a word."""
    return value is True or value is False


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether it is a JSON integer that is not negative; a string of digits is refused."""
    return type(value) is int and 0 <= value <= MAX_INTEGER


def is_decimal(value: Any) -> bool:
    """Whether it is a decimal number in a string."""
    return isinstance(value, str) and DECIMAL.fullmatch(value) is not None


def is_uuid(value: Any) -> bool:
    """Whether it is a full UUID with dashes."""
    return isinstance(value, str) and FULL_UUID.fullmatch(value) is not None


def is_side(value: Any) -> bool:
    """Whether it is ``bid`` or ``ask``."""
    return value in ("bid", "ask")


def is_tif(value: Any) -> bool:
    """Whether it is a time in force."""
    return value in ("GTC", "IOC", "ALO", "TOB")


def _has_one_id(payload: dict[str, Any]) -> bool:
    return ("order_id" in payload) != ("client_order_id" in payload)


def _has_an_id(payload: dict[str, Any]) -> bool:
    return "order_id" in payload or "client_order_id" in payload


def _has_symbol_if_needed(payload: dict[str, Any]) -> bool:
    return payload["all_symbols"] or "symbol" in payload


def _always(payload: dict[str, Any]) -> bool:
    return True


@dataclass(frozen=True)
class Form:
    """What one route takes. ``type``: what is signed.

    ``required``, ``optional``: field name to its check.
    ``is_whole_right``: what must hold between the fields. ``main_only``: an agent may not sign it.
    """

    type: str
    required: dict[str, Check] = field(default_factory=dict)
    optional: dict[str, Check] = field(default_factory=dict)
    is_whole_right: Callable[[dict[str, Any]], bool] = _always
    main_only: bool = False


SYMBOL: dict[str, Check] = {"symbol": is_text}
IDS: dict[str, Check] = {"order_id": is_whole, "client_order_id": is_uuid}
NEW_ORDER = SYMBOL | {"amount": is_decimal, "side": is_side, "reduce_only": is_boolean}
NEW_ORDER_EXTRAS: dict[str, Check] = {"client_order_id": is_uuid, "builder_code": is_text}
AGENT: dict[str, Check] = {"agent_wallet": is_text}

CANCEL = Form("cancel_order", SYMBOL, IDS, _has_one_id)
CANCEL_STOP = Form("cancel_stop_order", SYMBOL, IDS, _has_one_id)
CREATE = Form("create_order", NEW_ORDER | {"price": is_decimal, "tif": is_tif}, NEW_ORDER_EXTRAS)
CREATE_MARKET = Form(
    "create_market_order", NEW_ORDER | {"slippage_percent": is_decimal}, NEW_ORDER_EXTRAS
)
EDIT = Form("edit_order", SYMBOL | {"price": is_decimal}, IDS | {"amount": is_decimal}, _has_one_id)

FORMS = {
    "/orders/cancel": CANCEL,
    "/orders/stop/cancel": CANCEL_STOP,
    # With both ids the client order id wins (docs.pacifica.fi cancel-twap-order).
    "/orders/twap/cancel": Form("cancel_twap_order", SYMBOL, IDS, _has_an_id),
    "/orders/cancel_all": Form(
        "cancel_all_orders",
        {"all_symbols": is_boolean, "exclude_reduce_only": is_boolean},
        SYMBOL,
        _has_symbol_if_needed,
    ),
    "/order_strategies/cancel": Form("cancel_order_strategy", {"strategy_id": is_uuid}),
    "/orders/create": CREATE,
    "/orders/create_market": CREATE_MARKET,
    "/orders/edit": EDIT,
    "/agent/list": Form("list_agent_wallets"),
    "/agent/bind": Form("bind_agent_wallet", AGENT, main_only=True),
    "/agent/revoke": Form("revoke_agent_wallet", AGENT, main_only=True),
    "/agent/revoke_all": Form("revoke_all_agent_wallets", main_only=True),
}
# Types of batch actions, case-sensitive (docs.pacifica.fi batch-order).
BATCH_FORMS = {
    "Cancel": ("/orders/cancel", CANCEL),
    "CancelStopOrder": ("/orders/stop/cancel", CANCEL_STOP),
    "Create": ("/orders/create", CREATE),
    "CreateMarket": ("/orders/create_market", CREATE_MARKET),
    "Edit": ("/orders/edit", EDIT),
}

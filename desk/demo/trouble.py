"""Trouble for the demo: what a desk should have seen before it happens with real money at stake.

Lost answers, few credits, a slow exchange, an agent wallet that the exchange does not know, and an
order that another hand cancelled.
"""

from typing import TYPE_CHECKING, Any

from desk.demo.seed import ask

if TYPE_CHECKING:
    from orders.models import Account

FEW_CREDITS, FOREIGN_AGENT = "Majors", "Hedge"
CREDITS = 40  # a minute: a bulk cancel of the whole account has to wait for more
FAULTS: tuple[dict[str, Any], ...] = (  # of several that fit, the first goes first
    {"route": "/orders/cancel", "kind": "apply_then_drop", "skip": 1, "times": 2},
    {"route": "/orders/cancel", "kind": "delay_before", "delay_ms": 1500, "times": None},
    {"route": "/orders/batch", "kind": "delay_before", "delay_ms": 1500, "times": None},
)
WORDS = (
    "  With trouble: the second and third cancel lose their answers, the exchange is slow,\n"
    f"  {FEW_CREDITS} has few credits, {FOREIGN_AGENT} an agent wallet that the exchange does not\n"
    "  know, and one order was cancelled by another hand.\n"
)


def of_account(account: "Account", agents: list[str]) -> dict[str, Any]:
    """What the paper exchange is told of an account, with the trouble that it has."""
    known: dict[str, Any] = {"address": account.address, "agents": agents}
    if account.name == FEW_CREDITS:
        known["credits"] = CREDITS
    if account.name == FOREIGN_AGENT:
        known["agents"] = []
    return known


def arm(control: str) -> None:
    """Arm the faults, and have another hand cancel one order. ``control``: the control doors."""
    for fault in FAULTS:
        ask(control, "POST", "/faults", fault)
    rows = ask(control, "GET", "/orders")["orders"]
    order = next((row for row in rows if row["is_open"]), None)
    if order is not None:
        ask(control, "POST", "/closings", {"order_id": order["order_id"], "event": "cancel"})

"""POST /orders/batch: up to ten signed actions; all verified first, then each tried in its turn.

Source: docs.pacifica.fi batch-order; item answers as CCXT captured them. One bad signature refuses
the whole batch; an action the engine refuses does not stop those after it, and the outer answer
stays a success.
"""

from typing import Any

from . import refusals
from .actions import ACTIONS
from .credits import CANCELS, cost_of_batch
from .envelopes import Answer, accepted
from .exchange import PaperExchange
from .forms import BATCH_FORMS
from .rules import Rules
from .verification import Signed, verified

MAX_ACTIONS = 10


def verified_batch(body: Any, *, exchange: PaperExchange) -> list[tuple[str, Signed]]:
    """Return (route, signed request) of each action; raise `Refused` if any of them is not good."""
    actions = body.get("actions") if isinstance(body, dict) else None
    if not isinstance(actions, list) or not 0 < len(actions) <= MAX_ACTIONS:
        raise _malformed()
    return [_verified_action(action, exchange) for action in actions]


def cost(batch: list[tuple[str, Signed]], *, rules: Rules) -> float:
    """Sum the credits of the whole batch."""
    cancels = sum(route in CANCELS for route, _ in batch)
    return cost_of_batch(cancels, len(batch) - cancels, rules=rules)


def run(exchange: PaperExchange, batch: list[tuple[str, Signed]], entry: dict[str, Any]) -> Answer:
    """Try every action; answer the results, in order, one an action."""
    results = [_run_one(exchange, route, signed, entry["n"]) for route, signed in batch]
    entry["results"] = [result["success"] for result in results]
    return accepted({"results": results})


def _verified_action(action: Any, exchange: PaperExchange) -> tuple[str, Signed]:
    kind = action.get("type") if isinstance(action, dict) else None
    if not isinstance(kind, str) or kind not in BATCH_FORMS:
        raise _malformed()
    route, form = BATCH_FORMS[kind]
    return route, verified(action.get("data"), form, exchange=exchange)


def _run_one(exchange: PaperExchange, route: str, signed: Signed, request: int) -> dict[str, Any]:
    try:
        exchange.check_account(signed.account)
        answer = ACTIONS[route](exchange, signed, request)
    except refusals.Refused as refusal:
        return {"success": False, "order_id": None, "error": refusal.text}
    return {"success": True, "order_id": answer.order_id, "error": None}


def _malformed() -> refusals.Refused:
    return refusals.invalid_parameters("Invalid batch operation parameters")

"""Whether what a cancel says of its ending is what the exchange's ledger shows."""

from collections import defaultdict

from orders.models import Cancel
from orders.models.cancels import LIVE
from orders.reconcile import closures, conclusions

SLACK_MS = 3000  # two clocks, and whole seconds


def wrong_causes(evidence):
    """No cancel at rest names a cause that the ledger denies."""
    closed, sent = _closings(evidence), _first_sent(evidence)
    for cancel in Cancel.objects.exclude(status__in=LIVE).exclude(order_id=None):
        known = evidence.truth.get(cancel.order_id)
        if known is None or known["account"] != cancel.account.address:
            continue
        why = _denial(cancel, closed.get(cancel.order_id), sent.get(cancel.order_id))
        if why:
            yield f"cause: order {cancel.order_id} {why} ({cancel.status}: {cancel.explanation})"


def _denial(cancel, closing, sent_at_ms):
    said = cancel.explanation
    if cancel.status == "expired" and sent_at_ms is not None:
        return "was sent"
    if conclusions.NOT_THIS_ACCOUNTS in said:
        return "is this account's"
    if closing is None:
        return ""
    is_ours = closing["request"] is not None and closing["event"] == "cancel"
    if is_ours and said in closures.STRANGERS:
        return "was closed by our own request"
    is_later = sent_at_ms is not None and closing["at_ms"] > sent_at_ms + SLACK_MS
    if is_later and "before our request" in said:
        return "closed after our request"
    is_earlier = sent_at_ms is not None and closing["at_ms"] < sent_at_ms - SLACK_MS
    if is_earlier and "after our request" in said:
        return "closed before our request"
    return ""


def _closings(evidence):
    """The effect that closed each order."""
    ends = {"cancelled", "filled", "completed", "expired", "rejected"}
    return {one["order_id"]: one for one in evidence.effects if one["order_status"] in ends}


def _first_sent(evidence):
    """When the first signed request that names an order reached the exchange, in ms."""
    first = defaultdict(lambda: None)
    for request in evidence.requests:
        if request["method"] == "POST":
            for order_id in request["order_ids"]:
                first[order_id] = first[order_id] or request["at_ms"]
    return first

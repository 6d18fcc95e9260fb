"""The ways the exchange says no: HTTP status, text and code of each refusal.

Sources: docs.pacifica.fi error pages of several ages, and bodies captured by CCXT and Hummingbot.
"""

from .rules import Rules


class Refused(Exception):
    """The exchange says no. ``code`` repeats the HTTP status unless it is a business code (422)."""

    def __init__(self, status: int, text: str, code: int | None = None, error_id: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.code = status if code is None else code
        self.error_id = error_id


def invalid_parameters(text: str = "Invalid parameters") -> Refused:
    """Fields missing, of the wrong type or contradicting each other."""
    return Refused(400, text)


def invalid_message() -> Refused:
    """Expired, from too far in the future, or (by rule) used before."""
    return Refused(400, "Invalid message")


def invalid_signature() -> Refused:
    """The signature is not base58 of 64 bytes."""
    return Refused(400, "Invalid signature")


def invalid_public_key() -> Refused:
    """An account or agent wallet is not base58 of 32 bytes."""
    return Refused(400, "Invalid public key")


def signature_does_not_match(rules: Rules) -> Refused:
    """The signature is another text's or another key's. The short text is the older one."""
    if not rules.error_id:
        return Refused(400, "Verification failed")
    text = "Verification failed: signature does not match signer and canonical payload."
    return Refused(400, text, error_id="signature_verification_failed")


def agent_not_authorized() -> Refused:
    """The agent wallet is not bound to the account (CCXT, seen live)."""
    return Refused(400, "Agent not authorized for account")


def beta_required() -> Refused:
    """The check is on the signer, not on the account (CCXT, seen live)."""
    return Refused(403, "Beta access required. Signer must redeem a valid beta code.")


def too_many_requests() -> Refused:
    """Out of credits; no Retry-After is documented."""
    return Refused(429, "Rate limit exceeded")


def body_too_large() -> Refused:
    """Undocumented: a body over about 4 KB; this answer is our choice."""
    return Refused(413, "Request body too large")


def order_not_found(rules: Rules) -> Refused:
    """Filled, cancelled and unknown orders cannot be told apart by this answer."""
    if rules.not_found_status == 400:
        return Refused(400, "Order not found")
    return Refused(422, "Failed to cancel order", rules.not_found_code)


def stop_order_not_found() -> Refused:
    """The stop route's own text (docs.pacifica.fi cancel-stop-order)."""
    return Refused(400, "Stop order not found")


def unused_client_order_id(client_order_id: str, code: int = 37) -> Refused:
    """No open order carries it; TWAP orders have a code of their own, 44."""
    return Refused(422, f"Unused client order id: {client_order_id}", code)


def duplicate_client_order_id(client_order_id: str) -> Refused:
    """An open order of the account carries it already."""
    return Refused(422, f"Duplicate client order id: {client_order_id}", 36)


def book_not_found(symbol: str) -> Refused:
    """No such market; symbols are case-sensitive."""
    return Refused(422, f"Book not found: {symbol}", 3)


def account_not_found(address: str, status: int = 422) -> Refused:
    """The account never deposited: code 1 to an action, 404 to a read."""
    return Refused(status, f"Account not found: {address}", 1 if status == 422 else None)


def order_amount_too_low(account: str, value: str) -> Refused:
    """Orders are worth ten dollars at least (CCXT, seen live; the code really is 0)."""
    text = f"Order amount too low for {account}: {value} < 10"
    return Refused(422, text, 0, error_id="invalid_amount")


def order_history_not_found(order_id: int) -> Refused:
    """The text Hummingbot captured."""
    return Refused(404, f"Order history not found for order ID: {order_id}")


def strategy_not_found() -> Refused:
    """Unknown, finished or another account's."""
    return Refused(404, "Strategy not found")

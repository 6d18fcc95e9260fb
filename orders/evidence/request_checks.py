"""What a recorded request says, by its bytes alone, and whether its signatures hold."""

from collections.abc import Iterator
from typing import Any

from orders.audit.reader import Entry, Fault
from orders.models import Event
from orders.pacifica import signing, strict_json
from orders.pacifica.signing import BATCH_ROUTE
from orders.pacifica.strict_json import Unreadable

# Routes and batch actions with the type that is signed for them (docs.pacifica.fi, operation types)
TYPES = {
    "/orders/cancel": "cancel_order",
    "/orders/stop/cancel": "cancel_stop_order",
    "/orders/twap/cancel": "cancel_twap_order",
    "/orders/cancel_all": "cancel_all_orders",
    "/order_strategies/cancel": "cancel_order_strategy",
    "/order_strategies/list": "list_order_strategies",
    "/agent/list": "list_agent_wallets",
}
ACTIONS = {"Cancel": "cancel_order", "CancelStopOrder": "cancel_stop_order"}
OF_ONE_ORDER = {"cancel_order", "cancel_stop_order", "cancel_twap_order"}
HEADER = {"account", "agent_wallet", "signature", "timestamp", "expiry_window"}


class Unsound(Exception):
    """The bytes are no request that this app could have signed; the text says why."""


def items(url: str, body: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Return (signed type, flat body) of each instruction in a request. Raises `Unsound`."""
    route = "/" + url.partition("/api/v1/")[2]
    try:
        whole = strict_json.parse(body)
    except Unreadable as error:
        raise Unsound(f"its body is {error}") from None
    if route != BATCH_ROUTE:
        return [(_known(TYPES, route), _object(whole))]
    actions = _object(whole).get("actions")
    if not isinstance(actions, list) or not actions:
        raise Unsound("its batch holds no actions")
    listed = [_object(action) for action in actions]
    return [(_known(ACTIONS, each.get("type")), _object(each.get("data"))) for each in listed]


def text_of(signed_type: str, flat: dict[str, Any]) -> str:
    """Return the text that had to be signed for this flat body. Raises `Unsound`."""
    payload = {name: value for name, value in flat.items() if name not in HEADER}
    try:
        return signing.canonical_text(
            signed_type, payload, flat["timestamp"], flat["expiry_window"]
        )
    except (KeyError, signing.Unsignable):
        raise Unsound("its body lacks what is signed") from None


class Signed:
    """Every request is what it was recorded as, and signed by a key the log saw added."""

    def __init__(self) -> None:
        self.count = 0
        self._added: set[tuple[Any, Any]] = set()  # account address, agent wallet

    def look(self, entry: Entry) -> Iterator[Fault]:
        """Yield the faults of one request."""
        event = entry.values["event"]
        if event == Event.AGENT_WALLET_ADDED:
            self._added.add((entry.values["account_address"], entry.data.get("public_key")))
        if event != Event.REQUEST:
            return
        try:
            listed = items(str(entry.data.get("url")), entry.body or b"")
            for place, (signed_type, flat) in enumerate(listed):
                self._check(entry, place, signed_type, flat)
            _check_rows(entry, listed)
        except Unsound as error:
            yield Fault(entry.position, str(error))

    def end(self) -> tuple[Fault, ...]:
        """Return nothing: each request is judged by itself."""
        return ()

    def _check(self, entry: Entry, place: int, signed_type: str, flat: dict[str, Any]) -> None:
        data = entry.data
        text = text_of(signed_type, flat)
        signer: Any = flat.get("agent_wallet") or flat.get("account")
        if _recorded(data, "signed_text", place) != text:
            raise Unsound("its body says something else than the text recorded as signed")
        if _recorded(data, "signature", place) != flat.get("signature"):
            raise Unsound("the signature in its body is not the one recorded")
        if data.get("signer") != signer or entry.values["account_address"] != flat.get("account"):
            raise Unsound("its body names another account or agent wallet than the record")
        if (flat.get("account"), signer) not in self._added:
            raise Unsound("it is signed by a key that the log never saw added")
        self.count += 1
        if not signing.is_signed_by(text, flat["signature"], signer):
            raise Unsound("a signature in it does not hold")


def _recorded(data: dict[str, Any], name: str, place: int) -> Any:
    """Return what the record says was signed at this place of the request; None if nothing."""
    if f"{name}s" not in data:
        return data.get(name) if place == 0 else None
    listed = data[f"{name}s"]
    return listed[place] if isinstance(listed, list) and place < len(listed) else None


def _check_rows(entry: Entry, listed: list[tuple[str, dict[str, Any]]]) -> None:
    """Raise `Unsound` unless the order rows name the body's orders, in the same order."""
    if any(signed_type not in OF_ONE_ORDER for signed_type, _ in listed):
        return
    named = [(flat.get("symbol"), _name(flat)) for _, flat in listed]
    # row, cancel, account, symbol, order id, client order id, …
    rows = [(row[3], row[4] if "order_id" in flat else row[5])
            for row, (_, flat) in zip(entry.rows, listed, strict=False)]  # fmt: skip
    if len(entry.rows) != len(listed) or named != rows:
        raise Unsound("its body names other orders than the record")


def _name(flat: dict[str, Any]) -> Any:
    return flat["order_id"] if "order_id" in flat else flat.get("client_order_id")


def _known(names: dict[str, str], name: Any) -> str:
    try:
        return names[name]
    except (KeyError, TypeError):
        raise Unsound("it is no request that this app sends") from None


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Unsound("its body is no object")
    return value

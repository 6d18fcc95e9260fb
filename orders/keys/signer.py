"""A signer that can say only a few things: cancels of one account, and one harmless read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from solders.keypair import Keypair

from orders.models import CancelKind
from orders.pacifica import signing


class CannotOpen(Exception):
    """The sealed key opens nothing here; the text says why, in the operator's words."""


@dataclass(frozen=True)
class SignedRequest:
    """One signed request, ready to be recorded and sent.

    ``body``: exact bytes; ``text``: what was signed; ``timestamp`` and ``expiry_window`` in ms.
    """

    route: str
    body: bytes
    text: str
    signature: str
    signer: str
    account: str
    timestamp: int
    expiry_window: int


class Signer:
    """Signs cancels of one account and the one read `list_agent_wallets`. It can say nothing else.

    It builds each message itself. Its first signature is verified against the stored public key by
    a third library; each is made by two, which must agree.
    """

    def __init__(self, keypair: Keypair, *, account: str, public_key: str) -> None:
        self._signing_key = signing.SigningKey(keypair)
        self._account = account
        self._public_key = public_key
        self._is_verified = False

    def __repr__(self) -> str:
        return f"<Signer {self._public_key} for {self._account}>"

    def cancel(
        self,
        *,
        kind: str,
        symbol: str,
        order_id: int | None,
        client_order_id: str | None,
        timestamp: int,
        expiry_window: int,
    ) -> SignedRequest:
        """Sign a cancel of one order, by order id where it is known. Times in milliseconds.

        ``kind``: a `CancelKind`.
        """
        make = CANCELS[kind]
        if order_id:
            operation = make(symbol=symbol, order_id=order_id)
        else:
            operation = make(symbol=symbol, client_order_id=client_order_id)
        return self._sign(operation, timestamp, expiry_window)

    def cancel_all(
        self,
        *,
        symbol: str | None,
        exclude_reduce_only: bool,
        timestamp: int,
        expiry_window: int,
    ) -> SignedRequest:
        """Sign a cancel of every order, or of every order of one symbol. Times in ms."""
        operation = signing.cancel_all_orders(
            symbol=symbol or None, exclude_reduce_only=exclude_reduce_only
        )
        return self._sign(operation, timestamp, expiry_window)

    def cancel_strategy(
        self, *, strategy_id: str, timestamp: int, expiry_window: int
    ) -> SignedRequest:
        """Sign a cancel of one order strategy and its orders. Times in milliseconds."""
        operation = signing.cancel_order_strategy(strategy_id=strategy_id)
        return self._sign(operation, timestamp, expiry_window)

    def list_agent_wallets(self, *, timestamp: int, expiry_window: int) -> SignedRequest:
        """Sign the one read, which changes nothing. Times in milliseconds."""
        return self._sign(signing.list_agent_wallets(), timestamp, expiry_window)

    def _sign(
        self, operation: signing.Operation, timestamp: int, expiry_window: int
    ) -> SignedRequest:
        text = signing.canonical_text(operation.type, operation.payload, timestamp, expiry_window)
        signature = self._signature(text)
        body = signing.request_body(
            operation,
            account=self._account,
            agent_wallet=self._public_key,
            timestamp=timestamp,
            expiry_window=expiry_window,
            signature=signature,
        )
        return SignedRequest(
            route=operation.route,
            body=signing.body_bytes(body),
            text=text,
            signature=signature,
            signer=self._public_key,
            account=self._account,
            timestamp=timestamp,
            expiry_window=expiry_window,
        )

    def _signature(self, text: str) -> str:
        try:
            signature = signing.sign_text(text, self._signing_key)
        except signing.Disagreement:
            raise CannotOpen(DISAGREED) from None
        if not self._is_verified and not signing.is_signed_by(text, signature, self._public_key):
            raise CannotOpen(FOREIGN)
        self._is_verified = True
        return signature


FOREIGN = "The stored key does not belong to this agent wallet: add it again."
DISAGREED = (
    "Two libraries signed differently with this agent wallet's key, so nothing was sent. This "
    "machine or its installation is at fault: send from another one, or install the app anew."
)


class _OneOrderCancel(Protocol):
    def __call__(
        self, *, symbol: str, order_id: int | None = None, client_order_id: str | None = None
    ) -> signing.Operation: ...


CANCELS: Mapping[str, _OneOrderCancel] = {
    CancelKind.ORDER: signing.cancel_order,
    CancelKind.STOP: signing.cancel_stop_order,
    CancelKind.TWAP: signing.cancel_twap_order,
}

"""What travels from a claim to its outcome: the claimed cancels and the requests made of them."""

import uuid
from dataclasses import KW_ONLY, dataclass

from orders.keys.signer import SignedRequest
from orders.models import Account, Cancel, CancelJob
from orders.pacifica.signing import BATCH_ROUTE
from orders.pacifica.transport import Answer, Unreachable


@dataclass(slots=True, eq=False)
class ClaimedCancel:
    """A claimed cancel: of its row what sending and concluding look at, by the same names.

    To make one takes a third of the time that a model instance takes; a chunk has hundreds.
    """

    pk: int
    job_id: int
    account_id: int
    known_order_id: int | None
    symbol: str
    kind: str
    order_id: int | None
    client_order_id: str | None
    is_urgent: bool
    status: str
    attempt: int
    send_alone: bool
    has_unanswered: bool
    is_unnamed: bool  # the book said that its order has no client order id
    _: KW_ONLY  # the rest is the same for a whole chunk, and comes from no column
    claim_token: uuid.UUID
    account: Account
    job: CancelJob


AnyCancel = ClaimedCancel | Cancel  # what may be concluded: claimed by a sender, or a locked row


@dataclass
class OutgoingRequest:
    """One HTTP request: its cancels, their signed requests, and what the network made of it.

    ``result``: None where it was never sent.
    """

    cancels: list[ClaimedCancel]
    requests: list[SignedRequest]
    route: str
    body: bytes
    result: Answer | Unreachable | None = None

    @property
    def is_batch(self) -> bool:
        """Whether it goes through the batch route, whose answer speaks for each item."""
        return self.route == BATCH_ROUTE

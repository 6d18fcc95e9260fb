"""What the desk remembers; one file per noun."""

from orders.models.accounts import Account, AgentWallet, SealedApiConfigKey, SealedKey
from orders.models.audit import AuditPayload, AuditRecord, AuditRecordOrder, Event
from orders.models.cancels import Cancel, CancelJob, CancelKind, CancelStatus, JobStatus, Proof
from orders.models.credits import CreditPool
from orders.models.desks import Desk, Membership, Right, Role
from orders.models.installation import Installation
from orders.models.orders import Order, OrderState
from orders.models.senders import Sender

__all__ = [
    "Account",
    "AgentWallet",
    "AuditPayload",
    "AuditRecord",
    "AuditRecordOrder",
    "Cancel",
    "CancelJob",
    "CancelKind",
    "CancelStatus",
    "CreditPool",
    "Desk",
    "Event",
    "Installation",
    "JobStatus",
    "Membership",
    "Order",
    "OrderState",
    "Proof",
    "Right",
    "Role",
    "SealedApiConfigKey",
    "SealedKey",
    "Sender",
]

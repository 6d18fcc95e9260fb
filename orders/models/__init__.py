"""What the desk remembers; one file per noun."""

from orders.models.account_stream import AccountStream
from orders.models.accounts import Account, AgentWallet, SealedApiConfigKey, SealedKey
from orders.models.alerts import Alert, AlertKind, Matter
from orders.models.api_acts import ApiAct
from orders.models.api_tokens import ApiToken, TokenRight
from orders.models.audit import AuditPayload, AuditRecord, AuditRecordOrder, Event
from orders.models.cancel_jobs import CancelJob, JobStatus
from orders.models.cancels import Cancel, CancelKind, CancelStatus, Proof
from orders.models.checkpoints import AuditCheckpoint
from orders.models.clocks import ExchangeClock
from orders.models.cosigned_notes import CosignedNote
from orders.models.credits import CreditPool
from orders.models.desks import Desk, Membership, Right, Role
from orders.models.drifts import Drift, DriftCause, DriftKind
from orders.models.errands import ErrandStatus, Export, Verification
from orders.models.guards import (
    ArmingEnd,
    Guard,
    GuardArming,
    GuardPulse,
    GuardStatus,
    Latch,
    Schedule,
    ScheduleKind,
)
from orders.models.identities import Identity
from orders.models.installation import Installation
from orders.models.logins import (
    KnownAddress,
    Passkey,
    RecoveryCode,
    SecondFactor,
    SessionEpoch,
    SignInAttempt,
)
from orders.models.markets import Market, MarketWatch
from orders.models.orders import AmountsState, Order, OrderState
from orders.models.panics import PanicLine, PanicStatus
from orders.models.preferences import Preference, SavedView
from orders.models.previews import Preview
from orders.models.proposals import Proposal, ProposalKind, ProposalStatus, SealedProposal
from orders.models.restores import Restore
from orders.models.senders import Sender
from orders.models.time_stamps import TimeStamp, TimeStampAuthority

__all__ = [
    "Account",
    "AccountStream",
    "AgentWallet",
    "Alert",
    "AlertKind",
    "AmountsState",
    "ApiAct",
    "ApiToken",
    "ArmingEnd",
    "AuditCheckpoint",
    "AuditPayload",
    "AuditRecord",
    "AuditRecordOrder",
    "Cancel",
    "CancelJob",
    "CancelKind",
    "CancelStatus",
    "CosignedNote",
    "CreditPool",
    "Desk",
    "Drift",
    "DriftCause",
    "DriftKind",
    "ErrandStatus",
    "Event",
    "ExchangeClock",
    "Export",
    "Guard",
    "GuardArming",
    "GuardPulse",
    "GuardStatus",
    "Identity",
    "Installation",
    "JobStatus",
    "KnownAddress",
    "Latch",
    "Market",
    "MarketWatch",
    "Matter",
    "Membership",
    "Order",
    "OrderState",
    "PanicLine",
    "PanicStatus",
    "Passkey",
    "Preference",
    "Preview",
    "Proof",
    "Proposal",
    "ProposalKind",
    "ProposalStatus",
    "RecoveryCode",
    "Restore",
    "Right",
    "Role",
    "SavedView",
    "Schedule",
    "ScheduleKind",
    "SealedApiConfigKey",
    "SealedKey",
    "SealedProposal",
    "SecondFactor",
    "Sender",
    "SessionEpoch",
    "SignInAttempt",
    "TimeStamp",
    "TimeStampAuthority",
    "TokenRight",
    "Verification",
]

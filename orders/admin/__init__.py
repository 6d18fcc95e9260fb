"""The operator's screens; one file per noun."""

from orders.admin import (
    accounts,
    agent_wallets,
    audit_records,
    desks,
    door,
    drifts,
    evidence,
    jobs,
    new_password,
    orders,
    pages,
    panics,
    people,
    previews,
    restores,
    unresolved,
)

__all__ = [
    "accounts",
    "agent_wallets",
    "audit_records",
    "desks",
    "door",
    "drifts",
    "evidence",
    "jobs",
    "new_password",
    "orders",
    "pages",
    "panics",
    "people",
    "previews",
    "restores",
    "unresolved",
]

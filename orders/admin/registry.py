"""Import every screen, so that each registers itself with the site."""

from orders.admin import (  # noqa: F401
    accounts,
    agent_wallets,
    audit_records,
    desks,
    drifts,
    evidence,
    jobs,
    orders,
    panics,
    people,
    previews,
    restores,
    unresolved,
)

"""Import every screen, so that each registers itself with the site."""

from orders.admin.accounts import (
    account_pages,
    agent_wallet_pages,
    api_token_pages,
    desk_pages,
    people_pages,
)
from orders.admin.alerts import alert_pages
from orders.admin.audit import (
    record_pages,
    restored_copy_pages,
    verification_and_export_pages,
)
from orders.admin.bulk import preview_pages
from orders.admin.four_eyes import proposal_pages
from orders.admin.guards import guard_pages, latch_pages, schedule_pages
from orders.admin.jobs import job_pages
from orders.admin.orders import discrepancy_pages, order_pages, unresolved_pages
from orders.admin.panic import panic_pages

__all__ = [
    "account_pages",
    "agent_wallet_pages",
    "alert_pages",
    "api_token_pages",
    "desk_pages",
    "discrepancy_pages",
    "guard_pages",
    "job_pages",
    "latch_pages",
    "order_pages",
    "panic_pages",
    "people_pages",
    "preview_pages",
    "proposal_pages",
    "record_pages",
    "restored_copy_pages",
    "schedule_pages",
    "unresolved_pages",
    "verification_and_export_pages",
]

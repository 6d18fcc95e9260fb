"""Where Celery enters: ids in, one call, nothing else."""

from celery import shared_task

from desk import logs
from orders.accounts import wallet_check
from orders.delivery import worker
from orders.reconcile import resolve
from orders.reconcile import sync as account_sync


# Acknowledged when done: a worker takes no more of these than it has threads free, so that those
# woken together are spread over the workers. What comes twice for it finds nothing to send.
@shared_task(name="orders.deliver", acks_late=True)
def deliver(account_id: int, is_urgent_only: bool = False) -> None:
    """Send the account's queued cancels; woken for urgent ones, leave bulk to its own message."""
    with logs.bound(account=account_id):
        worker.deliver_account(account_id=account_id, is_urgent_only=is_urgent_only)


@shared_task(name="orders.settle")
def settle(account_id: int) -> None:
    """Ask the exchange about the account's open questions that are due."""
    with logs.bound(account=account_id):
        resolve.settle_account(account_id=account_id)


@shared_task(name="orders.sync")
def sync(account_id: int) -> None:
    """Read the account's book now."""
    with logs.bound(account=account_id):
        account_sync.sync_account(account_id=account_id)


@shared_task(name="orders.probe")
def probe(wallet_id: int) -> None:
    """Test the agent wallet now."""
    with logs.bound(wallet=wallet_id):
        wallet_check.probe(wallet_id=wallet_id)

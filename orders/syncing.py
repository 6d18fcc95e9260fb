"""Bring the known orders up to date with the exchange."""


def sync_account(*, account_id, is_due_only=False):
    raise NotImplementedError

"""Claims as a sender makes them, for tests that look at what lies between two of its steps."""

from orders import delivery


def claim(*, account_id, now, limit=delivery.CHUNK):
    """Take what is next for the account; nothing where nothing may be sent."""
    turn = delivery.next_turn(account_id, now)
    return delivery.claim(turn, now=now, limit=limit) if turn else []

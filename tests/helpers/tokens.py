"""API tokens for the tests."""

from datetime import timedelta

from django.utils.timezone import now

from orders.access import api_tokens
from orders.models import TokenRight


def new_token(firm, *rights, name="quoter-1", desk=None, user=None, days=30, **about):
    """A token of a desk head and its secret; with every right where none is named."""
    user = user or firm.head
    return api_tokens.make(
        user=user,
        actor=firm.actor(user),
        desk_id=(desk or firm.momentum).pk,
        name=name,
        rights=rights or TokenRight.values,
        expires_at=now() + timedelta(days=days),
        **about,
    )

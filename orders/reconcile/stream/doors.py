"""Which accounts share a connection: those of one API config key, and the keyless ones together."""

import hashlib
from collections.abc import Sequence

from django.conf import settings

from orders.exchange import credits
from orders.pacifica.stream_client import Door
from orders.reconcile.stream.group import Group
from orders.reconcile.stream.leases import Leased
from orders.reconcile.stream.timings import Limits


class Doors:
    """The door of each pool. A name holds no key, only a few digits of its hash."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    def name_of(self, leased: Leased) -> str:
        """Name the connections that this account can share; another key is another name."""
        if leased.api_config_key is None:
            return credits.KEYLESS
        mark = hashlib.sha256(leased.api_config_key.encode()).hexdigest()[:8]
        return f"{leased.pool[:8]}-{mark}"

    def door_of(self, leased: Leased) -> Door:
        """Return the way to the exchange, as REST has it."""
        return Door(
            url=settings.PACIFICA_STREAM_URL,
            proxy=settings.PACIFICA_PROXY_URL or None,
            ca_file=settings.PACIFICA_CA_FILE or None,
            api_config_key=leased.api_config_key,
        )

    def group_for(self, leased: Leased, groups: Sequence[Group]) -> Group | None:
        """Return a connection that the account can share, where one has room."""
        name = self.name_of(leased)
        shared = [group for group in groups if group.pool == name]
        for group in shared:
            if leased.address in group.addresses or len(group.addresses) < self._limits.addresses:
                return group
        return None

"""A replica that lagged behind is promoted: a database older than its checkpoints."""

import time

from tests.faults.restoring import Copies
from tests.faults.run import patiently
from tests.hosts.stage import DATABASES

IN_FLIGHT_S = 2.0  # longer than a request may take
PATIENCE_S = 60
SENDERS = 8


class LaggingReplica(Copies):
    """The copy is a replica that receives nothing any more; it is put back by promoting it."""

    def take(self):
        """From now on commits wait for nobody, and no replica receives one."""
        self._run.collect()
        taken = self._next(), len(self._run.intents), len(self._run.panics.asked)
        cluster, network = self._stage.database, self._stage.network
        cluster.catch_up()
        cluster.synchronous(False)
        for host in set(DATABASES) - {cluster.primary}:
            network.cut(cluster.primary, host)
            network.cut(host, cluster.primary)
        self._taken, self._panics = taken[:2], taken[2]
        self._stage.counts["lagging"] += 1

    @property
    def is_taken(self):
        """Whether the replicas lag by now."""
        return self._taken is not None

    def _replace(self):
        from django.db import connection

        self._stage.lose(self._stage.database.primary)
        connection.close()
        time.sleep(IN_FLIGHT_S)
        since = self._next()
        self._run.panics.forget(self._panics)
        self._stage.promote()
        return since

    def _look(self, since, when, order_ids=None):
        """Look once every sender has been heard of."""
        from django.utils.timezone import now

        from orders.models import Sender

        begun, ends_at = now(), time.monotonic() + PATIENCE_S
        while patiently(lambda: Sender.objects.filter(seen_at__gt=begun).count()) < SENDERS:
            self._stage.revive(self._stage.everybody)
            if time.monotonic() > ends_at:
                self.findings.append(f"restored: not every sender came back {when}")
                break
            time.sleep(0.3)
        super()._look(since, when, order_ids)

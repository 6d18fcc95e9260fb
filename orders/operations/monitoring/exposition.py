"""One scrape: the figures of this moment and what the log counted, as Prometheus reads them."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.conf import settings
from django.db import Error, connection, transaction
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from desk import celery
from desk.repeated_warnings import Matters
from orders.operations.monitoring.log_tail import LogTail
from orders.operations.monitoring.state import PREFIX, figures, plain
from orders.pacifica.client import VERSION

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LIMIT_MS = 5_000  # of one question to PostgreSQL
BROKER_S = 1  # to wait for its connection
matters = Matters(logging.getLogger(__name__))


class Exposition:
    """What one process tells: ``tail`` is its place in the log."""

    def __init__(self) -> None:
        self.tail = LogTail()

    def text(self, now: datetime) -> bytes:
        """Return all figures; where the database fails, that it does, and no old figure."""
        began, is_up = time.monotonic(), True
        found: list[Metric] = [_info()]
        try:
            with _bounded():
                found += figures(now)
                self.tail.read()
            matters.over("database", "The database tells figures again.")
        except Error as error:
            is_up, found = False, [_info()]
            connection.close()
            matters.wrong("database", f"The database tells no figures ({type(error).__name__}).")
        found.append(plain("database_up", "1 where the database answered.", is_up))
        broker_up = not celery.why_unreachable(within_s=BROKER_S)
        found.append(plain("broker_up", "1 where the broker took a connection.", broker_up))
        took_s = time.monotonic() - began
        found.append(plain("scrape_seconds", "How long these figures took.", took_s))
        return generate_latest(_of(found)) + (generate_latest(self.tail.registry) if is_up else b"")


class _Found(Collector):
    """Figures that are at hand."""

    def __init__(self, found: list[Metric]) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        yield from self._found


def _of(found: list[Metric]) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Found(found))
    return registry


@contextmanager
def _bounded() -> Iterator[None]:
    """Within, no question to PostgreSQL takes long; SQLite's readers wait for nobody."""
    if connection.vendor != "postgresql":
        yield
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = {LIMIT_MS}")
        yield


def _info() -> GaugeMetricFamily:
    words, labels = "Which version runs on which network.", ["version", "network"]
    family = GaugeMetricFamily(f"{PREFIX}info", words, labels=labels)
    family.add_metric([VERSION, settings.PACIFICA_NETWORK], 1)
    return family

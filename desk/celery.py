"""The Celery application. Which broker it talks to is a setting; what it runs is `orders.tasks`."""

import os
import sys

from celery import Celery, signals
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
TRANSPORT_ALIASES["embedded"] = "desk.embedded_broker:Transport"

app = Celery("desk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
HEARTBEAT_S = 3


@signals.worker_init.connect
def check(**kwargs):
    """A worker is a sender: it starts with everything that takes, or says what is missing."""
    from django.db import connections

    from orders import starting

    try:
        starting.check_sender()
    except starting.CannotStart as error:
        sys.exit(f"Cannot start. {error}")
    connections.close_all()  # a connection does not survive a fork


@signals.worker_ready.connect
def beat(**kwargs):
    """Tell the pages that something is sending, for as long as this worker lives."""
    from orders import sweeping

    duty = sweeping.Duty("heartbeat", lambda now: sweeping.beat("worker", now), HEARTBEAT_S)
    sweeping.Sweep([duty]).start()

"""The Celery application. Which broker it talks to is a setting; what it runs is `orders.tasks`."""

import os

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
TRANSPORT_ALIASES["embedded"] = "desk.embedded_broker:Transport"

app = Celery("desk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

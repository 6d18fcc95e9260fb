"""The web server's entry."""

import gc
import os
import sys
from importlib import import_module
from typing import NoReturn

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIHandler
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
NEVER_RETRY = 3  # gunicorn's word for a worker that cannot boot: it stops instead of starting again


def checked_application() -> WSGIHandler:
    """The application, once everything holds that must; else one sentence and the end."""
    try:
        application = get_wsgi_application()
    except ImproperlyConfigured as error:
        refuse(error)
    from django.db import connections

    from desk import celery, startup_checks  # Celery: not while the first click waits
    from desk.databases import HOT_ONLY, prepare_statements
    from orders.models.prepared import prepare_all

    import_module(settings.ROOT_URLCONF)  # and every page
    prepare_statements(after=HOT_ONLY)
    try:
        startup_checks.check_web()
    except startup_checks.CannotStart as error:
        refuse(error)
    prepare_all()
    celery.connect_beside()
    connections.close_all()  # a connection does not survive a fork
    gc.freeze()  # else each full collection walks what start-up made, while somebody's page waits
    return application


def refuse(error: Exception) -> NoReturn:
    """End this process with the sentence alone."""
    print(f"Cannot start. {error}", file=sys.stderr, flush=True)
    sys.exit(NEVER_RETRY)


application = checked_application()

"""How the site is put together."""

from desk.celery import app as celery_app

__all__ = ["celery_app"]

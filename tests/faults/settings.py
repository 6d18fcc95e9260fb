"""The site's own settings in a fault run; its static files are gathered in the run's folder."""

from desk.settings import *  # noqa: F403

STATIC_ROOT = DATA_DIR / "staticfiles"  # noqa: F405

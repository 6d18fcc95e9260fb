"""The site's settings with a folder of static files of its own: a demo beside writes the usual."""

import os

from desk.settings import *  # noqa: F403

STATIC_ROOT = os.environ["OWN_STATIC_ROOT"]

"""The site's own settings on the hosts of a run, where the paper exchange is another machine."""

import os

from tests.faults.settings import *  # noqa: F403

PACIFICA_URL = f"http://{os.environ['HOSTS_EXCHANGE']}/api/v1"
PACIFICA_STREAM_URL = f"ws://{os.environ['HOSTS_EXCHANGE']}/ws"

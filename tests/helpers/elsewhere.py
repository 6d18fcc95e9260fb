"""Do something on another connection, as another process does."""

import threading

from django.db import connections

PATIENCE_S = 10


def elsewhere(act, wait_s=PATIENCE_S) -> threading.Thread:
    """Start it in a thread of its own, and wait so long for its end."""

    def run():
        try:
            act()
        finally:
            connections.close_all()

    other = threading.Thread(target=run, daemon=True)
    other.start()
    other.join(wait_s)
    return other

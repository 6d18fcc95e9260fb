"""Another process that writes into SQLite, which has one writer at a time."""

import sqlite3
import threading
import time

from django.db import connection


class Writer(threading.Thread):
    """One that writes for so long, or until it may end."""

    def __init__(self, seconds):
        super().__init__(daemon=True)
        self.seconds = seconds
        self.is_writing, self.may_end = threading.Event(), threading.Event()
        self.start()
        self.is_writing.wait()

    def run(self):
        rival = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
        rival.execute("BEGIN IMMEDIATE")
        self.is_writing.set()
        self.may_end.wait(self.seconds)
        self.ended = time.monotonic()
        rival.execute("ROLLBACK")
        rival.close()

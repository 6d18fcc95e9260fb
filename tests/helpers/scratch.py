"""A migrated database of its own for commands that measure or attack; dropped at the end."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def scratch_database(*, keep=False):
    """Django set up on an empty migrated database, as the tests' settings say.

    With ``keep`` it stays for the next run of the same command, found by `SCRATCH_NAME`.
    """
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.db import connection

    name = os.environ.get("SCRATCH_NAME", "scratch")
    folder = Path(tempfile.mkdtemp(prefix="pacifica-desk-scratch-"))
    settings.AUDIT_CHECKPOINT_FILE = str(folder / "checkpoints.jsonl")
    settings.EXPORT_DIR = folder / "exports"
    tests = connection.settings_dict.setdefault("TEST", {})
    place = Path(tempfile.gettempdir()) / f"pacifica-desk-{name}.sqlite3"
    tests["NAME"] = str(place) if connection.vendor == "sqlite" else f"pacifica_desk_{name}"
    connection.creation.create_test_db(verbosity=0, autoclobber=True, keepdb=keep, serialize=False)
    try:
        yield
    finally:
        connection.creation.destroy_test_db("", verbosity=0, keepdb=keep)

"""The site's settings as the tests run them: no ``.env``, throw-away keys, the paper network.

``DATABASE_URL`` and ``CELERY_BROKER_URL`` are taken from the environment, so that one suite runs
on SQLite and on PostgreSQL with Redis.
"""

import base64
import os
import tempfile

os.environ["ENV_FILE"] = os.devnull
os.environ["SECRET_KEY"] = "only-for-tests-" + "x" * 40
os.environ["PACIFICA_NETWORK"] = "paper"
os.environ["DATA_DIR"] = tempfile.mkdtemp(prefix="pacifica-desk-tests-")
os.environ["AGENT_KEY_OPENING_KEYS"] = "test:" + base64.b64encode(bytes(range(32))).decode()
os.environ["AUDIT_CHECKPOINT_KEY"] = base64.b64encode(bytes(range(32, 64))).decode()
for name in ("AGENT_KEY_OPENING_KEYS_FILE", "AGENT_KEY_SEALING_KEY", "PACIFICA_PAPER_URL"):
    os.environ.pop(name, None)

from desk.settings import *  # noqa: E402, F403

# Not the checkout's: every client would look at each file that a demo gathered there.
STATIC_ROOT = DATA_DIR / "staticfiles"  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

if IS_SQLITE:  # noqa: F405  in memory; what pytest-xdist appends ends up where SQLite ignores it
    DATABASES["default"]["TEST"] = {"NAME": "file:tests?mode=memory&cache=shared&worker="}  # noqa: F405

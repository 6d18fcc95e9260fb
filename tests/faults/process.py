"""One process of a fault run: ``python -m tests.faults.process KIND [POINT NTH]``.

KIND is worker, sweep or desk. With a point the process kills itself there, at the NTH coming by:
the patch is applied here, so the product has no hooks for it. The desk takes intents as lines of
JSON on its standard input, as the web would, and acknowledges each on its standard output.
"""

import json
import os
import signal
import sys
import uuid

POINTS = {
    "after the intent's commit": ("orders.waking", "deliver", "before"),
    "after the wake-up": ("orders.delivery", "deliver_account", "before"),
    "after the claim": ("orders.delivery", "claim", "after"),
    "after the attempt's commit": ("orders.delivery", "record_requests", "after"),
    "after the first byte": ("http.client.HTTPConnection", "endheaders", "after"),
    "after the answer, before its commit": ("orders.concluding", "conclude", "before"),
    "within the answer's transaction": ("orders.concluding", "write", "after"),
    "before a settlement is written": ("orders.settling", "record", "before"),
    "after a settlement is written": ("orders.settling", "record", "after"),
}


def arm(point, nth):
    """Have this process kill itself at the ``nth`` coming by the point."""
    path, name, when = POINTS[point]
    owner = _owner(path)
    real, left = getattr(owner, name), [nth]

    def deadly(*args, **kwargs):
        left[0] -= 1
        if left[0] <= 0 and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*args, **kwargs)
        if left[0] <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, deadly)


def _owner(path):
    """A module, or a class within one."""
    import importlib

    module, _, last = path.rpartition(".")
    if last[0].isupper():
        return getattr(importlib.import_module(module), last)
    return importlib.import_module(path)


def run_worker():
    """A Celery worker, as the demo starts it."""
    from desk.celery import app

    argv = "-q worker --pool threads --concurrency 4 -Q urgent,bulk --loglevel ERROR"
    app.worker_main([*argv.split(), "--without-gossip", "--without-mingle", "--without-heartbeat"])


def run_sweep():
    """A sweep."""
    from django.core.management import call_command

    call_command("sweep")


def run_desk():
    """Take intents until the input ends; an answer is written only once the intent is committed."""
    for line in sys.stdin:
        intent = json.loads(line)
        try:
            said = _ask(intent)
        except Exception as error:  # whatever the page would show as an error
            said = {"refused": f"{type(error).__name__}: {error}"}
        print(json.dumps({"key": intent["key"], **said}), flush=True)


def _ask(intent):
    from django.contrib.auth import get_user_model
    from django.db import connection

    from orders import audit, cancels
    from orders.models import Cancel

    user = get_user_model().objects.get(username=intent["operator"])
    asked = cancels.cancel_by_ids(
        user=user,
        actor=audit.Actor(user.pk, user.get_username(), "session", "127.0.0.1"),
        account_id=intent["account_id"],
        symbol=intent["symbol"],
        kind="order",
        ids=[(order_id, None) for order_id in intent["order_ids"]],
        request_key=uuid.UUID(intent["key"]),
    )
    recorded = Cancel.objects.filter(job__in=asked.jobs).values_list("order_id", flat=True)
    connection.close()
    return {"recorded": list(recorded)}


RUNS = {"worker": run_worker, "sweep": run_sweep, "desk": run_desk}


def main(kind, point=None, nth="1"):
    """Become one process of the run."""
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    django.setup()
    if point:
        arm(point, int(nth))
    RUNS[kind]()


if __name__ == "__main__":
    main(*sys.argv[1:])

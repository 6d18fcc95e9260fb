"""The Celery application. Which broker it talks to is a setting; what it runs is `orders.tasks`."""

import gc
import os
import sys
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

from celery import Celery, Task, signals
from django.core.exceptions import ImproperlyConfigured
from kombu.transport import TRANSPORT_ALIASES

from desk import logs
from desk.reasons import reason_of

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
# Django's checks of a site load every page. What a sender needs is checked below.
os.environ.setdefault("CELERY_SKIP_CHECKS", "yes")
TRANSPORT_ALIASES["embedded"] = "desk.embedded_broker:Transport"

app = Celery("desk")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
HEARTBEAT_S = 3
NICENESS_OF_BULK = 5  # clicks, pages and urgent senders on the same machine get the processor first


def say_why(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Celery's command line knows no setting that is wrong: end with its sentence, as others do."""
    if issubclass(kind, ImproperlyConfigured):
        print(f"Cannot start. {error}", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = say_why


def why_unreachable(*, within_s: int) -> str:
    """Try to reach the broker; "" where it takes a connection, else why not, without secrets."""
    try:
        with app.connection_for_write() as broker:
            broker.ensure_connection(max_retries=1, interval_start=0, timeout=within_s)
    except Exception as error:  # whatever a broker's driver raises
        written = urlsplit(str(app.conf.broker_url)).password or ""
        return reason_of(error, written, unquote(written))
    return ""


def connect_beside() -> threading.Thread:
    """Do in a thread what else the first click would wait for; the broker may be away yet."""
    from orders.lifecycle.wakeups import BULK, URGENT

    def connect() -> None:
        with suppress(Exception), app.producer_pool.acquire(block=True) as producer:
            if producer.connection is not None:
                producer.connection.ensure_connection(max_retries=1)
            for queue in (URGENT, BULK):  # on Redis that takes a connection of its own
                producer.maybe_declare(app.amqp.queues[queue])
            app.backend, app.amqp.send_task_message  # noqa: B018 made when they are asked for

    thread = threading.Thread(target=connect, name="connecting", daemon=True)
    thread.start()
    return thread


@signals.worker_init.connect
def check(**kwargs: Any) -> None:
    """A worker is a sender: it starts with everything that takes, or says what is missing."""
    from django.db import connections

    from desk import startup_checks
    from desk.databases import prepare_statements
    from orders import tasks  # noqa: F401 whatever a task asks the database is prepared below
    from orders.exchange import client
    from orders.lifecycle import restored_copy
    from orders.models.prepared import prepare_all

    prepare_statements()
    try:
        startup_checks.check_sender()
        restored_copy.check()
    except startup_checks.CannotStart as error:
        sys.exit(f"Cannot start. {error}")
    client.client()  # reads the trusted certificates: not while the first click waits
    prepare_all()
    connections.close_all()  # a connection does not survive a fork


@signals.task_prerun.connect
@signals.task_postrun.connect
def keep_connection(**kwargs: Any) -> None:
    """Keep a thread's database connection from task to task while it is sound, as pages do."""
    from django.db import close_old_connections

    close_old_connections()


@signals.task_prerun.connect
def take_over(task: "Task[Any, Any] | None" = None, **kwargs: Any) -> None:
    """Bind for this task's lines what the click that woke it was about."""
    headers = task.request.headers if task is not None else None
    brought = (headers or {}).get(logs.HEADER)
    logs.take_over(brought if isinstance(brought, dict) else {})


@signals.task_postrun.connect
def let_go(**kwargs: Any) -> None:
    """The thread's next task is about something else."""
    logs.let_go()


@signals.task_failure.connect
def count_failure(exception: BaseException | None = None, **kwargs: Any) -> None:
    """Count what the database did to a task; Celery logs it."""
    from desk import process_figures

    if exception is not None:
        process_figures.failed(exception)


@signals.worker_ready.connect
def make_way(sender: Any, **kwargs: Any) -> None:
    """Keep nobody waiting: a worker for bulk alone is nice, and no worker stops to tidy up."""
    if set(sender.app.amqp.queues.consume_from) == {"bulk"}:
        os.nice(NICENESS_OF_BULK)  # of this thread, and so of the pool's that it is about to start
    gc.freeze()  # else each full collection walks it again, 60 ms during which nothing is sent


@signals.worker_ready.connect
def open_first_thread(sender: Any, **kwargs: Any) -> None:
    """Have the pool's first thread connect to the database, while no click waits for it."""
    from orders.models.prepared import plan_all

    sender.pool.apply_async(plan_all, callback=lambda planned: None)


@signals.worker_ready.connect
def beat(**kwargs: Any) -> None:
    """Tell the pages that something is sending, for as long as this worker lives."""
    from orders.management import sweep
    from orders.management.duty_threads import Duty, Sweep

    Sweep([Duty("heartbeat", lambda now: sweep.beat("worker", now), HEARTBEAT_S)]).start()

"""What processes say on standard error: lines for people, or one JSON object a line.

What a line is about, such as request, job and account, is bound once and stands in every line of
that thread until it is let go. Ids alone are bound: no name, no address, no key.
"""

import json
import os
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars, clear_contextvars, get_contextvars
from structlog.typing import EventDict

FORMATS = ("text", "json")
RECORDS = "orders.audit.told"  # what is appended to the audit log, a line each; JSON alone
LINE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
LINES = "desk_lines"  # in ``extra``: what each of several lines, written at once, is about
CARRIED = {"request_id": str, "job": int}  # from process to process, beside a task
OF_JOB = {"request_id", "attempt"}  # bound for one job, and wrong in a line about another
HEADER = "desk"  # of a task's message
MAX_ID = 64  # characters of a request's id

# What these say of addresses holds the passwords of those whom alerts go to.
QUIET = {"urllib3": {"level": "INFO"}, "requests_oauthlib": {"level": "INFO"}}
QUIET["apprise"] = {"level": "CRITICAL"}
QUIET["fido2"] = {"level": "WARNING"}  # else each use of a passkey is a line without its person


def configuration(level: str, form: str) -> dict[str, Any]:
    """Return Django's ``LOGGING``: everything of this severity to standard error, in this form."""
    formatters = {"text": {"format": LINE}, "json": {"()": "desk.logs.json_lines"}}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": formatters[form]},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {RECORDS: {"level": level if form == "json" else "CRITICAL"}} | QUIET,
    }


def of_gunicorn(level: str, form: str) -> dict[str, Any]:
    """Return the same for gunicorn's own lines; nothing where its usual form is wanted."""
    if form != "json":
        return {}
    own = {
        name: {"handlers": [], "propagate": True} for name in ("gunicorn.error", "gunicorn.access")
    }
    return configuration(level, form) | {"loggers": own}


def json_lines() -> structlog.stdlib.ProcessorFormatter:
    """Return what makes one JSON object a line of each event; tracebacks show no values."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.contextvars.merge_contextvars],
        processors=[
            structlog.processors.format_exc_info,
            _described,
            _rendered,
        ],
    )


def _described(logger: Any, method: str, event: EventDict) -> EventDict:
    """When, how severe, what, and by whom; then what is bound. Keeps the record for the lines."""
    record = event["_record"]
    del event["_from_structlog"]
    return {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "process": PROCESS,
        "pid": os.getpid(),
        **event,
    }


def _rendered(logger: Any, method: str, event: EventDict) -> str:
    """Return one line, or one for each of the record's `LINES`: what it is about, and the rest."""
    record = event.pop("_record")
    common = {name: value for name, value in event.items() if value is not None}
    lines = getattr(record, LINES, [{}])
    return "\n".join(ENCODER.encode(_line(common, about)) for about in lines)


def _line(common: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
    """What it is about knows better than what is bound, which may be of another job."""
    if "job" in about and common.get("job", about["job"]) != about["job"]:
        common = {name: value for name, value in common.items() if name not in OF_JOB}
    return common | about


def _kind(value: object) -> str:
    """Stand in for what is neither text nor number; its own text may hold anything."""
    return type(value).__name__


ENCODER = json.JSONEncoder(default=_kind)


def _process() -> str:
    """Name this process as the units do: the command of ``manage.py``, else its program."""
    program = Path(sys.argv[0])
    if program.name == "manage.py" and len(sys.argv) > 1:
        return sys.argv[1]
    name = program.parent.name if program.name == "__main__.py" else program.name
    return {"gunicorn": "web", "celery": "worker"}.get(name, name)


PROCESS = _process()


@contextmanager
def bound(**about: object) -> Iterator[None]:
    """Within, every line of this thread says what it is about. Ids and short words alone."""
    with bound_contextvars(**about):
        yield


@contextmanager
def of_job(job_id: int, **about: object) -> Iterator[None]:
    """The same for a job; the request that woke this sender stands there only if it asked for it.

    A sender that was woken by one click may send what another click asked for.
    """
    here = get_contextvars()
    request_id = here.get("request_id") if here.get("job") in {None, job_id} else None
    with bound_contextvars(request_id=request_id, job=job_id, **about):
        yield


def new_id() -> str:
    """Return an id for a request that has none."""
    return uuid.uuid4().hex


def carried() -> dict[str, Any]:
    """Return what a task takes along of what is bound here."""
    here = get_contextvars()
    return {name: here[name] for name in CARRIED if name in here}


def take_over(headers: Mapping[str, Any]) -> None:
    """Bind in this thread what a task brought along, where it can be meant so, and nothing else."""
    clear_contextvars()
    sound = {
        name: headers[name]
        for name, kind in CARRIED.items()
        if isinstance(headers.get(name), kind) and len(str(headers[name])) <= MAX_ID
    }
    structlog.contextvars.bind_contextvars(**sound)


def let_go() -> None:
    """Forget what is bound in this thread."""
    clear_contextvars()

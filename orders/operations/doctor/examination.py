"""All checks in turn: each by itself, so that what is broken hides nothing else."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.db import connection

from orders.operations.doctor import (
    database_checks,
    evidence_checks,
    local_checks,
    outside_checks,
)
from orders.operations.doctor.findings import (
    OK,
    TROUBLE,
    Asked,
    Finding,
    Limits,
    not_asked,
    trouble,
)

Check = Callable[[Asked, Limits], Finding | Iterable[Finding]]
FIRST = "database"


@dataclass(frozen=True)
class Examination:
    """One check: its name for when it fails, and whether it makes no sense without a database."""

    name: str
    check: Check
    needs_database: bool = False


EXAMINATIONS = (
    Examination("settings", local_checks.check_settings),
    Examination("opening keys", local_checks.check_agent_keys),
    Examination("checkpoint key", local_checks.check_checkpoint_key),
    Examination("files", local_checks.check_files),
    Examination("disk", local_checks.check_disks),
    Examination(FIRST, database_checks.check_database),
    Examination("migrations", database_checks.check_migrations, True),
    Examination("audit log", database_checks.check_log, True),
    Examination("stored keys", database_checks.check_stored_keys, True),
    Examination("restored copy", database_checks.check_restored, True),
    Examination("checkpoints", database_checks.check_checkpoints, True),
    Examination("time stamps", evidence_checks.check_time_stamps, True),
    Examination("people", database_checks.check_people, True),
    Examination("senders", database_checks.check_senders, True),
    Examination("stream", database_checks.check_stream, True),
    Examination("broker", outside_checks.check_broker),
    Examination("exchange", outside_checks.check_exchange),
    Examination("accounts", outside_checks.check_accounts, True),
    Examination("sign-on", outside_checks.check_sign_on, True),
    Examination("mail", outside_checks.check_mail),
    Examination("webhook", outside_checks.check_webhook),
    Examination("routes", outside_checks.check_routes),
)


def examine(asked: Asked, limits: Limits = Limits()) -> Iterator[Finding]:  # noqa: B008 frozen
    """Yield what each check found, as soon as it is known."""
    _wait_no_longer_than(limits.connect_s)
    has_database = True
    for each in EXAMINATIONS:
        if each.needs_database and not has_database:
            yield not_asked(each.name, "the database cannot be used.")
            continue
        for finding in _findings(each, asked, limits):
            yield finding
            has_database &= each.name != FIRST or finding.state == OK


def is_well(findings: Iterable[Finding]) -> bool:
    """Whether none of them is trouble."""
    return all(finding.state != TROUBLE for finding in findings)


def _findings(each: Examination, asked: Asked, limits: Limits) -> Iterator[Finding]:
    try:
        found = each.check(asked, limits)
        yield from [found] if isinstance(found, Finding) else found
    except Exception as error:  # whatever befalls one check, the others are made
        said = f"it could not be checked ({type(error).__name__})."
        yield trouble(each.name, said, "See the other lines: something it needs is broken.")


def _wait_no_longer_than(seconds: int) -> None:
    if connection.vendor == "postgresql":
        given = connection.settings_dict["OPTIONS"]
        given["connect_timeout"] = min(seconds, given.get("connect_timeout", seconds))

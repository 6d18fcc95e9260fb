"""What must hold before a process may serve: the right network, an append-only log, sound keys."""

import logging
import uuid
from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from desk.databases import why_unusable
from orders.audit import log
from orders.evidence import checkpoints
from orders.keys import key_settings
from orders.models import AuditPayload, AuditRecord, Event, Installation
from orders.models.append_only import missing_triggers

logger = logging.getLogger(__name__)


class CannotStart(Exception):
    """This process must not serve; the text says what is wrong and what to do."""


class _Probed(Exception):
    """Rolls the probe back."""


def check_site() -> None:
    """Everything that each process needs. Raises `CannotStart`."""
    for said in settings.SETTING_WARNINGS:
        logger.warning(said)
    check_network()
    check_append_only()
    _try(key_settings.sealing_key)
    _try(checkpoints.trusted_keys)


def check_web() -> None:
    """What the web needs, and what it must not hold where it is not practice: whoever broke into it
    could sign. Raises `CannotStart`."""
    check_site()
    if settings.PACIFICA_NETWORK == "paper":
        return
    if key_settings.can_open():
        raise CannotStart(
            "AGENT_KEY_OPENING_KEYS: the web must not hold it. Give the web a file of settings "
            "without it and without AGENT_KEY_OPENING_KEYS_FILE, but with AGENT_KEY_SEALING_KEY."
        )
    if settings.AUDIT_CHECKPOINT_KEY:
        logger.warning(
            "AUDIT_CHECKPOINT_KEY: the web holds it, and whoever breaks into the web can forge "
            "the log. It is the sweep's alone: give the web AUDIT_CHECKPOINT_PUBLIC_KEYS."
        )


def check_sender() -> None:
    """Everything a sender needs besides: it must be able to open keys. Raises `CannotStart`."""
    check_site()
    if not key_settings.can_open():
        raise CannotStart(
            "AGENT_KEY_OPENING_KEYS: a sender cannot sign without it. Set it, or "
            "AGENT_KEY_OPENING_KEYS_FILE, in this process's environment, or name the senders' file "
            "of settings in ENV_FILE."
        )
    _try(key_settings.opening_keys)
    try:
        key_settings.check_halves()
    except key_settings.KeySettingsWrong as error:
        logger.warning(str(error))  # what is stored still opens: a panic must not wait


def _try(read: Callable[[], object]) -> None:
    """Read keys from the settings. Raises `CannotStart` where they are no keys."""
    try:
        read()
    except (key_settings.KeySettingsWrong, checkpoints.CheckpointKeyWrong) as error:
        raise CannotStart(str(error)) from None


def check_network() -> None:
    """A database belongs to one network, set when it was first migrated."""
    try:
        network = Installation.objects.values_list("network", flat=True).first()
    except DatabaseError as error:
        raise CannotStart(unusable(error)) from None
    if network != settings.PACIFICA_NETWORK:
        raise CannotStart(
            f"PACIFICA_NETWORK: is {settings.PACIFICA_NETWORK}, but this database was made for "
            f"{network}. Use a database of its own for each network."
        )


def unusable(error: Exception) -> str:
    """Return the sentence about a database that cannot be used; never its password."""
    return (
        f"DATABASE_URL: the database cannot be used ({why_unusable(error)}). "
        "Is it running, and did `python manage.py migrate` run?"
    )


def check_append_only() -> None:
    """Try to change a probe record inside a savepoint, and look for every trigger."""
    missing = missing_triggers(connection)
    if missing:
        raise CannotStart(f"The audit log is not protected: missing {', '.join(missing)}.")
    for act in _forbidden():
        if _succeeds(act):
            raise CannotStart("The audit log is not append-only: a probe could be changed.")


def warn_of_sqlite() -> None:
    """Say where the SQLite library can, rarely, corrupt a database; for one process of a site."""
    if settings.IS_SQLITE and settings.HAS_WAL_BUG:
        logger.warning(
            "This SQLite library is older than 3.51.3 and has a rare corruption bug in WAL mode. "
            "Journal mode here: %s. For real money use PostgreSQL.",
            settings.SQLITE_JOURNAL,
        )


def _forbidden() -> Iterator[Callable[[int], object]]:
    yield lambda probe: AuditRecord.objects.filter(pk=probe).update(outcome="changed")
    yield lambda probe: AuditPayload.objects.filter(pk=probe)._raw_delete("default")
    if connection.vendor == "sqlite":
        yield _replace


def _replace(probe: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT OR REPLACE INTO orders_auditpayload (record_id, body) VALUES (%s, %s)",
            [probe, b"changed"],
        )


def _succeeds(act: Callable[[int], object]) -> bool:
    """Whether a forbidden change of a probe record goes through; nothing of it stays."""
    try:
        with transaction.atomic():
            data = {"probe": uuid.uuid4().hex}
            probe = log.append(log.Fact(Event.ACT_REFUSED, data=data, body=b"probe"))[0]
            try:
                with transaction.atomic():
                    act(probe)
            except DatabaseError:
                raise _Probed from None
            transaction.set_rollback(True)
            return True
    except _Probed:
        return False

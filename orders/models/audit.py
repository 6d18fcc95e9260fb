"""The audit log's tables. Rows are added, never changed; the database itself refuses."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models

from orders.models.desks import OfDesksQuerySet


class Event(models.TextChoices):
    """What a record is the record of."""

    #: A person asked for cancels.
    CANCEL_ASKED = "cancel_asked", "Cancel asked"
    #: A person stopped a job; what was not sent is not sent.
    JOB_STOPPED = "job_stopped", "Job stopped"
    #: A person let a stopped job go on.
    JOB_RESUMED = "job_resumed", "Job resumed"
    #: A person pulled a panic, or acted on one.
    PANIC = "panic", "Panic"
    #: A signed request is about to be sent, with its exact bytes.
    REQUEST = "request", "Request"
    #: The exchange answered a request, with the exact bytes.
    ANSWER = "answer", "Answer"
    #: A request may have reached the exchange, and no whole answer came.
    NO_ANSWER = "no_answer", "No answer"
    #: A recorded request did not leave.
    NOT_SENT = "not_sent", "Not sent"
    #: A read that shows how cancels ended, with the exact bytes.
    READ = "read", "Read to confirm"
    #: News of the exchange's stream that changed what is known, with the exact bytes.
    STREAM = "stream", "Stream change"
    #: A cancel or a line of a panic ended.
    OUTCOME = "outcome", "Outcome"
    #: A read of an account's open orders, or of its history after a gap, changed what is known.
    SYNC = "sync", "Sync change"
    #: Later evidence contradicts an outcome.
    CONTRADICTION = "contradiction", "Contradiction"
    #: A person asked for another look at unresolved cancels.
    CHECK_ASKED = "check_asked", "Check asked"
    #: A person had unresolved cancels sent again.
    SENT_AGAIN = "sent_again", "Sent again"
    #: A person closed unresolved cancels, with a reason.
    QUESTION_CLOSED = "question_closed", "Question closed"
    #: A person took unresolved cancels upon themselves.
    QUESTION_OWNED = "question_owned", "Question taken"
    #: People were told of a matter, or of its end.
    ALERT = "alert", "Alert"
    #: A person acknowledged a discrepancy.
    DRIFT_ACKNOWLEDGED = "drift_acknowledged", "Discrepancy acknowledged"
    #: A sender did not report the end of what it had recorded.
    SENDER_LOST = "sender_lost", "Sender lost"
    #: An agent wallet was added, and its key sealed.
    AGENT_WALLET_ADDED = "agent_wallet_added", "Agent wallet added"
    #: A test of an agent wallet was asked for, or ended.
    AGENT_WALLET_TESTED = "agent_wallet_tested", "Agent wallet tested"
    #: An agent wallet was disabled; it signs nothing more.
    AGENT_WALLET_DISABLED = "agent_wallet_disabled", "Agent wallet disabled"
    #: An agent wallet was enabled again.
    AGENT_WALLET_ENABLED = "agent_wallet_enabled", "Agent wallet enabled"
    #: A sealed key could not be opened or used.
    KEY_REFUSED = "key_refused", "Sealed key refused"
    #: A sealed key was sealed to another opening key.
    KEY_SEALED_ANEW = "key_sealed_anew", "Key sealed anew"
    #: A desk was added or changed.
    DESK_CHANGED = "desk_changed", "Desk changed"
    #: An account was added or changed.
    ACCOUNT_CHANGED = "account_changed", "Account changed"
    #: An API config key was set or removed.
    API_CONFIG_KEY_CHANGED = "api_config_key_changed", "API config key changed"
    #: A person was added, or their rights, password or second factor changed.
    USER_CHANGED = "user_changed", "User changed"
    #: A person's role on a desk changed.
    MEMBERSHIP_CHANGED = "membership_changed", "Membership changed"
    #: A desk head made an API token; its secret is in no record.
    TOKEN_MADE = "token_made", "API token made"
    #: An API token was ended; no program comes in by it any more.
    TOKEN_ENDED = "token_ended", "API token ended"
    #: Somebody came with a token that does not count; once a minute of many.
    TOKEN_REFUSED = "token_refused", "API token refused"
    #: A guard was armed; from here on its silence counts.
    GUARD_ARMED = "guard_armed", "Guard armed"
    #: A guard was made or changed.
    GUARD_CHANGED = "guard_changed", "Guard changed"
    #: A guard was disarmed, with a reason.
    GUARD_DISARMED = "guard_disarmed", "Guard disarmed"
    #: Part of a guard's time passed without a beat; once a minute of many.
    GUARD_WARNED = "guard_warned", "Guard running out"
    #: A guard's time passed; what it does is recorded with it.
    GUARD_FIRED = "guard_fired", "Guard fired"
    #: A guard's time passed while no sweep looked; it asks first.
    GUARD_ASKED = "guard_asked", "Guard asks"
    #: A schedule was made or changed.
    SCHEDULE_CHANGED = "schedule_changed", "Schedule changed"
    #: A schedule's time came, with what was done.
    SCHEDULE_RUN = "schedule_run", "Schedule run"
    #: A halt left a mark on accounts.
    LATCHED = "latched", "Latched"
    #: A desk head released a latch, with a reason.
    LATCH_RELEASED = "latch_released", "Latch released"
    #: A person signed in.
    LOGIN = "login", "Signed in"
    #: Somebody failed to sign in.
    LOGIN_FAILED = "login_failed", "Sign-in failed"
    #: A person signed out.
    LOGOUT = "logout", "Signed out"
    #: Somebody asked for what they may not do.
    ACT_REFUSED = "act_refused", "Act refused"
    #: A person asked for an export.
    EXPORT_ASKED = "export_asked", "Export asked"
    #: An export was made.
    EXPORTED = "exported", "Export made"
    #: A person downloaded an export.
    EXPORT_DOWNLOADED = "export_downloaded", "Export downloaded"
    #: A person asked whether the log is whole.
    VERIFICATION_ASKED = "verification_asked", "Verification asked"
    #: The log was verified, with what was found.
    VERIFIED = "verified", "Log verified"
    #: Records were written into an archive; none was deleted.
    ARCHIVED = "archived", "Log archived"
    #: An older copy of the database was put back; what waited in it is held.
    DATABASE_BEHIND = "database_behind", "Restored copy found"
    #: An administrator accepted the restored copy.
    DATABASE_ACCEPTED = "database_accepted", "Restored copy accepted"
    #: An act waits for a second person, or what became of it.
    PROPOSAL = "proposal", "Second person asked"


def reference(to: str) -> "models.ForeignKey[Any, Any]":
    """A link to a row that the log outlives: it cannot be deleted while a record names it.

    Without an index of its own: those below serve, and each costs at every append.
    """
    return models.ForeignKey(
        to,
        on_delete=models.PROTECT,
        null=True,
        related_name="audit_records",
        editable=False,
        db_index=False,
    )


class AuditRecord(models.Model):
    """One fact, chained to the one before it.

    ``content_hash`` is SHA-256 over the record's canonical text (`orders.audit.hashing`): every
    column but the hashes, the hash of the payload, and the order rows. ``hash`` is SHA-256 over
    ``previous_hash`` and ``content_hash``, so that a chain can be followed through records whose
    content one may not see. ``salt`` keeps such content from being guessed.
    """

    # Given out by `orders.audit.log` under the chain's lock, never by the database's own counter.
    position = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    event = models.CharField(max_length=32, choices=Event)
    outcome = models.CharField(max_length=32, blank=True)
    operator = reference(settings.AUTH_USER_MODEL)
    operator_name = models.CharField(max_length=150, blank=True)
    session_hash = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=45, blank=True)
    desk = reference("Desk")
    desk_name = models.CharField(max_length=80, blank=True)
    account = reference("Account")
    account_name = models.CharField(max_length=80, blank=True)
    account_address = models.CharField(max_length=44, blank=True)
    job = reference("CancelJob")
    data = models.TextField(default="{}")  # JSON as ASCII text, kept byte for byte
    body_length = models.BigIntegerField(null=True)  # bytes of the whole payload
    body_sha256 = models.CharField(max_length=64, blank=True)  # of the whole payload
    kept_sha256 = models.CharField(max_length=64, blank=True)  # of what AuditPayload holds
    salt = models.CharField(max_length=32)
    content_hash = models.CharField(max_length=64)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    if TYPE_CHECKING:  # what screens attach to the rows that they show
        first_row: "AuditRecordOrder | None"
        row_count: int

    objects = OfDesksQuerySet.as_manager()

    class Meta:
        ordering = ["-position"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=models.Q(event__in=Event.values), name="audit_event")
        ]
        indexes = [
            models.Index(fields=["operator_name", "-position"], name="audit_operator"),
            models.Index(fields=["operator", "-position"], name="audit_person"),
            models.Index(fields=["desk", "-position"], name="audit_desk"),
            models.Index(fields=["account", "-position"], name="audit_account"),
            models.Index(fields=["job", "-position"], name="audit_job"),
            models.Index(  # an auditor's desks are told from it, too: many events name none
                fields=["event", "-position", "desk"], name="audit_event_desk"
            ),
            models.Index(fields=["outcome", "-position"], name="audit_outcome"),
            models.Index(fields=["event", "outcome", "-position"], name="audit_event_outcome"),
            models.Index(fields=["address", "-position"], name="audit_address"),
        ]

    def __str__(self) -> str:
        return f"Record {self.position}"


class OfRecordsQuerySet(OfDesksQuerySet["AuditRecordOrder"]):
    """Rows that belong to a desk through their record."""

    desk_path = "record__desk"


def named(
    to: str | type[models.Model], *, related_name: str, null: bool = False, db_index: bool = True
) -> "models.ForeignKey[Any, Any]":
    """A link of an order row. PostgreSQL does not look each of them up: a bulk cancel writes three
    rows an order, and that took an eighth of its time. The verifier finds a row without its record,
    no cancel can be deleted (`append_only`), and an account is held by its records and orders.
    """
    return models.ForeignKey(
        to,
        on_delete=models.PROTECT,
        db_constraint=False,
        related_name=related_name,
        null=null,
        db_index=db_index,
    )


class AuditRecordOrder(models.Model):
    """One order that a record speaks of, covered by the record's hash."""

    record = named(AuditRecord, related_name="order_rows", db_index=False)
    row = models.PositiveIntegerField()
    cancel = named("Cancel", null=True, related_name="+")
    account = named("Account", related_name="+", db_index=False)
    symbol = models.CharField(max_length=64, blank=True)
    order_id = models.BigIntegerField(null=True, db_index=True)
    client_order_id = models.CharField(max_length=64, null=True)
    outcome = models.CharField(max_length=32, blank=True)
    data = models.TextField(blank=True)

    objects = OfRecordsQuerySet.as_manager()

    class Meta:
        ordering = ["record", "row"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["record", "row"], name="audit_order_row_once")
        ]
        indexes = [
            models.Index(fields=["symbol", "-record"], name="audit_symbol"),
            models.Index(  # most rows have none, and SQLite shuns an index of one common value
                fields=["client_order_id"],
                condition=models.Q(client_order_id__isnull=False),
                name="audit_client_order_id",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.symbol} {self.order_id or self.client_order_id}"


class AuditPayload(models.Model):
    """The exact bytes of one request or answer, up to 64 KiB."""

    record = models.OneToOneField(
        AuditRecord, on_delete=models.PROTECT, related_name="payload", primary_key=True
    )
    body = models.BinaryField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"Payload of {self.record_id}"

"""Compare three logs: operators' intents, our audit log, and the paper exchange's own ledger.

Every check yields findings in words; a run is sound when there is none. Nothing here is trusted to
the code under test but the rows it wrote.
"""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from django.apps import apps
from django.db import models
from solders.pubkey import Pubkey

from orders.evidence import verify
from orders.models import (
    AgentWallet,
    AuditRecord,
    Cancel,
    CancelStatus,
    Event,
    Membership,
    Order,
    OrderState,
    PanicLine,
    Right,
    SealedKey,
)
from orders.models.cancels import LIVE
from orders.models.desks import roles_with
from tests.faults.causes import wrong_causes
from tests.faults.clocks import nearest

TEST = "/agent/list"  # of an agent wallet, by the sweep: each that is new or not tested for a day
CLOCK_MS = 50  # one machine's clock, read in two processes


@dataclass
class Evidence:
    """What the outside saw. ``intents``: (account id, order id) that an operator was told are
    recorded. ``requests``, ``effects``: the ledger's. ``truth``: orders as they are, by order id.
    ``secrets``: keypairs whose secrets may be nowhere. ``folders``: searched for them.
    ``had_right``: (operator id, desk id) pairs that held the right to cancel at any time.
    ``forgotten``: (first, last) numbers of the ledger whose records were lost with a database.
    ``jumps``: seconds by which the clock that wrote a record may have been ahead.
    """

    intents: list
    requests: list
    effects: list
    truth: dict
    secrets: list = field(default_factory=list)
    folders: list = field(default_factory=list)
    had_right: set = field(default_factory=set)
    jumps: tuple = ()
    forgotten: list = field(default_factory=list)


def everything(evidence, *, is_over=True, skew=timedelta(0)):
    """All findings. ``is_over``: nothing may be under way any more. ``skew``: of our clock."""
    yield from lost_intents(evidence, is_over=is_over)
    yield from false_endings(evidence)
    yield from wrong_causes(evidence)
    if is_over:
        yield from astray(evidence)
    yield from unrecorded(evidence, skew)
    yield from doubled_fences(evidence)
    yield from outside_rights(evidence)
    yield from keys_elsewhere(evidence)
    yield from broken_log()


def lost_intents(evidence, *, is_over):
    """An intent that was acknowledged has its cancel, and that has ended or is listed."""
    cancels = defaultdict(list)
    for cancel in Cancel.objects.all():
        cancels[cancel.account_id, cancel.order_id].append(cancel)
    for intent in evidence.intents:
        if intent not in cancels:
            yield f"lost: order {intent[1]} was acknowledged and has no cancel"
    if not is_over:
        return
    for cancel in Cancel.objects.filter(status__in=LIVE):
        if cancel.next_check_at is None:
            yield f"lost: cancel {cancel.pk} is {cancel.status} with nobody to look at it"


def false_endings(evidence):
    """No cancel says what the exchange's truth denies."""
    ours = {one["order_id"] for one in evidence.effects if _is_ours(evidence, one)}
    for cancel in Cancel.objects.exclude(status__in=LIVE).exclude(order_id=None):
        known = evidence.truth.get(cancel.order_id)
        said = _denial(cancel, known, cancel.order_id in ours)
        if said:
            yield f"false {cancel.status}: order {cancel.order_id} {said} ({cancel.explanation})"


def astray(evidence):
    """No order that we hold stands otherwise than the exchange's truth, once all is caught up."""
    for order in Order.objects.select_related("account"):
        known = evidence.truth.get(order.order_id)
        if known is None or known["account"] != order.account.address:
            yield f"astray: order {order.order_id} is not the account's"
        elif (order.state == OrderState.OPEN) is not known["is_open"]:
            yield f"astray: order {order.order_id} is {order.state}, {known['order_status']}"


def _denial(cancel, known, is_ours):
    """What contradicts the cancel's ending, or nothing."""
    if known is None or known["account"] != cancel.account.address:
        is_fine = cancel.status in {"not_found", "refused", "stopped", "expired", "gone"}
        return "" if is_fine or cancel.status == "closed_by_operator" else "is not the account's"
    status = known["order_status"]
    if cancel.status == CancelStatus.CANCELLED and status != "cancelled":
        return f"is {status}"
    if cancel.status == CancelStatus.FILLED and status not in {"filled", "completed"}:
        return f"is {status}"
    if cancel.status in {CancelStatus.GONE, CancelStatus.NOT_FOUND} and known["is_open"]:
        return "is open"
    if cancel.status in {CancelStatus.REFUSED, CancelStatus.EXPIRED} and is_ours:
        return "was cancelled by a request of ours"
    return ""


def unrecorded(evidence, skew):
    """Nothing signed reached the exchange that was not in the log before."""
    records = AuditRecord.objects.filter(event=Event.REQUEST).values_list("body_sha256", "at")
    recorded_at = {sha: int((at - skew).timestamp() * 1000) for sha, at in records}
    for request in _signed(evidence):
        if any(first <= request["n"] <= last for first, last in evidence.forgotten):
            continue
        at_ms = recorded_at.get(request["body_sha256"])
        if at_ms is None:
            yield f"unrecorded: request {request['n']} to {request['route']}"
        elif nearest(at_ms, request["at_ms"], evidence.jumps) > request["at_ms"] + CLOCK_MS:
            yield f"unrecorded: request {request['n']} was recorded only after it was sent"


def doubled_fences(evidence):
    """One attempt of one cancel is one request, and that request leaves once."""
    fences = Counter()
    for record in AuditRecord.objects.filter(event=Event.REQUEST).prefetch_related("order_rows"):
        attempt = json.loads(record.data).get("attempt")
        fences.update(
            (row.cancel_id, _attempt_of(record, attempt, row)) for row in record.order_rows.all()
        )
    for (cancel_id, attempt), count in fences.items():
        if cancel_id is not None and count > 1:
            yield f"doubled: attempt {attempt} of cancel {cancel_id} has {count} requests"
    sent = Counter(request["body_sha256"] for request in _signed(evidence))
    for sha, count in sent.items():
        if count > 1:
            yield f"doubled: one request left {count} times ({sha[:12]})"


def _attempt_of(record, attempt, row):
    """Cancels of one batch can differ in attempts; the record then tells each."""
    told = json.loads(record.data).get("attempts")
    return told[row.row] if isinstance(told, list) else (attempt, record.body_sha256)


def outside_rights(evidence):
    """What was sent was asked by somebody who may, and signed by the account's own agent."""
    records = AuditRecord.objects.filter(event=Event.REQUEST, operator__isnull=False)
    may = set(
        Membership.objects.filter(role__in=roles_with(Right.CANCEL)).values_list(
            "user_id", "desk_id"
        )
    )
    for record in records.select_related("account").prefetch_related("account__agent_wallets"):
        if (record.operator_id, record.desk_id) not in may | evidence.had_right:
            yield f"rights: record {record.pk} under {record.operator_name} on {record.desk_name}"
        signers = {wallet.public_key for wallet in record.account.agent_wallets.all()}
        if json.loads(record.data)["signer"] not in signers:
            yield f"rights: record {record.pk} was signed by a stranger to {record.account}"
    addresses = {
        address
        for model in (Cancel, PanicLine)
        for address in model.objects.values_list("account__address", flat=True)
    }
    held = set(AgentWallet.objects.values_list("account__address", flat=True))
    for request in _signed(evidence):
        asked = held if request["route"] == TEST else addresses
        if request["account"] not in asked | {None}:
            yield f"rights: request {request['n']} for an account nobody asked about"


def keys_elsewhere(evidence):
    """No secret stands anywhere but sealed: not in a row, a file, a log."""
    needles = [needle for keypair in evidence.secrets for needle in forms_of(keypair)]
    if not needles:
        return
    for model in apps.get_models():
        if model is not SealedKey:
            yield from _keys_in_rows(model, needles)
    for folder in evidence.folders:
        for path in Path(folder).rglob("*"):
            if path.is_file() and any(needle in path.read_bytes() for needle in needles):
                yield f"key: in the file {path.name}"


def forms_of(keypair):
    """Every spelling of a secret that could leak, as bytes."""
    raw = bytes(keypair)
    seed = raw[:32]
    texts = [str(keypair), str(Pubkey.from_bytes(seed)), raw.hex(), seed.hex()]
    return [*(text.encode() for text in texts), raw, seed, json.dumps(list(raw)).encode()[1:-1]]


def _keys_in_rows(model, needles):
    names = [
        one.attname
        for one in model._meta.concrete_fields
        if isinstance(one, models.CharField | models.TextField | models.BinaryField)
    ]
    for values in model._default_manager.values_list(*names) if names else ():
        for name, value in zip(names, values, strict=True):
            held = value.encode() if isinstance(value, str) else bytes(value or b"")
            if any(needle in held for needle in needles):
                yield f"key: in {model._meta.label}.{name}"


def broken_log():
    """The chain is whole from its first record to its last."""
    found = verify.verify()
    if not found.is_whole:
        yield from (f"log: record {fault.position} {fault.what}" for fault in found.faults)


def _signed(evidence):
    return [one for one in evidence.requests if one["method"] == "POST"]


def _is_ours(evidence, effect):
    return effect["request"] is not None and effect["event"] == "cancel"

"""One act under one key: asked again it is answered again, and done once.

The key is written before anything is asked for, and a job is found again by a key made from it. An
act that leaves nothing to find is done in the transaction that keeps its answer. So two who come
at once, and one who comes back after a crash, have the same act.
"""

import hashlib
import json
import uuid
from collections.abc import Callable, Sequence
from typing import Annotated, Any

from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone
from ninja import Field, Header, Query, Schema
from ninja.responses import Status

from orders.access.permissions import NotAllowed
from orders.api import shapes, waiting
from orders.api.callers import Caller, caller_of
from orders.api.problems import Refused
from orders.cancels.intake import CancelReceipt
from orders.lifecycle import restored_copy
from orders.models import ApiAct, CancelJob
from orders.models.api_acts import KEPT, MAX_KEY

Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=MAX_KEY,
        pattern=r"^[!-~]+$",
        description="Of this act alone, such as a UUID: sent again with it, nothing is done twice.",
    ),
]
Wait = Annotated[
    int,
    Query(
        ge=0,
        le=waiting.LONGEST_S,
        description="Seconds to wait for the job's end, where this process has a place to wait.",
    ),
]
Reason = Annotated[str, Field(max_length=300, description="Kept with the job and in the log.")]
Told = Status[dict[str, Any]]
OTHER = "This Idempotency-Key was used for another request."
NEW_KEY = "Take a new key for a new act; send this key with exactly the same request."


class Given(Schema):
    """What a program sends: these fields, in these types, and no others."""

    model_config = {"extra": "forbid", "strict": True}


class Skipped(Schema):
    """An order that was left out, by order id or client order id, and why."""

    order: str
    why: str


class Recorded(Schema):
    """What was recorded. Nothing here is *cancelled* unless the job's counts say so."""

    said: str
    recorded: int = Field(description="Cancels recorded; a panic's cancel-all is none of them.")
    skipped: list[Skipped]
    notes: list[str]
    is_repeated: bool = Field(description="This key was answered before: nothing new was done.")
    is_over: bool = Field(description="The job has ended; its counts say how.")
    job: shapes.JobTold | None


def begin(caller: Caller, key: str, what: str, given: Schema | None = None) -> ApiAct:
    """Return the act of this key, made now or before. Raises `Refused` for another request's."""
    now = timezone.now()
    body = given.model_dump_json() if given else ""
    asked = hashlib.sha256(f"{what}\n{body}".encode()).hexdigest()
    ApiAct.objects.filter(made_at__lt=now - KEPT).delete()
    first = {"request_sha256": asked, "made_at": now}
    act, _ = ApiAct.objects.get_or_create(token=caller.token, key=key, defaults=first)
    if act.request_sha256 != asked:
        raise Refused(422, OTHER, what_to_do=NEW_KEY)
    return act


def request_key(act: ApiAct) -> uuid.UUID:
    """Return the key under which the functions below know the act, so that they do it once."""
    return uuid.uuid5(uuid.NAMESPACE_OID, f"pacifica-desk api act {act.pk}")


def once(act: ApiAct, do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what was recorded for this act; the first answer stays the answer."""
    is_repeated = bool(act.answer)
    if not is_repeated:
        told = do()
        kept = {"answer": json.dumps(told), "job_id": told["job_id"]}
        is_first = ApiAct.objects.filter(pk=act.pk, answer="").update(**kept)
        act.refresh_from_db()
        is_repeated = not is_first
    recorded: dict[str, Any] = json.loads(act.answer)
    return recorded | {"is_repeated": is_repeated}


def once_together(act: ApiAct, do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do as `once`, where nothing else tells of the act: it and its answer are committed together.

    Who comes at once waits. The record of a refusal is committed too.
    """
    with transaction.atomic():
        locked = ApiAct.objects.select_for_update(no_key=True).get(pk=act.pk)
        try:
            return once(locked, do)
        except NotAllowed as error:
            refused = error
    raise refused


def told(request: HttpRequest, recorded: dict[str, Any], wait_s: int) -> Told:
    """Return what a program is answered: what was recorded, and the job as it stands now."""
    job_id, desk = recorded["job_id"], caller_of(request).desk
    is_over = job_id is not None and waiting.is_over(job_id, wait_s)
    jobs = CancelJob.objects.filter(pk=job_id, desk=desk)
    job = next((shapes.job(each) for each in jobs), None)
    return Status(202, recorded | {"is_over": is_over, "job": job})


def of_receipt(receipt: CancelReceipt) -> dict[str, Any]:
    """Return a receipt as it is kept and told."""
    skipped = [{"order": str(order), "why": why} for order, why in receipt.skipped]
    job = receipt.jobs[0] if receipt.jobs else None
    return of_job(receipt.sentence(), job, receipt.recorded, skipped, receipt.notes)


def of_job(
    said: str,
    job: CancelJob | None,
    recorded: int = 0,
    skipped: Sequence[dict[str, str]] = (),
    notes: Sequence[str] = (),
) -> dict[str, Any]:
    """Return a job as it is kept and told. A note says where nothing is sent for the time being."""
    behind = restored_copy.look(timezone.now())
    held = [f"Nothing is sent yet: {restored_copy.FIRST}"] if behind and not _panics(job) else []
    return {
        "said": said,
        "recorded": recorded,
        "skipped": list(skipped),
        "notes": [*notes, *held],
        "job_id": job.pk if job else None,
    }


def _panics(job: CancelJob | None) -> bool:
    return job is not None and job.is_panic

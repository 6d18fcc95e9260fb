"""What a program may read of its token's desk: accounts, orders, jobs, open questions."""

import json
from typing import Any

from django.db.models import F, Q
from django.http import HttpRequest
from ninja import Path, Query, Router
from ninja.responses import NinjaJSONEncoder

from orders.api import shapes, waiting
from orders.api.callers import Bearer, Caller, caller_of
from orders.api.problems import Refused, not_found
from orders.api.shapes import RowId
from orders.audit import sentences
from orders.models import Account, AuditRecordOrder, Cancel, CancelJob, Desk, Order, TokenRight

router = Router(auth=Bearer(TokenRight.READ), tags=["read"])
MAX_MOMENTS = 300
NOT_HERE = "A job's events are told by the push process, and this is the web."
ASK_PUSH = "Let the proxy pass this path to manage.py push, or ask its port."
EVENTS = {
    "responses": {
        200: {"description": "Events.", "content": {"text/event-stream": {"schema": {}}}},
        421: {"description": "Not here."},
    }
}


@router.get("/accounts", response=list[shapes.AccountTold])
def accounts(request: HttpRequest) -> list[dict[str, Any]]:
    """List the desk's accounts, whose `id` names them in every other request."""
    rows = Account.objects.filter(desk=caller_of(request).desk).order_by("pk")
    return [shapes.account(row) for row in rows]


@router.get("/orders", response=shapes.OrdersTold)
def open_orders(request: HttpRequest, page: Query[shapes.OrdersPage]) -> dict[str, Any]:
    """List orders that were open when their account was last read, page by page."""
    of_desk = Q(account__desk=caller_of(request).desk, account__is_active=True)
    rows = Order.objects.open().filter(of_desk, pk__gt=page.after)
    rows = rows.order_by(F("pk") + 0)  # by "pk" PostgreSQL walks all there ever were to the first
    if page.account_id is not None:
        rows = rows.filter(account=page.account_id)
    if page.symbol:
        rows = rows.filter(symbol=page.symbol)
    return shapes.page([shapes.order(row) for row in rows[: page.limit + 1]], "orders", page.limit)


@router.get("/orders/{account_id}/{order_id}", response=shapes.LifeTold)
def life(request: HttpRequest, account_id: Path[RowId], order_id: Path[RowId]) -> dict[str, Any]:
    """Tell the life of one order: what is known of it, its cancels, and what the log says."""
    caller = caller_of(request)
    orders = Order.objects.filter(account=account_id, account__desk=caller.desk)
    order = orders.filter(order_id=order_id).first()
    if order is None:
        raise not_found()
    cancels = Cancel.objects.filter(_named(order), account=account_id).order_by("-pk")
    return {
        "order": shapes.order(order),
        "cancels": [shapes.cancel(row) for row in cancels[:MAX_MOMENTS]],
        "records": _moments(order, caller),
    }


@router.get("/unresolved", response=shapes.CancelsTold)
def unresolved(request: HttpRequest, page: Query[shapes.Page]) -> dict[str, Any]:
    """List cancels whose outcome is not known and is being asked. Treat their orders as open."""
    rows = Cancel.objects.open_questions().filter(account__desk=caller_of(request).desk)
    return _cancels(rows, page)


@router.get("/jobs/{job_id}", response=shapes.JobTold)
def job(request: HttpRequest, job_id: Path[RowId]) -> dict[str, Any]:
    """Tell how far a job is."""
    return shapes.job(job_of(caller_of(request), job_id))


@router.get("/jobs/{job_id}/cancels", response=shapes.CancelsTold)
def job_cancels(
    request: HttpRequest, job_id: Path[RowId], page: Query[shapes.Page]
) -> dict[str, Any]:
    """List the cancels of a job with their outcomes, page by page."""
    return _cancels(job_of(caller_of(request), job_id).cancels.all(), page)


@router.get("/jobs/{job_id}/events", response={421: None}, openapi_extra=EVENTS)
def job_events(request: HttpRequest, job_id: Path[RowId]) -> None:
    """Tell how far a job is as it goes on: an event *job* for each change, *end* after the last.

    Answered by `manage.py push`, to which the proxy passes this path; the web answers 421.
    """
    job_of(caller_of(request), job_id)
    raise Refused(421, NOT_HERE, what_to_do=ASK_PUSH)


def job_as_json(desk: Desk, job_id: int) -> tuple[bytes, bool]:
    """Return what `job` answers of a desk's job, and whether it has ended. Raises `Refused`."""
    row = job_of_desk(desk, job_id)
    told = shapes.JobTold.model_validate(shapes.job(row)).model_dump()
    return json.dumps(told, cls=NinjaJSONEncoder).encode(), row.status in waiting.OVER


def job_of(caller: Caller, job_id: int) -> CancelJob:
    """Return a job of the caller's desk. Raises `Refused`."""
    return job_of_desk(caller.desk, job_id)


def job_of_desk(desk: Desk, job_id: int) -> CancelJob:
    """Return a job of this desk. Raises `Refused`."""
    job = CancelJob.objects.filter(pk=job_id, desk=desk).select_related("desk").first()
    if job is None:
        raise not_found()
    return job


def _cancels(rows: Any, page: shapes.Page) -> dict[str, Any]:
    rows = rows.filter(pk__gt=page.after).order_by("pk")[: page.limit + 1]
    return shapes.page([shapes.cancel(row) for row in rows], "cancels", page.limit)


def _named(order: Order) -> Q:
    """Where a row names this order by either id."""
    named = Q(order_id=order.order_id)
    if order.client_order_id:
        names = {order.client_order_id, order.client_order_id.lower()}
        named |= Q(order_id=None, client_order_id__in=names)
    return named


def _moments(order: Order, caller: Caller) -> list[dict[str, Any]]:
    lines = AuditRecordOrder.objects.filter(_named(order), record__desk=caller.desk)
    lines = lines.filter(account=order.account_id).select_related("record")
    return [
        {
            "position": line.record.position,
            "at": line.record.at,
            "event": line.record.event,
            "sentence": sentences.of_record(line.record, row=line, count=1),
        }
        for line in lines.order_by("-record__position", "row")[:MAX_MOMENTS]
    ]

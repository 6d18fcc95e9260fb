"""The shapes of what the API tells, and how each is made from a row."""

from collections import Counter
from datetime import datetime
from typing import Annotated, Any

from ninja import Field, Schema

from orders.models import Account, Cancel, CancelJob, Order, PanicLine, Proof
from orders.models.cancels import AT_REST
from orders.models.lookups import MAX_ROW_ID

RowId = Annotated[int, Field(ge=1, le=MAX_ROW_ID)]


class Page(Schema):
    """Which part of a list: so many rows after the one whose `id` is `after`."""

    after: Annotated[int, Field(ge=0, le=MAX_ROW_ID)] = 0
    limit: Annotated[int, Field(ge=1, le=500)] = 100


class OrdersPage(Page):
    """The same of orders, of one account or one symbol where these are given."""

    account_id: RowId | None = None
    symbol: Annotated[str, Field(max_length=64, pattern=r"^[!-~]*$")] = ""


class AccountTold(Schema):
    """An account of the desk, and how old what is known of its orders is."""

    id: int
    name: str
    address: str
    is_active: bool
    is_drill: bool
    book_read_at: datetime | None = Field(description="When its open orders were last read.")
    trouble: str = Field(description="Why its open orders are not known, or not whole; or nothing.")


class OrderTold(Schema):
    """An order as the exchange last told of it; prices and amounts in its own text."""

    id: int
    account_id: int
    order_id: int
    client_order_id: str | None
    symbol: str
    side: str
    order_type: str
    price: str
    stop_price: str | None
    initial_amount: str
    filled_amount: str
    cancelled_amount: str
    reduce_only: bool | None
    state: str = Field(description="open: listed when the book was last read; vanished; closed.")
    order_status: str = Field(description="The exchange's own word.")
    created_at: datetime | None
    last_seen_at: datetime


class OrdersTold(Schema):
    """One page of open orders. ``next``: the `after` of the next page, null on the last."""

    orders: list[OrderTold]
    next: int | None


class CancelTold(Schema):
    """A cancel: what is proven of it, and nothing more."""

    id: int
    job_id: int
    account_id: int
    symbol: str
    kind: str
    order_id: int | None
    client_order_id: str | None
    status: str
    is_at_rest: bool = Field(description="Nothing more happens to it by itself.")
    proof: str = Field(description="What shows its outcome.")
    explanation: str
    attempts: int
    filled_amount: str
    cancelled_amount: str
    requested_at: datetime
    first_sent_at: datetime | None
    concluded_at: datetime | None


class CancelsTold(Schema):
    """One page of cancels. ``next``: the `after` of the next page, null on the last."""

    cancels: list[CancelTold]
    next: int | None


class PanicLineTold(Schema):
    """One account of a panic."""

    account_id: int
    symbol: str
    status: str
    explanation: str
    sent_at: datetime | None
    cancelled_count: int | None = Field(description="As the exchange counted.")
    seen_empty_at: datetime | None


class JobTold(Schema):
    """A job: what was asked, by whom, and how many of its cancels stand where."""

    id: int
    scope: str
    reason: str
    status: str
    is_panic: bool
    is_drill: bool
    is_urgent: bool
    asked_by: str
    token: str = Field(description="Of the program that asked; empty where a person did.")
    created_at: datetime
    done_at: datetime | None
    count: int = Field(description="Its own cancels; a panic's cancel-all takes orders beside.")
    at_rest: int
    counts: dict[str, int] = Field(description="Cancels by status.")
    lines: list[PanicLineTold]


class Moment(Schema):
    """One record of the log that speaks of an order, newest first."""

    position: int
    at: datetime
    event: str
    sentence: str


class LifeTold(Schema):
    """An order with its cancels and its records."""

    order: OrderTold
    cancels: list[CancelTold]
    records: list[Moment]


def columns(row: Any, shape: type[Schema], **more: Any) -> dict[str, Any]:
    """Return what a shape tells of a row: the columns of the same names, and what is given."""
    return {name: getattr(row, name) for name in shape.model_fields if name not in more} | more


def account(row: Account) -> dict[str, Any]:
    """Return an account as it is told."""
    return columns(row, AccountTold, book_read_at=row.synced_at)


def order(row: Order) -> dict[str, Any]:
    """Return an order as it is told."""
    return columns(row, OrderTold)


def cancel(row: Cancel) -> dict[str, Any]:
    """Return a cancel as it is told."""
    proof = Proof(row.proof).name.lower()
    return columns(row, CancelTold, proof=proof, attempts=row.attempt)


def line(row: PanicLine) -> dict[str, Any]:
    """Return one account of a panic as it is told."""
    return columns(row, PanicLineTold)


def job(row: CancelJob) -> dict[str, Any]:
    """Return a job as it is told; one look at its cancels."""
    counts = Counter(row.cancels.order_by().values_list("status", flat=True))
    at_rest = sum(counts[status] for status in AT_REST)
    lines = [line(each) for each in row.panic_lines.order_by("pk")] if row.is_panic else []
    told = {"count": counts.total(), "at_rest": at_rest, "counts": dict(counts)}
    who = {"asked_by": row.operator_name, "token": row.token_name}
    return columns(row, JobTold, lines=lines, **who, **told)


def page(rows: list[dict[str, Any]], name: str, limit: int) -> dict[str, Any]:
    """Return one page of rows, one more of which was read than it shows."""
    shown = rows[:limit]
    return {name: shown, "next": shown[-1]["id"] if len(rows) > limit else None}

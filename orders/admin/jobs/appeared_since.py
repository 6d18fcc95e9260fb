"""What came into a job's scope after it was frozen: told of, never cancelled."""

from dataclasses import dataclass

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone

from orders.admin.shared import filter_text
from orders.cancels.bulk import previews
from orders.cancels.bulk import scope as bulk_scope
from orders.models import CancelJob, Desk, Order, Preview
from orders.models.orders import OrderQuerySet

SHOWN = 50


@dataclass(frozen=True)
class Appeared:
    """Orders in scope that the frozen set does not hold: how many, and the first of them."""

    count: int
    orders: tuple[Order, ...]


def since(request: HttpRequest, job: CancelJob) -> Appeared | None:
    """What a person may see of it; None where the orders were named one by one."""
    preview = job.preview
    if preview is None or not preview.query:
        return None
    found = previews.since(preview, _in_scope(request, preview))
    orders = Order.objects.filter(pk__in=found[:SHOWN]).select_related("account")
    return Appeared(len(found), tuple(orders))


def _in_scope(request: HttpRequest, preview: Preview) -> OrderQuerySet:
    if previews.is_scope(preview):
        scope, desks = bulk_scope.from_text(preview.query), Desk.objects.visible_to(request.user)
        return bulk_scope.inside(desks=desks, scope=scope, now=timezone.now())
    orders = filter_text.orders_of(admin.site.get_model_admin(Order), request, preview.query)
    return orders.open().filter(account__desk=preview.desk_id, account__is_active=True)

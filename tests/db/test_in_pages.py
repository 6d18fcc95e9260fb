"""Many rows are read a page at a time: what is given up half-way leaves nothing open."""

import gc
import weakref
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from orders.evidence.checkpoint_trail import Trail
from orders.models import AuditCheckpoint
from orders.models.in_pages import in_pages

ORDERS = Path(settings.BASE_DIR) / "orders"


def copies(count):
    AuditCheckpoint.objects.bulk_create(
        AuditCheckpoint(number=number, at=timezone.now(), count=number, line=f"line {number}")
        for number in range(1, count + 1)
    )


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_every_row_is_read_once_in_order_of_its_key(db, count):
    copies(count)
    rows = AuditCheckpoint.objects.values_list("number", "line", named=True)
    read = [tuple(row) for row in in_pages(rows, "number", 2)]
    assert read == [(number, f"line {number}") for number in range(1, count + 1)]


def test_of_models_too(db):
    copies(3)
    assert [row.line for row in in_pages(AuditCheckpoint.objects.all(), "pk", 2)] == [
        "line 1",
        "line 2",
        "line 3",
    ]


def test_a_walk_given_up_half_way_leaves_later_transactions_alone(committing_db):
    copies(3)
    with transaction.atomic():
        trail = Trail()
        next(trail.up_to(float("inf")))
    gone = weakref.ref(trail)
    del trail
    with transaction.atomic():
        assert AuditCheckpoint.objects.count() == 3  # the server begins it with a statement
        gc.collect()
        assert gone() is None
        assert AuditCheckpoint.objects.count() == 3


def test_nothing_leaves_a_cursor_open_on_the_server():
    assert [path for path in ORDERS.rglob("*.py") if ".iterator(" in path.read_text()] == []

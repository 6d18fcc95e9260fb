"""A picture of an order's newest cancel: each step as a bar from the step before to its own end."""

from collections.abc import Sequence

from django.urls import reverse

from orders.admin.pictures.chart import Chart, Series
from orders.admin.shared.timings import Step


def of_steps(steps: Sequence[Step]) -> Chart:
    """The steps of a cancel on one line of time, in milliseconds since the click; no query."""
    later = steps[1:]
    return Chart(
        name="life",
        title="From the click to the proof",
        head="Step",
        labels=[step.label for step in later],
        series=[
            Series(
                "Took",
                "busy",
                [(step.total_ms - step.gap_ms, step.total_ms) for step in later],
                [f"{step.gap_ms} ms" for step in later],
                [_record(step) for step in later],
            )
        ],
        note="Each bar begins where the step before ended.",
        unit="milliseconds since the click",
        is_lying=True,
    )


def _record(step: Step) -> str:
    if step.record is None:
        return ""
    return reverse("admin:orders_auditrecord_change", args=[step.record.pk])

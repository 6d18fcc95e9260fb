"""Panic lines from before lines knew who asked for them."""

from importlib import import_module

from django.apps import apps

from orders.models import PanicLine
from orders.panic import decision

migration = import_module("orders.migrations.0008_lines_of_a_panic")


def test_an_older_line_was_asked_for_by_whoever_made_its_job(firm):
    job = decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)
    PanicLine.objects.update(operator=None, operator_name="", asked_at=None)
    migration.ask_with_the_job(apps, None)
    line = PanicLine.objects.get()
    assert (line.operator, line.operator_name) == (firm.operator, "olivia")
    assert line.asked_at == job.created_at

"""Prepared questions of every page: each person gets what the plain rule lets them see."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.utils import timezone

import orders.admin.registry  # noqa: F401  every screen has its questions
from orders.admin import site_state
from orders.models import CancelJob, Order, PanicLine, PanicStatus, Right
from orders.models import for_person as asked
from tests.authz.scenario import World

LATER = timedelta(minutes=1)


@pytest.fixture
def world(db):
    """Two desks, on both of which there is something for every question to find."""
    world = World()
    for side in (world.near, world.far):
        contradicted = Order.objects.filter(pk=side.extra["free"].pk)
        contradicted.update(has_contradiction=True)
    return world


def people_of(world):
    return [person or AnonymousUser() for person in world.people.values()]


def test_each_person_sees_what_the_plain_rule_lets_them_see(world):
    found, every_job = set(), set(CancelJob.objects.values_list("pk", flat=True))
    for number, question in enumerate(asked.ALL):
        values = {
            name: timezone.now() + LATER if name == "now" else every_job
            for name in question.samples
        }
        for person in people_of(world):
            plain = question.build(lambda rows, person=person: rows.visible_to(person), **values)
            said = question(person, **values)
            assert sorted(said, key=str) == sorted(plain, key=str), (number, person)
            found |= {number} if said else set()
    needs_somebody = site_state._needing_somebody
    assert found == set(range(len(asked.ALL))) - {asked.ALL.index(needs_somebody)}


@pytest.mark.parametrize("status", [PanicStatus.WAITING, PanicStatus.NEEDS_YOU])
def test_each_person_sees_the_jobs_of_their_desks(world, status):
    PanicLine.objects.update(status=status)
    jobs = CancelJob.objects
    for person in people_of(world):
        needing = PanicLine.objects.needing_somebody().allowing(person, Right.PANIC)
        mine = set(needing.values_list("job_id", flat=True))
        is_big = Q(is_urgent=False) | Q(is_panic=True)
        shown = Q(is_big, status__in=["running", "stopping"]) | Q(is_panic=True, pk__in=mine)
        said = site_state._big(person)
        assert said == list(jobs.visible_to(person).filter(shown).order_by("-created_at")), person
        assert {job.pk for job in said if job.needs_somebody} == mine

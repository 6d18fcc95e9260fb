"""Guards for the tests, and time that passes by the host's clock alone."""

from datetime import timedelta

from django.utils import timezone

from orders.models import Guard
from orders.panic.guard import arming


class BootClock:
    """The host's clock as a lookout reads it: it moves when a test says so."""

    def __init__(self, at=1000.0):
        self.at, self.goes_on_s = at, 0.0

    def __call__(self):
        read = self.at
        self.at += self.goes_on_s
        return read


def new_guard(firm, *, name="quoter", account=None, ttl_s=10, armed=True, user=None, **fields):
    """A guard on Alpha, armed by the operator unless told otherwise."""
    user = user or firm.operator
    about = {"desk": firm.momentum, "account": account or firm.account} | fields
    guard = Guard.objects.create(
        name=name, ttl_s=ttl_s, set_by=firm.head, set_at=timezone.now(), **about
    )
    if armed:
        arming.arm(user=user, actor=firm.actor(user), guard_id=guard.pk)
        of_another_host(guard)
        guard.refresh_from_db()
    return guard


def beat(guard):
    """A beat that comes by a web of another host than the sweep's."""
    heard = arming.beat(desk_id=guard.desk_id, guard_id=guard.pk)
    of_another_host(guard)
    return heard


def of_another_host(guard):
    """Let the last beat have been stamped by the clock of another host."""
    Guard.objects.filter(pk=guard.pk).update(beat_boot="another host", beat_boot_s=5)


def dated_back(guard, seconds):
    """Date the last beat so many seconds before now by the database's clock."""
    Guard.objects.filter(pk=guard.pk).update(beat_at=timezone.now() - timedelta(seconds=seconds))

"""Become one sender whose purse and pace run many times as fast: ``python -m benchmarks.fast``.

    python -m benchmarks.fast TIMES worker|sweep

The patches are applied here, so the product has no hooks for them. Only what a minute means to the
purse is changed, and how long the sweep rests: signing, sending and recording stay as they are.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

MOMENTS = ("reserve", "book", "balances")


def main(times: str, kind: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "desk.settings")
    import django

    django.setup()
    hurry(float(times))
    if kind == "sweep":
        from django.core.management import call_command

        call_command("sweep")
    else:
        from benchmarks import stage
        from desk.celery import app

        flags = ["--pool", "threads", "--concurrency", "8", "-Q", "urgent,bulk", *stage.QUIET]
        app.worker_main(["-q", "worker", *flags])


def hurry(times: float) -> None:
    """Let the purse of this process see a clock that runs so many times as fast."""
    from orders.exchange import credits
    from orders.management import sweep
    from orders.management.duty_threads import Duty

    for name in MOMENTS:
        setattr(credits, name, _hurried(getattr(credits, name), times))
    duties = sweep.duties

    def brisk() -> list[Duty]:
        return [
            replace(duty, rest_s=duty.resting_s() / times) if duty.name == "deliver" else duty
            for duty in duties()
        ]

    sweep.duties = brisk


def _hurried(function: Callable[..., Any], times: float) -> Callable[..., Any]:
    """Let a function of the purse, whatever else it takes, see a later ``now``."""

    def hurried(*, now: datetime, **arguments: Any) -> Any:
        return function(now=datetime.fromtimestamp(now.timestamp() * times, UTC), **arguments)

    return hurried


if __name__ == "__main__":
    main(*sys.argv[1:])

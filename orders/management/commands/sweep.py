"""`manage.py sweep`: do everything that is due, without a broker, until told to stop."""

import gc
import signal
import threading
from typing import Any

from desk import startup_checks
from orders.lifecycle import restored_copy
from orders.management import terminal
from orders.management.duty_threads import Sweep
from orders.management.sweep import duties, streams
from orders.models.prepared import prepare_all
from orders.panic import bells


class Command(terminal.DeskCommand):
    """Only waits for the signal; the work is in `orders.management.sweep`."""

    help = (
        "Delivers what no worker took, recovers what a dead sender held, settles open questions "
        "and syncs accounts. Any number may run."
    )

    def handle(self, *args: str, **options: Any) -> None:
        """Sweep until SIGINT or SIGTERM."""
        stopping = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stopping.set())
        with terminal.in_words():
            startup_checks.check_sender()
            restored_copy.check()
        prepare_all()  # not while a panic waits
        startup_checks.warn_of_sqlite()
        sweep = Sweep(duties(), streams(), bells.hung())
        gc.freeze()  # else each full collection walks what start-up made, while a panic waits
        sweep.start()
        self.stdout.write("The sweep is running.")
        self.stdout.flush()
        stopping.wait()
        sweep.stop()
        self.stdout.write("The sweep has stopped.")

"""`manage.py run_errands`: carry out exports and verifications that wait, then end."""

import os
from typing import Any

from orders.management import terminal
from orders.operations.errands import background

POLITENESS = 10  # the site and the senders come first


class Command(terminal.DeskCommand):
    """Only starts it; the work is in `orders.operations.errands`. The sweep runs it by itself."""

    help = "Writes the exports and makes the verifications that people asked for."

    def handle(self, *args: str, **options: Any) -> None:
        """Say how many were carried out."""
        os.nice(POLITENESS)
        with terminal.in_words():
            carried = background.run_due()
        if carried:
            self.stdout.write(f"{carried} {'errand' if carried == 1 else 'errands'} carried out.")

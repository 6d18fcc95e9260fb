"""`manage.py accept_restored`: go on with a database that is older than its checkpoints."""

from typing import Any

from django.core.management.base import CommandParser

from orders.evidence import checkpoints
from orders.evidence.checkpoint_file import CannotCheckpoint
from orders.lifecycle import restored_copy_acceptance
from orders.management import terminal


class Command(terminal.DeskCommand):
    """Only prints; the work is in `orders.lifecycle.restored_copy_acceptance`."""

    help = (
        "Accepts that an older copy of the database was put back: new acts are sent again, and "
        "what waited in the copy is left to people, one by one. Recorded. Administrators only."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Who accepts it, and why."""
        parser.add_argument("--operator", required=True, help="an administrator")
        parser.add_argument("--reason", required=True)

    def handle(self, *args: str, operator: str, reason: str, **options: Any) -> None:
        """Accept; where this process holds the checkpoints' key, sign that at once."""
        with terminal.in_words():
            user = terminal.operator_named(operator)
            actor = terminal.actor_of(user)
            said = restored_copy_acceptance.accept(user=user, actor=actor, reason=reason)
        self.stdout.write(said)
        does = "is signed" if said == restored_copy_acceptance.NOTHING else "tells of it"
        try:
            made = checkpoints.make()
        except (CannotCheckpoint, checkpoints.CheckpointKeyWrong) as error:
            self.stderr.write(f"Not under a checkpoint yet; the sweep signs one. ({error})")
        else:
            self.stdout.write(f"Checkpoint {made.number} {does}." if made else "")

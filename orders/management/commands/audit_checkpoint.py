"""`manage.py audit_checkpoint [--public-key]`: sign a checkpoint of the log now."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from orders.evidence import checkpoints
from orders.evidence.checkpoint_file import CannotCheckpoint
from orders.management import terminal


class Command(terminal.DeskCommand):
    """Only prints; the work is in `orders.evidence.checkpoints`."""

    help = (
        "Signs how many records there are and the newest one's hash, in the file outside the "
        "database. The sweep does the same every minute while there are new records."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Whether only the public key is wanted."""
        parser.add_argument("--public-key", action="store_true", help="print the public key only")

    def handle(self, *args: str, public_key: bool, **options: Any) -> None:
        """Sign, or say why not; exit code 1 where the log contradicts an earlier checkpoint."""
        try:
            with terminal.in_words():
                if public_key:
                    self.stdout.write("\n".join(sorted(checkpoints.trusted_keys())))
                    return
                made = checkpoints.make()
        except CannotCheckpoint as error:
            raise CommandError(str(error)) from None
        if made is None:
            self.stdout.write("Nothing new since the last checkpoint.")
        else:
            self.stdout.write(f"Checkpoint {made.number}: {made.count} records, head {made.head}.")

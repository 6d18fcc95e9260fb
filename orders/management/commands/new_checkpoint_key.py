"""`manage.py new_checkpoint_key [--file PATH]`: make the pair that signs checkpoints."""

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from orders.evidence import checkpoints
from orders.management import terminal
from orders.management.commands.new_opening_key import add_file_arguments, write_private


class Command(terminal.DeskCommand):
    """Only writes the file; the pair is made in `orders.evidence.checkpoints`."""

    help = "Makes the pair that signs checkpoints of the audit log. Only the sweep gets the secret."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where the private half goes."""
        add_file_arguments(parser)

    def handle(self, *args: str, file: Path | None, in_checkout: bool, **options: Any) -> None:
        """Write the private half into the file, or print it where there is none."""
        private, public = checkpoints.new_key()
        if file is None:
            self.stdout.write(f"AUDIT_CHECKPOINT_KEY={private}")
        else:
            write_private(file, private, in_checkout=in_checkout)
            self.stdout.write(f"AUDIT_CHECKPOINT_KEY_FILE={file.resolve()}")
        self.stdout.write(f"AUDIT_CHECKPOINT_PUBLIC_KEYS={public}")

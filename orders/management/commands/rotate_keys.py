"""`manage.py rotate_keys`: seal every stored key anew with the newest key; safe to run again."""

from typing import Any

from django.core.management.base import CommandError

from orders.accounts import key_rotation
from orders.accounts.provisioning import COMMAND_LINE
from orders.keys import key_settings
from orders.management import terminal


class Command(terminal.DeskCommand):
    """Only prints; the work is done in `orders.accounts.key_rotation`."""

    help = (
        "Put the new key first in AGENT_KEY_OPENING_KEYS, keep the old ones behind it, run this, "
        "then take the old ones away. Killed half-way, run it again."
    )

    def handle(self, *args: str, **options: Any) -> None:
        with terminal.in_words():
            results = self._rotated()
        refused = sum(result.is_refused for result in results)
        if results:
            sealed = sum(result.is_sealed for result in results)
            self.stdout.write(f"{sealed} keys sealed anew, {refused} refused.")
        self.stdout.write(self.found())
        if refused:
            raise CommandError("Keep the old opening keys until the refused ones are added again.")
        if set(key_rotation.stored()) - {key_settings.newest_key()}:  # the web sealed one meanwhile
            raise CommandError("Some are sealed with an older key still: run this again.")

    def _rotated(self) -> list[key_rotation.RotationResult]:
        try:
            return [self.told(result) for result in key_rotation.rotate(actor=COMMAND_LINE)]
        except key_settings.KeySettingsWrong as wrong:
            raise CommandError(str(wrong)) from None

    def found(self) -> str:
        """Say which keys are stored: *Stored keys: 3 sealed with 'new'.* and so on."""
        stored = [
            f"{count} sealed with {key_id!r}" for key_id, count in key_rotation.stored().items()
        ]
        newest = f"The first opening key is {key_settings.newest_key()!r}."
        return f"Stored keys: {', '.join(stored) or 'none'}. {newest}"

    def told(self, result: key_rotation.RotationResult) -> key_rotation.RotationResult:
        """Print what became of one key as soon as it is known; return the same."""
        self.stdout.write(f"{result.of}: {result.said}")
        return result

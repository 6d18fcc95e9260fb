"""`manage.py rotate_keys`: seal every stored key anew with the newest key; safe to run again."""

from django.core.management.base import BaseCommand, CommandError

from orders import keys, rotating
from orders.enrolling import COMMAND_LINE


class Command(BaseCommand):
    """Only prints; the work is done in `orders.rotating`."""

    help = (
        "Put the new key first in AGENT_KEY_OPENING_KEYS, keep the old ones behind it, run this, "
        "then take the old ones away. Killed half-way, run it again."
    )

    def handle(self, *args, **options):
        try:
            turned = [self.told(one) for one in rotating.rotate(actor=COMMAND_LINE)]
        except keys.KeySettingsWrong as wrong:
            raise CommandError(str(wrong)) from None
        refused = sum(one.is_refused for one in turned)
        self.stdout.write(f"{len(turned) - refused} keys sealed anew, {refused} refused.")
        if refused:
            raise CommandError("Keep the old opening keys until the refused ones are added again.")

    def told(self, turned):
        self.stdout.write(f"{turned.of}: {turned.said}")
        return turned

"""`manage.py do_alone PROPOSAL`: do what waits for a second person without one, and be reviewed."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from orders.access import one_person
from orders.management import terminal
from orders.models import Proposal

WHO = "Say with --operator which administrator does it, and with --reason why it cannot wait."


class Command(terminal.DeskCommand):
    """Only reads the options; the work is in `orders.access.one_person`."""

    help = (
        "Does what waits for a second person without one, for when nobody else can be reached. "
        "It raises an alarm that stands until another administrator has reviewed it. Without a "
        "number it lists what waits."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """What, who, and why."""
        parser.add_argument("proposal", type=int, nargs="?", help="its number")
        parser.add_argument("--operator", help="an administrator")
        parser.add_argument("--reason")

    def handle(
        self,
        *args: str,
        proposal: int | None,
        operator: str | None,
        reason: str | None,
        **options: Any,
    ) -> None:
        """List what waits, or do one of it."""
        with terminal.in_words():
            if proposal is None:
                self._list()
                return
            seen = Proposal.objects.filter(pk=proposal).values_list("content_sha256", flat=True)
            if operator is None:
                raise CommandError(WHO, returncode=terminal.WRONG_INPUT)
            user = terminal.operator_named(operator)
            try:
                said = one_person.break_glass(
                    user=user,
                    actor=terminal.actor_of(user),
                    proposal_id=proposal,
                    seen=seen.first() or "",
                    reason=reason or "",
                )
            except one_person.NoReason as wrong:
                raise CommandError(str(wrong), returncode=terminal.WRONG_INPUT) from None
        self.stdout.write(said)

    def _list(self) -> None:
        for each in Proposal.objects.waiting().select_related("asked_by"):
            self.stdout.write(f"{each.pk}: {each.words} (asked by {each.asked_by})")

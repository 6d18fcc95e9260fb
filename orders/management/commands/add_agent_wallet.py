"""`manage.py add_agent_wallet --account NAME --public-key K`: take an agent wallet's key in."""

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandParser

from orders.accounts import account_keys, provisioning
from orders.audit import log
from orders.management import terminal

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class Command(terminal.DeskCommand):
    """Only reads the options and the secret; the work is in `orders.accounts.provisioning`."""

    help = (
        "Takes in an agent wallet for an account. Its secret is read from standard input, never "
        "from an argument, and is kept sealed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which account, which agent wallet, on whose behalf."""
        terminal.add_account_arguments(parser)
        parser.add_argument("--public-key", required=True, help="the agent wallet's public key")
        parser.add_argument("--operator", help="who adds it; without it the first administrator")

    def handle(
        self,
        *args: str,
        account: str,
        desk: str | None,
        public_key: str,
        operator: str | None,
        **options: Any,
    ) -> None:
        """Add it, and say whether it is new."""
        with terminal.in_words():
            holder = provisioning.only_one(provisioning.known_accounts(account, desk=desk), account)
            user, actor = _on_behalf_of(operator)
            wallet, is_new = account_keys.add_agent_wallet(
                account=holder,
                public_key=public_key,
                secret=terminal.read_secret(f"Secret key of the agent wallet for {holder}"),
                user=user,
                actor=actor,
            )
        self.stdout.write(terminal.added(f"Agent wallet {wallet} of {holder}", is_new))


def _on_behalf_of(operator: str | None) -> "tuple[User, log.Actor]":
    """Find who adds the agent wallet, and say how the log names them."""
    if operator is None:
        return _administrator(), log.Actor(operator_name="(command line)")
    user = terminal.operator_named(operator)
    return user, terminal.actor_of(user)


def _administrator() -> "User":
    administrators = get_user_model().objects.filter(is_superuser=True, is_active=True)
    user = administrators.order_by("pk").first()
    if user is None:
        raise provisioning.CannotEnrol(
            "Say who adds it with --operator, or add an administrator first: add_administrator."
        )
    return user

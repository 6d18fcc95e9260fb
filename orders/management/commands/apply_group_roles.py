"""Give everybody now the roles that their groups have on each desk, as at their next sign-in.

The groups are those that the sign-in service told when each of them signed in last.
"""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser

from desk.single_sign_on import SingleSignOn
from orders.access.single_sign_on import provider
from orders.access.single_sign_on.claims import Refused
from orders.accounts import group_roles
from orders.accounts.provisioning import COMMAND_LINE
from orders.management import terminal
from orders.models import Identity


class Command(terminal.DeskCommand):
    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
        parser.add_argument("--person", help="this one alone")
        groups = 'with --person: their groups from now on, as JSON: \'["a", "b"]\''
        parser.add_argument("--groups", help=groups)

    def handle(
        self, *, dry_run: bool, person: str | None, groups: str | None, **options: Any
    ) -> None:
        told = _groups(groups) if groups is not None else None
        if told is not None and person is None:
            raise CommandError("Say with --person whose groups these are.")
        try:
            there = provider.chosen()
        except Refused as refused:
            raise CommandError(str(refused)) from None
        with terminal.in_words():
            if missing := group_roles.unknown_desks(there):
                self.stderr.write(f"SSO_ROLES_FILE names desks that are not there: {missing}")
            if told is not None and not dry_run:
                _of(there, person).update(groups=told)
            said = list(self._said(there, person, told, is_only_said=dry_run))
        self.stdout.write("\n".join(said) if said else "Every role is as the groups say.")

    def _said(
        self, there: SingleSignOn, person: str | None, told: list[str] | None, *, is_only_said: bool
    ) -> list[str]:
        said = []
        for identity in _of(there, person).select_related("user").order_by("user__username"):
            groups = identity.groups if told is None else told
            act = group_roles.preview if is_only_said else group_roles.apply
            done = act(person=identity.user, groups=groups, provider=there, actor=COMMAND_LINE)
            said += [f"{identity.user}: {each}" for each in done]
        return said


def _of(there: SingleSignOn, person: str | None) -> Any:
    """Return who signs in by this provider: this one, or all. Raises `CannotEnrol`."""
    identities = Identity.objects.filter(issuer=there.issuer, user__is_active=True)
    if person is None:
        return identities
    user = terminal.operator_named(person)
    if not identities.filter(user=user).exists():
        raise CommandError(f"{person} does not sign in by {there.name}.")
    return identities.filter(user=user)


def _groups(text: str) -> list[str]:
    try:
        groups = json.loads(text)
    except ValueError:
        groups = None
    if not isinstance(groups, list) or not all(isinstance(each, str) for each in groups):
        raise CommandError("--groups must be a list such as '[\"desk heads\"]'.")
    return groups

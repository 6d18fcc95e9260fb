"""Set up what must exist before anyone can cancel: desks, people, accounts. Each act is recorded.

Only the terminal adds them through this module; administrators have forms of their own for them.
The keys that sign for an account are in `account_keys`.
"""

from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from orders.access import four_eyes, names, sessions
from orders.access.denials import refuse
from orders.access.four_eyes import Waits
from orders.accounts import waiting_acts
from orders.audit import log
from orders.keys import sealing
from orders.models import Account, Desk, Event, Membership, Role
from orders.models.accounts import AccountQuerySet
from orders.models.desks import sees_everything

if TYPE_CHECKING:
    from django.contrib.auth.models import User


COMMAND_LINE = log.Actor(operator_name="(command line)")
WHO = "Say who asks with --operator: a second person has to approve this."
NOT_YOURS = "You may not give such a role: only administrators do."
NOT_YOUR_PASSWORD = "Only administrators set another person's password."  # noqa: S105


class CannotEnrol(ValueError):
    """An input cannot be set up; the text says what is wrong. ``field``: the name of the input."""

    def __init__(self, sentence: str, *, field: str | None = None) -> None:
        super().__init__(sentence)
        self.field = field


def desk_named(name: str) -> Desk:
    """Find the desk of this name. Raises `CannotEnrol`."""
    desk = Desk.objects.filter(name=name).first()
    if desk is None:
        raise CannotEnrol(f"There is no desk named {name!r}: add it with add_desk.", field="desk")
    return desk


def accounts_named(
    name: str, *, desk: str | None = None, among: AccountQuerySet | None = None
) -> list[Account]:
    """Return the accounts of this address, else of this name: of one desk, or of all.

    The same address, or name, may stand on several desks. ``among``: which accounts are looked at.
    """
    accounts = Account.objects.all() if among is None else among
    if desk is not None:
        accounts = accounts.filter(desk__name=desk)
    accounts = accounts.select_related("desk").order_by("desk__name")
    return list(accounts.filter(address=name)) or list(accounts.filter(name=name))


def known_accounts(name: str, *, desk: str | None = None) -> list[Account]:
    """Return them as `accounts_named` does. Raises `CannotEnrol` where there is none."""
    on_desk = f" on {desk_named(desk)}" if desk is not None else ""
    accounts = accounts_named(name, desk=desk)
    if not accounts:
        said = f"No account {name!r}{on_desk}: add it with add_account."
        raise CannotEnrol(said, field="account")
    return accounts


def only_one(accounts: list[Account], name: str) -> Account:
    """Return the one account of this name. Raises `CannotEnrol` where several desks have one."""
    if len(accounts) > 1:
        desks = ", ".join(str(account.desk) for account in accounts)
        said = f"{name!r} is on more than one desk ({desks}): say which one with --desk."
        raise CannotEnrol(said, field="account")
    return accounts[0]


@transaction.atomic
def add_desk(*, name: str, actor: log.Actor = COMMAND_LINE) -> tuple[Desk, bool]:
    """Add a desk of this name; return it, and whether it is new."""
    name = _label(name, "desk")
    desk, is_new = Desk.objects.get_or_create(name=name)
    if is_new:
        log.append(log.Fact(Event.DESK_CHANGED, actor, desk=desk, data={"added": name}))
    return desk, is_new


def add_operator(
    *,
    name: str,
    desk: Desk,
    role: str,
    password: str | None = None,
    actor: log.Actor = COMMAND_LINE,
    asker: "User | None" = None,
) -> "tuple[User, str | None]":
    """Give a person a role on a desk; return them, and the role that they had there before.

    That is empty where they had none, and None where the person is new. An existing password stays.
    ``asker``: the administrator who asks for it, where that is told. Raises `CannotEnrol`, and
    `Waits` where a second person has to approve the role: the person is there then, without it.
    """
    if role not in Role.values:
        raise CannotEnrol(f"The role must be one of {', '.join(Role.values)}.", field="role")
    held = Membership.objects.filter(user__username=name, desk=desk).values_list("role", flat=True)
    if waiting_acts.is_raised(role, held.first()) and four_eyes.is_needed(desk):
        asker = _asker(asker, actor)
        person, _ = _person(name, password, actor)
        raise Waits(waiting_acts.ask_role(person, desk, role, user=asker, actor=actor))
    return _given(name, desk, role, password, actor)


def _asker(asker: "User | None", actor: log.Actor) -> "User":
    """Return who asks a second person; only administrators give roles."""
    if asker is None:
        raise CannotEnrol(WHO, field="operator")
    if not sees_everything(asker):
        refuse(actor=actor, what="give a role that waits for a second person", said=NOT_YOURS)
    return asker


@transaction.atomic
def _person(name: str, password: str | None, actor: log.Actor) -> "tuple[User, bool]":
    user, is_new = _user(name, password)
    if is_new:
        log.append(_user_fact(user, actor))
    return user, is_new


@transaction.atomic
def _given(
    name: str, desk: Desk, role: str, password: str | None, actor: log.Actor
) -> "tuple[User, str | None]":
    user, is_new = _user(name, password)
    facts = [_user_fact(user, actor)] if is_new else []
    membership, joined = Membership.objects.get_or_create(
        user=user, desk=desk, defaults={"role": role}
    )
    before = "" if joined else membership.role
    if before not in ("", role):
        membership.role = role
        membership.save(update_fields=["role"])
    if before != role:
        facts.append(membership_fact(membership, actor))
    log.append(*facts)
    return user, None if is_new else before


def add_administrator(
    *,
    name: str,
    password: str | None,
    actor: log.Actor = COMMAND_LINE,
    asker: "User | None" = None,
) -> "tuple[User, bool]":
    """Add a person who runs the app; return them, and whether they are new.

    An existing person stays as they are. Raises `CannotEnrol`, and `Waits` where a second person
    has to approve it: the person is there then, without any right.
    """
    is_known = get_user_model().objects.filter(username=name).exists()
    if not is_known and four_eyes.is_needed():
        asker = _asker(asker, actor)
        person, _ = _person(name, password, actor)
        raise Waits(waiting_acts.ask_state(person, "administrator", user=asker, actor=actor))
    with transaction.atomic():
        user, is_new = _user(name, password, is_superuser=True)
        if is_new:
            log.append(_user_fact(user, actor))
    return user, is_new


def person_named(name: str) -> "User":
    """Find the person of this name, deactivated or not. Raises `CannotEnrol`."""
    user: User | None = get_user_model().objects.filter(username=name).first()
    if user is None:
        raise CannotEnrol(f"There is nobody named {name!r}.", field="name")
    return user


def set_password(
    *, person: "User", password: str, user: "User | None", actor: log.Actor = COMMAND_LINE
) -> None:
    """Give a person a new password and end every session of theirs; the second factor stays.

    ``user``: the administrator who does it, where that is told. Raises `CannotEnrol`, `NotAllowed`.
    """
    if user is not None and not sees_everything(user):
        refuse(actor=actor, what=f"set the password of {person}", said=NOT_YOUR_PASSWORD)
    _hash_password(person, password)  # it takes long: nothing is locked yet
    data = {"user": person.get_username(), "changed": {"password": ["(not shown)", "(not shown)"]}}
    with transaction.atomic():
        person.save(update_fields=["password"])
        sessions.end_all(user=person)
        log.append(log.Fact(Event.USER_CHANGED, actor, data=data))


@transaction.atomic
def add_account(
    *, name: str, desk: Desk, address: str, actor: log.Actor = COMMAND_LINE
) -> tuple[Account, bool]:
    """Add an account to a desk; return it, and whether it is new. Raises `CannotEnrol`."""
    name = _label(name, "account")
    try:
        address = sealing.check_public_key(address, what="address")
    except sealing.BadAgentKey as error:
        raise CannotEnrol(str(error), field="address") from None
    account = Account.objects.filter(desk=desk, address=address).first()
    if account is not None and account.name == name:
        return account, False
    if account is not None:
        raise CannotEnrol(f"{desk} already holds this address, as {account}.", field="address")
    if Account.objects.filter(desk=desk, name=name).exists():
        raise CannotEnrol(f"{desk} already has another account named {name!r}.", field="name")
    account = Account.objects.create(name=name, desk=desk, address=address)
    data = {"added": name, "address": address}
    log.append(log.Fact(Event.ACCOUNT_CHANGED, actor, account=account, data=data))
    return account, True


def membership_fact(
    membership: Membership, actor: log.Actor, *, is_removed: bool = False
) -> log.Fact:
    """Make the record of a membership given, changed or taken away."""
    data = {"user": membership.user.get_username(), "role": "" if is_removed else membership.role}
    return log.Fact(Event.MEMBERSHIP_CHANGED, actor, desk=membership.desk, data=data)


def _user_fact(user: "User", actor: log.Actor) -> log.Fact:
    data = {"added": user.get_username(), "is_administrator": user.is_superuser}
    return log.Fact(Event.USER_CHANGED, actor, data=data)


def _user(name: str, password: str | None, *, is_superuser: bool = False) -> "tuple[User, bool]":
    users = get_user_model()
    user = users.objects.filter(username=name).first()
    if user is not None:
        return user, False
    user = users(username=_label(name, "operator"), is_staff=True, is_superuser=is_superuser)
    try:
        user.full_clean(exclude=["password"])
        names.check(user.get_username())
    except ValidationError as error:
        raise CannotEnrol(" ".join(error.messages), field="name") from None
    _hash_password(user, password or "")
    user.save()
    return user, True


def _hash_password(person: "User", password: str) -> None:
    """Put it into the row, which is not saved. Raises `CannotEnrol` where it breaks a rule."""
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise CannotEnrol(" ".join(error.messages), field="password") from None
    person.set_password(password)


def _label(text: str, what: str) -> str:
    """Return a name without the space around it. Raises `CannotEnrol`."""
    text = (text or "").strip()
    if not text or len(text) > 80 or not text.isprintable():
        raise CannotEnrol(f"The {what}'s name must be 1 to 80 printable characters.", field="name")
    return text

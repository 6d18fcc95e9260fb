"""Set up what must exist before anyone can cancel: desks, people, accounts, agent wallets.

Each act is recorded.

People manage keys on pages, so their rights are checked here. Only the terminal adds desks, people
and accounts through this module; administrators have forms of their own for them.
"""

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from orders.access import four_eyes
from orders.access.denials import refuse
from orders.access.four_eyes import Waits
from orders.accounts import waiting_acts
from orders.audit import log
from orders.keys import sealing
from orders.models import (
    Account,
    AgentWallet,
    Desk,
    Event,
    Membership,
    Role,
    SealedApiConfigKey,
)
from orders.models.desks import sees_everything

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from orders.models.desks import Person


COMMAND_LINE = log.Actor(operator_name="(command line)")
WHO = "Say who asks with --operator: a second person has to approve this."
NOT_YOURS = "You may not manage the keys of such an account."


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


def account_named(name: str) -> Account:
    """Find the account of this name or address. Raises `CannotEnrol`."""
    named = Account.objects.filter(name=name) | Account.objects.filter(address=name)
    accounts = list(named.select_related("desk").distinct()[:2])
    if not accounts:
        raise CannotEnrol(f"No account {name!r}: add it with add_account.", field="account")
    if len(accounts) > 1:
        raise CannotEnrol(f"{name!r} is on more than one desk: give the address.", field="account")
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
) -> "tuple[User, bool]":
    """Give a person a role on a desk; return them, and whether they are new.

    An existing password stays. ``asker``: the administrator who asks for it, where that is told.
    Raises `CannotEnrol`, and `Waits` where a second person has to approve the role: the person is
    there then, without it.
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
    _demand(sees_everything(asker), actor, "give a role that waits for a second person")
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
) -> "tuple[User, bool]":
    user, is_new = _user(name, password)
    facts = [_user_fact(user, actor)] if is_new else []
    membership, joined = Membership.objects.get_or_create(
        user=user, desk=desk, defaults={"role": role}
    )
    if not joined and membership.role != role:
        membership.role, joined = role, True
        membership.save(update_fields=["role"])
    if joined:
        facts.append(membership_fact(membership, actor))
    log.append(*facts)
    return user, is_new


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


def add_agent_wallet(
    *, account: Account, public_key: str, secret: str, user: "Person", actor: log.Actor
) -> tuple[AgentWallet, bool]:
    """Seal and keep an agent wallet's secret; return the wallet, and whether it is new.

    Raises `BadAgentKey`, `NotAllowed`, and `Waits` where a second person has to approve it. The
    ``secret`` is never stored in clear, recorded or repeated.
    """
    _demand_agents(user, actor, account, f"add an agent wallet to account {account.pk}")
    _hold_wallet(account, public_key, secret, user, actor)
    assert user.pk is not None  # nobody anonymous may manage agent wallets
    return _take_in(account, public_key, secret, user.pk, actor)


def _hold_wallet(
    account: Account, public_key: str, secret: str, user: "Person", actor: log.Actor
) -> None:
    """Keep its key sealed, and raise `Waits`, where it waits for a second person."""
    public_key = sealing.check_public_key(public_key, what="agent wallet's public key")
    raw = sealing.read_secret(secret, public_key=public_key, account=account.address)
    _refuse_shared(public_key, account)
    if account.agent_wallets.filter(public_key=public_key, is_active=True).exists():
        return  # nothing is added
    sealed = sealing.seal(AgentWallet(account=account, public_key=public_key), raw)
    waiting_acts.hold_agent_wallet(account, public_key, sealed, user, actor)


@transaction.atomic
def _take_in(
    account: Account, public_key: str, secret: str, user_id: int, actor: log.Actor
) -> tuple[AgentWallet, bool]:
    public_key = sealing.check_public_key(public_key, what="agent wallet's public key")
    raw = sealing.read_secret(secret, public_key=public_key, account=account.address)
    _refuse_shared(public_key, account)
    wallet = account.agent_wallets.filter(public_key=public_key).first()
    if wallet is not None and wallet.is_active:
        return wallet, False
    if wallet is None:
        wallet = AgentWallet.objects.create(
            account=account, public_key=public_key, created_by_id=user_id
        )
        sealing.seal(wallet, raw).save()
    else:
        AgentWallet.objects.filter(pk=wallet.pk).update(is_active=True)
        sealing.seal(wallet, raw).save()
    log.append(_wallet_fact(Event.AGENT_WALLET_ADDED, wallet, actor))
    return wallet, True


def disable_agent_wallet(*, wallet: AgentWallet, user: "Person", actor: log.Actor) -> bool:
    """Stop signing with this agent wallet before the next send; return whether it was active."""
    _demand_agents(user, actor, wallet.account, f"disable agent wallet {wallet.pk}")
    return _switch(wallet, actor, Event.AGENT_WALLET_DISABLED, is_active=False)


def enable_agent_wallet(*, wallet: AgentWallet, user: "Person", actor: log.Actor) -> bool:
    """Sign with this agent wallet again; return whether it was disabled.

    Raises `NotAllowed`, and `Waits` where a second person has to approve it.
    """
    _demand_agents(user, actor, wallet.account, f"enable agent wallet {wallet.pk}")
    if not wallet.is_active:
        waiting_acts.hold_agent_wallet(wallet.account, wallet.public_key, None, user, actor)
    return _switch(wallet, actor, Event.AGENT_WALLET_ENABLED, is_active=True)


@transaction.atomic
def _switch(wallet: AgentWallet, actor: log.Actor, event: Event, *, is_active: bool) -> bool:
    same = AgentWallet.objects.filter(pk=wallet.pk, is_active=not is_active)
    if not same.update(is_active=is_active):
        return False
    log.append(_wallet_fact(event, wallet, actor))
    return True


def set_api_config_key(
    *, account: Account, api_config_key: str, user: "Person", actor: log.Actor
) -> None:
    """Keep an account's API config key, sealed, in place of any other; administrators only.

    The key is never stored in clear, recorded or repeated; the log names it by its beginning.
    Raises `BadAgentKey`, `NotAllowed`, and `Waits` where a second person has to approve it.
    """
    _demand(sees_everything(user), actor, f"set the API config key of account {account.pk}")
    sealed = sealing.seal_api_config_key(account, api_config_key)
    waiting_acts.hold_api_config_key(account, sealed, user, actor)
    with transaction.atomic():
        sealed.save()
        log.append(_api_config_key_fact(account, actor, {"set": sealed.hint}))


def remove_api_config_key(*, account: Account, user: "Person", actor: log.Actor) -> bool:
    """Forget an account's API config key; return whether there was one. Administrators only."""
    _demand(sees_everything(user), actor, f"remove the API config key of account {account.pk}")
    with transaction.atomic():
        if not SealedApiConfigKey.objects.filter(account=account).delete()[0]:
            return False
        log.append(_api_config_key_fact(account, actor, {"removed": True}))
    return True


def _demand_agents(user: "Person", actor: log.Actor, account: Account, what: str) -> None:
    """Raise `NotAllowed`, and record that, unless the person may manage this account's wallets."""
    _demand(Account.objects.managed_by(user).filter(pk=account.pk).exists(), actor, what)


def _demand(is_allowed: bool, actor: log.Actor, what: str) -> None:
    if not is_allowed:
        refuse(actor=actor, what=what, said=NOT_YOURS)


def membership_fact(
    membership: Membership, actor: log.Actor, *, is_removed: bool = False
) -> log.Fact:
    """Make the record of a membership given, changed or taken away."""
    data = {"user": membership.user.get_username(), "role": "" if is_removed else membership.role}
    return log.Fact(Event.MEMBERSHIP_CHANGED, actor, desk=membership.desk, data=data)


def _wallet_fact(event: Event, wallet: AgentWallet, actor: log.Actor) -> log.Fact:
    return log.Fact(event, actor, account=wallet.account, data={"public_key": wallet.public_key})


def _api_config_key_fact(account: Account, actor: log.Actor, data: dict[str, Any]) -> log.Fact:
    return log.Fact(Event.API_CONFIG_KEY_CHANGED, actor, account=account, data=data)


def _user_fact(user: "User", actor: log.Actor) -> log.Fact:
    data = {"added": user.get_username(), "is_administrator": user.is_superuser}
    return log.Fact(Event.USER_CHANGED, actor, data=data)


def _refuse_shared(public_key: str, account: Account) -> None:
    """Refuse an agent wallet of another account.

    The exchange does not bind a signature to an account, so two accounts never share a key.
    """
    same_key = AgentWallet.objects.filter(public_key=public_key)
    if same_key.exclude(account__address=account.address).exists():
        raise sealing.BadAgentKey(
            "This agent wallet already signs for another account. Give each account its own."
        )


def _user(name: str, password: str | None, *, is_superuser: bool = False) -> "tuple[User, bool]":
    users = get_user_model()
    user = users.objects.filter(username=name).first()
    if user is not None:
        return user, False
    user = users(username=_label(name, "operator"), is_staff=True, is_superuser=is_superuser)
    try:
        user.full_clean(exclude=["password"])
        validate_password(password or "", user)
    except ValidationError as error:
        raise CannotEnrol(" ".join(error.messages), field="password") from None
    user.set_password(password)
    user.save()
    return user, True


def _label(text: str, what: str) -> str:
    """Return a name without the space around it. Raises `CannotEnrol`."""
    text = (text or "").strip()
    if not text or len(text) > 80 or not text.isprintable():
        raise CannotEnrol(f"The {what}'s name must be 1 to 80 printable characters.", field="name")
    return text

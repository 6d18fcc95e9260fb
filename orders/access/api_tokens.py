"""Make and end the tokens of the API. A secret is shown once and kept as a hash."""

import hashlib
import re
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.db.models.signals import post_delete, post_save
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from orders.access.denials import refuse
from orders.audit import log, reasons
from orders.audit.hashing import moment
from orders.models import ApiToken, Desk, Event, Membership, Right, TokenRight
from orders.models.api_tokens import MAX_NETWORKS, ApiTokenQuerySet
from orders.models.desks import roles_with, sees_everything
from orders.models.prepared import Prepared

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from orders.models.desks import Person

PREFIX = "pacifica_desk_"  # by which secret scanners know one: the prefix and 64 hex digits
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
LONGEST = timedelta(days=366)
NO_DESK = "There is no such desk, or its tokens are not yours to make."
NO_RIGHT = "Tick what it may do."
NO_TOKEN = "There is no such token among your desks' tokens."  # noqa: S105 no password


_roles = Prepared(
    lambda user_id, desk_id: Membership.objects.filter(
        user_id=user_id, desk_id=desk_id
    ).values_list("role", flat=True),
    user_id=(1, 2),
    desk_id=(3, 4),
)


class CannotMake(ValueError):
    """No token can be made like this. The text says why; ``field`` names the input."""

    def __init__(self, sentence: str, *, field: str) -> None:
        super().__init__(sentence)
        self.field = field


@sensitive_variables("secret")
def make(
    *,
    user: "User",
    actor: log.Actor,
    desk_id: int,
    name: str,
    rights: Collection[str],
    networks: str = "",
    expires_at: datetime,
) -> tuple[ApiToken, str]:
    """Make a token and return it with its secret, which nobody can read again.

    Raises `NotAllowed`, or `CannotMake` with a sentence.
    """
    desk = Desk.objects.allowing(user, Right.TOKENS).filter(pk=desk_id).first()
    if desk is None:
        refuse(actor=actor, what=f"make an API token of desk {desk_id}", said=NO_DESK)
    secret, now = PREFIX + secrets.token_hex(32), timezone.now()
    token = ApiToken(desk=desk, made_by=user, made_at=now, expires_at=expires_at)
    token.name, token.networks = _checked_name(name), checked_networks(networks)
    token.rights = _checked_rights(rights)
    if not now < expires_at <= now + LONGEST:
        raise CannotMake("It must end within a year from now.", field="expires_at")
    token.hint, token.secret_sha256 = secret.removeprefix(PREFIX)[:6], hash_of(secret)
    _insert(token, actor)
    return token, secret


def _insert(token: ApiToken, actor: log.Actor) -> None:
    try:
        with transaction.atomic():
            token.save()
            log.append(_fact(Event.TOKEN_MADE, token, actor, **_about(token)))
    except IntegrityError:
        raise CannotMake(
            "This desk had a token of that name: take another.", field="name"
        ) from None


def managed(user: "Person") -> ApiTokenQuerySet:
    """Return the tokens that this person may see and end."""
    tokens = ApiToken.objects.all()
    return tokens if sees_everything(user) else tokens.allowing(user, Right.TOKENS)


def end(*, user: "Person", actor: log.Actor, token_id: int, reason: str) -> str:
    """End a token at once; heads of its desk and administrators may. Returns a sentence.

    Raises `NotAllowed`, or `CannotMake` where the reason is missing.
    """
    token = managed(user).filter(pk=token_id).select_related("desk", "made_by").first()
    if token is None:
        refuse(actor=actor, what=f"end API token {token_id}", said=NO_TOKEN)
    if len(reasons.seen(reason := reasons.one_line(reason))) < reasons.MIN_REASON:
        raise CannotMake(reasons.SAY_WHY, field="reason")
    if not _end(token, actor, reason):
        return f"{token.name} was ended before."
    return f"{token.name} is ended: no program comes in by it any more."


def _end(token: ApiToken, actor: log.Actor, reason: str) -> bool:
    """End it unless it is; the record says who did it, or why it ended by itself."""
    with transaction.atomic():
        values = {"ended_by_id": actor.operator_id, "end_reason": reason}
        living = ApiToken.objects.living().filter(pk=token.pk)
        if not living.update(ended_at=timezone.now(), **values):
            return False
        log.append(_fact(Event.TOKEN_ENDED, token, actor, reason=reason))
    return True


def end_if_lost(token: ApiToken) -> bool:
    """End a token whose maker was deactivated or is no head of its desk; return whether so."""
    roles = _roles(user_id=token.made_by_id, desk_id=token.desk_id)
    if token.made_by.is_active and not set(roles_with(Right.TOKENS)).isdisjoint(roles):
        return False
    maker = token.made_by.get_username()
    _end(token, log.Actor(), f"{maker} is no desk head of {token.desk} any more")
    return True


def connect() -> None:
    """End tokens as soon as a person is deactivated, or a desk has another head."""
    post_save.connect(_person_saved, settings.AUTH_USER_MODEL, dispatch_uid="tokens_of_person")
    for signal in (post_save, post_delete):
        signal.connect(_membership_changed, Membership, dispatch_uid=f"tokens_{id(signal)}")


def _person_saved(sender: type["User"], instance: "User", **kwargs: Any) -> None:
    if not instance.is_active:
        _end_lost(Q(made_by_id=instance.pk))


def _membership_changed(sender: type[Membership], instance: Membership, **kwargs: Any) -> None:
    is_gone = kwargs.get("signal") is post_delete
    if is_gone or instance.role not in roles_with(Right.TOKENS):
        _end_lost(Q(made_by_id=instance.user_id, desk_id=instance.desk_id))


def _end_lost(which: Q) -> None:
    for token in ApiToken.objects.living().filter(which).select_related("desk", "made_by"):
        end_if_lost(token)


def hash_of(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


def _checked_name(name: str) -> str:
    if NAME.fullmatch(name.strip()) is None:
        said = "A name has 1 to 60 letters, digits, dots, dashes or underscores, such as quoter-1."
        raise CannotMake(said, field="name")
    return name.strip()


def _checked_rights(rights: Collection[str]) -> str:
    held = [right for right in TokenRight.values if right in set(rights)]
    if not held or len(held) < len(set(rights)):
        raise CannotMake(NO_RIGHT, field="rights")
    return " ".join(held)


def checked_networks(text: str) -> str:
    """Return networks as they are kept, a blank between; raise `CannotMake` for what is none."""
    try:
        kept = " ".join(str(ip_network(each)) for each in text.replace(",", " ").split())
    except ValueError:
        said = "Write networks as 10.1.2.0/24 or 10.1.2.3, with blanks or commas between."
        raise CannotMake(said, field="networks") from None
    if len(kept) > MAX_NETWORKS:
        raise CannotMake("These are too many networks for one token.", field="networks")
    return kept


def _about(token: ApiToken) -> dict[str, Any]:
    return {
        "rights": token.rights.split(),
        "networks": token.networks.split(),
        "expires_at": moment(token.expires_at),
    }


def _fact(event: Event, token: ApiToken, actor: log.Actor, **data: Any) -> log.Fact:
    about = {"name": token.name, "maker": token.made_by.get_username()}
    return log.Fact(event, actor, desk=token.desk, data=about | data)

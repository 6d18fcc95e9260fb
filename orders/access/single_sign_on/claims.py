"""What a verified token says of a person, read field by field: nothing in it has a certain type."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError

from desk.single_sign_on import SingleSignOn
from orders.models.identities import MAX_GROUPS, MAX_SUBJECT

MAX_GROUP = 500  # characters
MAX_NAME = 150


class Refused(Exception):
    """The provider's answer signs nobody in. The text says why and what to do, for the person."""


@dataclass(frozen=True, kw_only=True)
class Claims:
    """``name``: a name that could be a person's here, or nothing. ``auth_time``: when the person
    proved to the provider who they are, in seconds since 1970; None where it does not say.
    ``lacks_groups``: groups give roles here, and the provider told of none, not even an empty list.
    """

    issuer: str
    subject: str
    name: str
    groups: tuple[str, ...]
    lacks_groups: bool
    has_second_factor: bool
    auth_time: int | None


def read(told: Mapping[str, Any], provider: SingleSignOn) -> Claims:
    """Read what a verified token and the provider's page about the person say. Raises `Refused`."""
    acr, amr = told.get("acr"), told.get("amr")
    factors = {acr} if isinstance(acr, str) else set()
    methods = {one for one in amr if isinstance(one, str)} if isinstance(amr, list) else set()
    return Claims(
        issuer=provider.issuer,
        subject=_subject(told.get("sub")),
        name=_name(told, provider),
        groups=_groups(told, provider),
        lacks_groups=bool(provider.roles) and _claim(told, provider.groups_claim) is None,
        has_second_factor=bool(factors & set(provider.acr) or methods & set(provider.amr)),
        auth_time=_seconds(told.get("auth_time")),
    )


def has_all(told: Mapping[str, Any], provider: SingleSignOn) -> bool:
    """Whether a token alone says all that is asked of it, so that nothing more need be fetched."""
    has_name = any(told.get(claim) for claim in provider.name_claims)
    has_groups = _claim(told, provider.groups_claim) is not None or not provider.roles
    return has_name and has_groups


def _claim(told: Mapping[str, Any], name: str) -> Any:
    """Return the claim of this name; else *a.b* is what the object *a* says of *b*."""
    if name in told:
        return told[name]
    found: Any = told
    for part in name.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _seconds(moment: Any) -> int | None:
    is_time = isinstance(moment, int | float) and not isinstance(moment, bool)
    return int(moment) if is_time and abs(moment) < 1e12 else None


def is_subject(subject: Any) -> bool:
    """Whether this may be who somebody is at a provider: a printable text of a certain length."""
    is_sound = isinstance(subject, str) and 0 < len(subject) <= MAX_SUBJECT
    return is_sound and subject.isprintable()


def _subject(subject: Any) -> str:
    if not is_subject(subject):
        raise Refused(
            "The sign-in service did not say who you are (sub). Tell an administrator: its "
            "settings for this site are incomplete."
        )
    return str(subject)


def _name(told: Mapping[str, Any], provider: SingleSignOn) -> str:
    """Return the first claim that could be a person's name here; nothing where none could."""
    is_name = UnicodeUsernameValidator()
    for claim in provider.name_claims:
        name = told.get(claim)
        if isinstance(name, str) and 0 < len(name) <= MAX_NAME:
            name = get_user_model().normalize_username(name)
            try:
                is_name(name)
            except ValidationError:
                continue
            if len(name) <= MAX_NAME:
                return name
    return ""


def _groups(told: Mapping[str, Any], provider: SingleSignOn) -> tuple[str, ...]:
    """Return the groups; *none* and *not told* differ. Raises `Refused` for the second.

    A role that a group gives would else be taken from whoever has too many groups.
    """
    if not provider.roles:
        return ()
    claim = provider.groups_claim
    groups = _claim(told, claim)
    if groups is None and _is_elsewhere(told, claim):
        raise Refused(
            f"The sign-in service did not list your groups, because they are too many ({claim}). "
            "Nothing is changed. Have an administrator of that service tell this site only the "
            "groups that are given to it, or app roles in their place (SSO_GROUPS_CLAIM=roles)."
        )
    if isinstance(groups, str):
        groups = [groups]
    if not isinstance(groups, list | tuple | None):
        raise Refused(f"The sign-in service told your groups in a form nobody knows ({claim}).")
    sound = (one for one in groups or () if isinstance(one, str) and 0 < len(one) <= MAX_GROUP)
    found = tuple(dict.fromkeys(sound))
    if len(found) > MAX_GROUPS:
        raise Refused(f"The sign-in service told {len(found)} groups ({claim}): too many to keep.")
    return found


def _is_elsewhere(told: Mapping[str, Any], claim: str) -> bool:
    """Whether the token says that there are groups, and not which: Entra ID does, above 200."""
    names, has = told.get("_claim_names"), told.get("hasgroups")
    has_groups = claim == "groups" and has in (True, "true")
    return has_groups or (isinstance(names, dict) and claim in names)

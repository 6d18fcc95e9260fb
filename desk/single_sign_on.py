"""Who signs people in beside the site: the settings of one OpenID Connect provider."""

import json
import unicodedata
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from desk.setting_values import address, is_loopback, listed, path, secret, text, wrong, yes_or_no

NEEDS_ISSUER = (
    *("SSO_CLIENT_ID", "SSO_CLIENT_SECRET", "SSO_CLIENT_SECRET_FILE", "SSO_NAME", "SSO_NAME_CLAIM"),
    *("SSO_GROUPS_CLAIM", "SSO_SCOPES", "SSO_ROLES_FILE", "SSO_SECOND_FACTOR_ACR"),
    *("SSO_SECOND_FACTOR_AMR", "SSO_CA_FILE", "SSO_ONLY", "SSO_EMERGENCY_ADMINISTRATOR"),
)
ROLES = ("head", "operator", "auditor", "viewer")  # where groups give two, the first one counts
MAX_ROLES_FILE = 1_000_000  # bytes
EXAMPLE = '{"group": {"desk": "operator"}}'


@dataclass(frozen=True, kw_only=True, eq=False)
class SingleSignOn:
    """One provider. ``issuer``: exactly as it names itself; ``name``: what people call it.

    ``name_claims``: the first of them that is a name becomes the person's. ``roles``: by group,
    then by desk. ``acr``, ``amr``: what in a token means that the provider asked for a second
    factor; empty: nothing does. ``is_only``: passwords are off, but for one administrator's.
    """

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    name: str
    name_claims: tuple[str, ...]
    groups_claim: str
    scopes: tuple[str, ...]
    roles: dict[str, dict[str, str]]
    acr: tuple[str, ...]
    amr: tuple[str, ...]
    ca_file: str
    is_only: bool
    emergency_administrator: str

    @property
    def desks(self) -> set[str]:
        """The desks whose members come from groups."""
        return {desk for given in self.roles.values() for desk in given}


def read() -> SingleSignOn | None:
    """Return the provider that is set, or None. A wrong setting stops with its name."""
    issuer = address("SSO_ISSUER", "", "https", "http")
    values = {name: text(name) for name in NEEDS_ISSUER}
    if not issuer:
        for name in (name for name, value in values.items() if value):
            wrong("SSO_ISSUER", f"is not set, and {name} says something about it.")
        return None
    if not (issuer.startswith("https://") or is_loopback(issuer)):
        wrong("SSO_ISSUER", "must start with https://.")
    is_only, emergency = yes_or_no("SSO_ONLY", False), values["SSO_EMERGENCY_ADMINISTRATOR"]
    if is_only and not emergency:
        wrong(
            "SSO_EMERGENCY_ADMINISTRATOR",
            "is not set: name the administrator whose password still works when the provider does "
            "not.",
        )
    if not values["SSO_CLIENT_ID"]:
        wrong("SSO_CLIENT_ID", "is not set: the provider gives it when the site is registered.")
    return SingleSignOn(
        issuer=issuer,
        client_id=values["SSO_CLIENT_ID"],
        client_secret=secret("SSO_CLIENT_SECRET"),
        name=values["SSO_NAME"] or urlsplit(issuer).hostname or "",
        name_claims=tuple(listed("SSO_NAME_CLAIM", ("preferred_username", "email"))),
        groups_claim=text("SSO_GROUPS_CLAIM", "groups"),
        scopes=_scopes(),
        roles=_roles(),
        acr=tuple(listed("SSO_SECOND_FACTOR_ACR")),
        amr=tuple(listed("SSO_SECOND_FACTOR_AMR")),
        ca_file=_ca_file(),
        is_only=is_only,
        emergency_administrator=unicodedata.normalize("NFKC", emergency),  # as names are kept
    )


def _scopes() -> tuple[str, ...]:
    scopes = tuple(listed("SSO_SCOPES", ("openid", "profile", "email")))
    if "openid" not in scopes:
        wrong("SSO_SCOPES", "must name openid: without it the provider says nothing of a person.")
    return scopes


def _ca_file() -> str:
    if not text("SSO_CA_FILE"):
        return ""
    file = path("SSO_CA_FILE", "")
    if not file.is_file():
        wrong("SSO_CA_FILE", "there is no such file.")
    return str(file)


def _roles() -> dict[str, dict[str, str]]:
    """Read the file that says which group is what on which desk."""
    name = "SSO_ROLES_FILE"
    if not text(name):
        return {}
    try:
        raw = path(name, "").read_bytes()
    except OSError as error:
        wrong(name, f"cannot be read ({error.strerror}).")
    if len(raw) > MAX_ROLES_FILE:
        wrong(name, f"is larger than {MAX_ROLES_FILE:,} bytes.")
    try:
        roles = json.loads(raw, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        wrong(name, f"is no JSON such as {EXAMPLE}: {error}.")
    if not isinstance(roles, dict):
        wrong(name, f"must be an object such as {EXAMPLE}.")
    for group, given in roles.items():
        if not isinstance(given, dict):
            wrong(name, f"group {group!r}: must be an object from desk to role.")
        for desk, role in given.items():
            if role not in ROLES:
                wrong(name, f"group {group!r}, desk {desk!r}: the role must be {_any(ROLES)}.")
    return roles


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse a name that stands twice: JSON readers take the last one without a word."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} stands twice")
    return found


def _any(words: tuple[str, ...]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"

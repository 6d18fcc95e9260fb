"""The provider: where it sends people, and what its answer is worth. The only door to Authlib.

Authlib walks OpenID Connect's code flow with PKCE, state and nonce, and verifies signature, times,
nonce, authorized party and the hash of the access token. It leaves to its caller (1.9.10, read in
its source): the audience; whether the provider calls itself what was set; which algorithms may
sign; an age of zero; time-outs. This module adds these.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.django_client import DjangoOAuth2App
from authlib.integrations.django_client.integration import DjangoIntegration
from authlib.integrations.requests_client import OAuth2Session
from django.conf import settings
from django.http import HttpRequest
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError

from desk.setting_values import is_loopback
from desk.single_sign_on import SingleSignOn
from orders.access.single_sign_on import claims
from orders.access.single_sign_on.claims import Claims, Refused

TIME_OUT_S = (5, 10)  # to connect, and between two bytes
DISCOVERY = "/.well-known/openid-configuration"
ALGORITHMS = {  # no shared secret, and never none
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
}
ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
TOLD = ("issuer", "userinfo_endpoint", "id_token_signing_alg_values_supported")


class Unreachable(Refused):
    """The provider does not answer, or not in a way that can be read."""


class _Session(OAuth2Session):  # type: ignore[misc]  # Authlib tells no types
    """Authlib's session with the house's certificate authorities, and without redirects."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs, default_timeout=TIME_OUT_S)
        self.max_redirects = 0
        self.verify = chosen().ca_file or True


def chosen() -> SingleSignOn:
    """Return the provider that is set. Raises `Refused` where none is."""
    provider = settings.SINGLE_SIGN_ON
    if provider is None:
        raise Refused("Single sign-on is not set up here.")
    assert isinstance(provider, SingleSignOn)
    return provider


def _app(provider: SingleSignOn) -> DjangoOAuth2App:
    """Return Authlib's client, with what the provider says of itself now.

    It is asked each time: who presses the button while it is down reads so, and is not sent there.
    """
    metadata, how = _metadata(provider), {}
    methods = metadata.get("token_endpoint_auth_methods_supported")
    if provider.client_secret and methods and "client_secret_basic" not in methods:
        how["token_endpoint_auth_method"] = "client_secret_post"  # noqa: S105
    app = DjangoOAuth2App(
        DjangoIntegration("desk"),
        "desk",
        client_id=provider.client_id,
        client_secret=provider.client_secret or None,
        client_kwargs={
            "scope": " ".join(provider.scopes),
            "code_challenge_method": "S256",
            **how,
        },
        **{name: metadata[name] for name in (*ENDPOINTS, *TOLD) if name in metadata},
    )
    app.client_cls = _Session
    return app


def _metadata(provider: SingleSignOn) -> dict[str, Any]:
    with _Session() as session:
        url = provider.issuer.rstrip("/") + DISCOVERY
        response = session.request("GET", url, withhold_token=True)
        response.raise_for_status()
        metadata: dict[str, Any] = {**response.json()}
    if fault := _fault(metadata, provider):
        raise Unreachable(f"{fault} Tell an administrator.")
    offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
    metadata["id_token_signing_alg_values_supported"] = [a for a in offered if a in ALGORITHMS]
    return metadata


def name() -> str:
    """Return what people call the provider."""
    return chosen().name


def sent(request: HttpRequest, *, back_to: str, is_to_prove: bool) -> tuple[str, str]:
    """Return where the browser goes, and the state that it brings back; keep what belongs to it.

    ``is_to_prove``: the person has to sign in there anew. Raises `Refused`.
    """
    provider = chosen()
    how: dict[str, Any] = {"prompt": "login", "max_age": 0} if is_to_prove else {}
    if provider.acr:
        how["acr_values"] = " ".join(provider.acr)
    with _told():
        app = _app(provider)
        made = app.create_authorization_url(back_to, **how)
        app.save_authorize_data(request, redirect_uri=back_to, **made)
    return str(made["url"]), str(made["state"])


def answered(request: HttpRequest) -> Claims:
    """Exchange what the browser brought back for what the provider says. Raises `Refused`."""
    provider = chosen()
    if error := request.POST.get("error"):
        raise Refused(f"{provider.name} did not sign you in ({_word(error)}).")
    with _told():
        app = _app(provider)
        token = app.authorize_access_token(request, claims_options=_options(provider))
        told = token.get("userinfo")
        if not told:
            raise Refused(f"{provider.name} answered without saying who you are (id_token).")
        return claims.read(_whole(app, token, told, provider), provider)


def look(provider: SingleSignOn) -> None:
    """Ask the provider what it says of itself, and for its keys. Raises `Refused`."""
    with _told():
        _app(provider).fetch_jwk_set()


def _options(provider: SingleSignOn) -> dict[str, Any]:
    return {
        "iss": {"essential": True, "value": provider.issuer},
        "aud": {"essential": True, "value": provider.client_id},
    }


def _fault(metadata: Mapping[str, Any], provider: SingleSignOn) -> str:
    """Say what is wrong with what the provider says of itself; nothing where it is sound."""
    if metadata.get("issuer") != provider.issuer:
        named = str(metadata.get("issuer"))[:200]
        return f"The sign-in service calls itself {named!r}, and SSO_ISSUER says otherwise."
    page = ("userinfo_endpoint",) if "userinfo_endpoint" in metadata else ()
    for name in (*ENDPOINTS, *page):
        url = metadata.get(name)
        is_sound = isinstance(url, str) and (url.startswith("https://") or is_loopback(url))
        if not is_sound:
            return f"The sign-in service has no address over HTTPS as its {name}."
    return ""


def _whole(
    app: DjangoOAuth2App, token: dict[str, Any], told: Mapping[str, Any], provider: SingleSignOn
) -> Mapping[str, Any]:
    """Return what the token says, and what the provider's page about the person adds to it."""
    page = app.server_metadata.get("userinfo_endpoint")
    if claims.has_all(told, provider) or not page:
        return told
    more = app.userinfo(token=token)
    if more.get("sub") != told.get("sub"):
        raise Refused(f"{provider.name} told of two people in one answer: you are not signed in.")
    return {**more, **told}


@contextmanager
def _told() -> Iterator[None]:
    """Turn whatever befalls an exchange with the provider into a sentence for the person."""
    try:
        yield
    except Refused:
        raise
    except Exception as error:
        refusal = _refusal(chosen().name, error)
        if refusal is None:
            raise
        raise refusal from None


def _refusal(name: str, error: Exception) -> Refused | None:
    """Say what an error means, in the person's words; None where it is an error of ours."""
    match error:
        case ExpiredTokenError():
            return Refused(f"{name} answered with a token that is over. Is a clock wrong?")
        case InvalidClaimError() | MissingClaimError():
            return Refused(
                f"{name} answered with a token that is not for this sign-in "
                f"({_word(error.claim)}). Begin again; if it stays, tell an administrator."
            )
        case JoseError():
            return Refused(f"{name} answered with a token that is not its own ({error.error}).")
        case AuthlibBaseError():
            return Refused(f"{name} did not take the sign-in ({_word(error.error)}). Begin again.")
        case ValueError() | TypeError() | KeyError() | AttributeError() | RuntimeError():
            return Unreachable(f"{name} answered what cannot be read ({type(error).__name__}).")
        case OSError():  # as all of requests' own are
            return Unreachable(
                f"{name} does not answer ({type(error).__name__}). Try again in a minute. A panic "
                "needs no sign-in: manage.py panic, on the desk's own machine."
            )
    return None


def _word(text: Any) -> str:
    """One of the provider's words, if it is one: it comes through the browser."""
    word = str(text)[:60]
    return word if word.replace("_", "").replace(".", "").isalnum() else "no reason given"

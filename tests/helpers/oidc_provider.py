"""An OpenID Connect provider that says what a test wants it to say, right or wrong."""

import base64
import hashlib
import json
import secrets
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, parse_qsl, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from desk.single_sign_on import SingleSignOn

CLIENT, SECRET = "desk", "not-a-secret-of-anyone"
KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})


class Provider:
    """``person``: claims of whoever signs in next. ``token``: claims over what is right.

    ``metadata``: the same for what it says of itself; ``answers``: a path's status and body.
    ``header``, ``key``: how tokens are signed. ``page``: the person's page, if not the claims.
    """

    def __init__(self, url):
        self.url, self.issuer = url, url
        self.person = {"sub": "248289761001", "preferred_username": "jane.doe", "groups": []}
        self.token, self.metadata, self.answers, self.page = {}, {}, {}, None
        self.header, self.key = {"alg": "RS256", "kid": "one"}, KEY
        self.asked, self.forms, self._codes = [], [], {}

    def signs_in(self, there):
        """Sign the person in who was sent to this address; return what the browser brings back."""
        query = dict(parse_qsl(urlsplit(there).query))
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_hex(8)
        self._codes[code] = query
        return {"code": code, "state": query["state"]}

    def answer(self, method, path, form, authorization):
        """Return status and body for a request."""
        self.asked.append((method, path))
        self.forms.append(form)
        if path in self.answers:
            return self.answers[path]
        if path == urlsplit(self.issuer).path + "/.well-known/openid-configuration":
            return 200, self._about() | self.metadata
        if path == "/keys":
            return 200, {"keys": [KEY.as_dict(private=False)]}
        if path == "/me":
            return 200, self.page or self.person
        return self._token(form, authorization)

    def _about(self):
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/me",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        }

    def _token(self, form, authorization):
        expected = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if authorization != expected and form.get("client_secret") != SECRET:
            return 401, {"error": "invalid_client"}
        query = self._codes.pop(form.get("code"), None)
        if query is None or form["redirect_uri"] != query["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != query["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        return 200, {
            "access_token": "only-for-tests",
            "token_type": "Bearer",
            "id_token": self._id_token(query),
        }

    def _id_token(self, query):
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": query["nonce"],
            **self.person,
            **self.token,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return self.sign(claims)

    def sign(self, claims):
        """Return the token with these claims."""
        return jwt.encode(self.header, claims, self.key)


@contextmanager
def running_provider():
    """One for as long as the block lasts, on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._answer({})

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            self._answer({name: values[0] for name, values in parse_qs(body).items()})

        def _answer(self, form):
            path = urlsplit(self.path).path
            wanted = self.headers.get("Authorization", "")
            status, body = provider.answer(self.command, path, form, wanted)
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            if 300 <= status < 400:
                self.send_header("Location", provider.url + "/elsewhere")
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args):
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        provider = Provider(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield provider
        server.shutdown()
        thread.join()


def as_set(provider, **about):
    """The settings of a site that this provider signs people in for."""
    usual = {
        "issuer": provider.issuer,
        "client_id": CLIENT,
        "client_secret": SECRET,
        "name": "Example ID",
        "name_claims": ("preferred_username", "email"),
        "groups_claim": "groups",
        "scopes": ("openid", "profile", "email"),
        "roles": {},
        "acr": (),
        "amr": (),
        "ca_file": "",
        "is_only": False,
        "emergency_administrator": "",
    }
    return SingleSignOn(**(usual | about))

"""The demo's secrets and the environment of its processes; nothing of yours leaks in."""

import base64
import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from desk import single_sign_on
from desk.demo.firm import PEOPLE

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TERM")
WORDS = """
    amber anchor aspen badger beacon birch bramble cedar cobalt comet copper coral cypress delta
    ember falcon fjord garnet glacier harbor hazel heron indigo juniper lagoon lantern larch marble
    meadow mistral nectar orchid otter pebble prairie quartz raven saffron sierra tundra umber
    velvet walnut willow zephyr
"""


@dataclass(frozen=True)
class Demo:
    """Where the demo's data is, and the environment of the web and of the senders."""

    folder: Path
    paper_port: int
    web: dict[str, str]
    senders: dict[str, str]

    @property
    def logins_file(self) -> Path:
        """Where the passwords are kept, for a second start to print them again."""
        return self.folder / "logins.json"

    @property
    def logins(self) -> dict[str, str]:
        """Passwords by name of the person."""
        logins: dict[str, str] = json.loads(self.logins_file.read_text())
        return logins


def prepare(*, folder: Path, paper_port: int) -> Demo:
    """Make the secrets that are missing, in files only you can read."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    opening = folder / "opening-keys"
    kept(opening, lambda: f"demo:{text(secrets.token_bytes(32))}", mode=0o400)
    kept(folder / "logins.json", lambda: json.dumps({name: password() for name in PEOPLE}))
    web = {name: os.environ[name] for name in INHERITED if name in os.environ} | {
        "ENV_FILE": os.devnull,
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore",
        "LOG_LEVEL": "WARNING",
        "DATA_DIR": str(folder),
        "SECRET_KEY": kept(folder / "secret-key", lambda: f"demo-{secrets.token_urlsafe(50)}"),
        "PACIFICA_NETWORK": "paper",
        "PACIFICA_PAPER_URL": f"http://127.0.0.1:{paper_port}/api/v1",
    }
    signing = folder / "checkpoint-key"
    private = kept(signing, lambda: text(secrets.token_bytes(32)), mode=0o400)
    web["AUDIT_CHECKPOINT_PUBLIC_KEYS"] = checkpoint_public_half(private)
    senders = web | {
        "AGENT_KEY_OPENING_KEYS_FILE": str(opening),
        "AUDIT_CHECKPOINT_KEY_FILE": str(signing),
    }
    web["AGENT_KEY_SEALING_KEY"] = public_half(opening.read_text())
    web |= ways_in()
    return Demo(folder, paper_port, web, senders)


def ways_in() -> dict[str, str]:
    """The settings of further ways in, where whoever starts the demo wants to try them."""
    sign_on = ("SSO_ISSUER", *single_sign_on.NEEDS_ISSUER) if "SSO_ISSUER" in os.environ else ()
    names = ("PASSKEY_SIGN_IN", *sign_on)
    return {name: os.environ[name] for name in names if name in os.environ}


def kept(path: Path, make: Callable[[], str], *, mode: int = 0o600) -> str:
    """What the file holds; made first where there is none, with its final mode from the start."""
    if not path.exists():
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        with os.fdopen(handle, "w") as file:
            file.write(make())
    return path.read_text()


def public_half(opening: str) -> str:
    """The sealing key of an opening key, both as settings write them: ``id:base64``."""
    key_id, _, private = opening.strip().partition(":")
    pair = X25519PrivateKey.from_private_bytes(base64.b64decode(private))
    return f"{key_id}:{text(pair.public_key().public_bytes_raw())}"


def checkpoint_public_half(private: str) -> str:
    """The public half of the key that signs checkpoints, both in base64."""
    pair = Ed25519PrivateKey.from_private_bytes(base64.b64decode(private))
    return text(pair.public_key().public_bytes_raw())


def password() -> str:
    """Easy to type, made for this demo alone."""
    words = [secrets.choice(WORDS.split()) for _ in range(3)]
    return "-".join([*words, str(secrets.randbelow(90) + 10)])


def text(raw: bytes) -> str:
    """Bytes as base64."""
    return base64.b64encode(raw).decode()

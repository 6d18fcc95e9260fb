"""Every setting in one sentence. ``python -m desk.settings_table`` writes ``docs/settings.md``."""

from collections.abc import Iterable
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
INTRODUCTION = """\
# Settings

`python -m desk.settings_table` makes this page. Change `desk/settings_table.py` instead of it.

Settings come from the environment, or from the file that `ENV_FILE` names. The environment wins.
The file has one `NAME=value` a line: no blanks around the `=`, notes on lines of their own.
Nothing is filled in for `$` or `~`. A wrong value stops the start with a sentence that names the
setting and does not show the value. A name that only looks like a setting is logged.

A key file (a setting that ends in `_FILE` and holds a secret) has mode 0400 and belongs to the
process's user or to root. It may have mode 0440 with a group the process is in. systemd's
`LoadCredential=`, Kubernetes (`defaultMode: 0400`, or an `fsGroup`) and Docker (`mode: 0400`) give
such files. Docker's default of 0444 is refused: everybody in the container could read it.
"""

# Heading -> rows of (name, default, what it does).
SETTINGS = {
    "The site": (
        ("SECRET_KEY", "none", "Signs sessions and seals second factors; 50 characters or more."),
        ("DEBUG", "false", "Shows error pages for developers; refused outside paper."),
        (
            "ALLOWED_HOSTS",
            "localhost",
            "Names under which people open the site, commas between. A passkey belongs to one.",
        ),
        (
            "CSRF_TRUSTED_ORIGINS",
            "none",
            "`https://…` origins, where a proxy changes the host, without path or slash; passkeys "
            "go by them too.",
        ),
        ("HTTPS_ONLY", "true outside paper", "Redirects to HTTPS and makes cookies secure."),
        ("TRUST_PROXY_HEADERS", "false", "Believes `X-Forwarded-*` of the proxy in front."),
        (
            "EVENTS_PORT",
            "0",
            "Port of the site's host on which browsers reach the push process; 0: the proxy in "
            "front of the site passes `/events` to it.",
        ),
        ("LOG_LEVEL", "INFO", "The least severe line that is logged: DEBUG to CRITICAL."),
        (
            "LOG_FORMAT",
            "text",
            "`text`: lines for people; `json`: one JSON object a line, with request, job, cancels, "
            "account and attempt.",
        ),
        ("ENV_FILE", "`.env`", "Another file to read settings from; it must exist."),
    ),
    "Signing in": (
        (
            "SECOND_FACTOR_REQUIRED",
            "true outside paper",
            "Whoever may do more than look needs a second factor: an app or a passkey.",
        ),
        ("PASSKEY_SIGN_IN", "false", "People may enter by a passkey alone, without a password."),
        (
            "FOUR_EYES",
            "false",
            "What raises a risk waits for a second person, on every desk. Else as each desk says.",
        ),
        ("FOUR_EYES_HOURS", "24", "For so long such an act waits; then it expires."),
        ("SESSION_IDLE_MINUTES", "60", "A session that nobody used for so long ends."),
        ("SESSION_MAX_HOURS", "12", "Every session ends after so long."),
        (
            "SSO_ISSUER",
            "none",
            "The provider of [single sign-on](single-sign-on.md), as it names itself.",
        ),
        ("SSO_CLIENT_ID", "none", "What the provider calls this site."),
        ("SSO_CLIENT_SECRET", "none", "The secret that goes with it; none for a public client."),
        ("SSO_CLIENT_SECRET_FILE", "none", "A key file with it."),
        ("SSO_NAME", "the issuer's host", "What people call the provider: the button says it."),
        (
            "SSO_NAME_CLAIM",
            "`preferred_username,email`",
            "The claims that name a new person; the first that is there counts.",
        ),
        (
            "SSO_GROUPS_CLAIM",
            "`groups`",
            "The claim that lists a person's groups. `a.b` is what the claim `a` says of `b`.",
        ),
        ("SSO_SCOPES", "`openid,profile,email`", "What the provider is asked to tell."),
        (
            "SSO_ROLES_FILE",
            "none",
            'JSON: which group has which role on which desk, `{"group": {"desk": "operator"}}`.',
        ),
        (
            "SSO_SECOND_FACTOR_ACR",
            "none",
            "Values of `acr` that stand for the second factor; none: the site asks for its own.",
        ),
        ("SSO_SECOND_FACTOR_AMR", "none", "The same of `amr`; one of them in a token is enough."),
        ("SSO_CA_FILE", "the usual ones", "Certificate authorities of a provider in the house."),
        ("SSO_ONLY", "false", "No password signs in but the emergency administrator's."),
        (
            "SSO_EMERGENCY_ADMINISTRATOR",
            "none",
            "Whose password works when the provider does not; each use is alarmed.",
        ),
    ),
    "Where things are kept": (
        (
            "DATA_DIR",
            "`data`",
            "Folder of the SQLite database and the embedded broker; private to the user that runs "
            "web and senders.",
        ),
        (
            "DATABASE_URL",
            "SQLite in `DATA_DIR`",
            "Or `postgres://user:password@host:port/name`; "
            "[several hosts](operations.md#several-hosts) with commas between; behind PgBouncer in "
            "transaction mode add `?prepare_threshold=none`.",
        ),
        (
            "CELERY_BROKER_URL",
            "`embedded://`",
            "Or `redis://…`, `amqp://…`; with TLS `rediss://…?ssl_ca_certs=FILE`, `amqps://…`.",
        ),
        (
            "EXPORT_DIR",
            "`DATA_DIR/exports`",
            "Where exports wait to be fetched; private to the same user.",
        ),
    ),
    "The exchange": (
        (
            "PACIFICA_NETWORK",
            "`paper`",
            "`paper`, `testnet` or `mainnet`; a database belongs to one.",
        ),
        (
            "PACIFICA_PAPER_URL",
            "`http://127.0.0.1:8900/api/v1`",
            "Address of the paper exchange, on this machine only.",
        ),
        ("PACIFICA_EXPIRY_WINDOW_MS", "5000", "How long a signature is good."),
        ("PACIFICA_CONNECT_TIMEOUT_MS", "2000", "Longest time to connect."),
        ("PACIFICA_READ_TIMEOUT_MS", "5000", "Longest time between two pieces of an answer."),
        ("PACIFICA_DEADLINE_MS", "8000", "Longest time from a request to the end of its answer."),
        ("PACIFICA_CA_FILE", "the system's", "Certificates to trust instead."),
        (
            "PACIFICA_PROXY_URL",
            "none",
            "An HTTP proxy to the exchange; the environment's proxies are ignored.",
        ),
    ),
    "When requests are sent": (
        (
            "STREAM",
            "true",
            "Follows the exchange's stream: `manage.py stream`, or the sweep on the embedded "
            "default.",
        ),
        (
            "SYNC_PERIOD_S",
            "30",
            "How often each account's open orders are read; a tenth as often while its stream is "
            "healthy.",
        ),
        (
            "URGENT_EXPIRES_AFTER_S",
            "600",
            "A cancel that could not be sent for so long expires, and people are told.",
        ),
        (
            "BULK_EXPIRES_AFTER_S",
            "600",
            "A bulk job that had credits and could send nothing for so long expires.",
        ),
        ("URGENT_UP_TO", "20", "A request for more orders than this is a bulk job."),
        ("BULK_THREADS", "2", "Threads of one sender that bulk jobs may hold at once."),
    ),
    "Credits": (
        ("CREDITS_KEYLESS", "100", "Credits a minute without an API config key."),
        ("CREDITS_KEYED", "300", "Credits a minute with an API config key."),
        ("CREDITS_READ", "1", "What a read costs."),
        ("CREDITS_HEAVY_READ", "3", "What a read of the history costs with an API config key."),
        ("CREDITS_HEAVY_READ_KEYLESS", "12", "The same without an API config key."),
        ("CREDIT_RESERVE_PERCENT", "20", "Part of the quota kept for urgent work."),
        ("CREDIT_SYNC_PERCENT", "25", "Part of the quota that syncs may spend at most."),
    ),
    "Alerts": (
        ("ALERT_AFTER_S", "60", "People are told of a cancel that is unresolved for so long."),
        ("ALERT_WEBHOOK_URL", "none", "Alerts are posted there as JSON; https only."),
        ("ALERT_EMAILS", "none", "Alerts are mailed to these addresses, commas between."),
        (
            "ALERT_ROUTES",
            "none",
            "Where alerts go by Apprise, one route: "
            "[chat, pagers and more](operations.md#who-is-told).",
        ),
        ("ALERT_ROUTES_FILE", "none", "A key file with any number of routes, one a line."),
        ("EMAIL_URL", "none", "The mail server: `smtp+tls://user:password@host:587`."),
        ("EMAIL_FROM", "`pacifica-desk@localhost`", "The sender's address of those mails."),
    ),
    "Agent keys": (
        (
            "AGENT_KEY_SEALING_KEY",
            "derived by senders",
            "Public, `id:base64`: seals agent keys; the web needs no other.",
        ),
        (
            "AGENT_KEY_OPENING_KEYS",
            "none",
            "Private, `id:base64,…`: senders only; the first one seals.",
        ),
        ("AGENT_KEY_OPENING_KEYS_FILE", "none", "A key file with the same."),
        (
            "AGENT_WALLET_WARN_DAYS",
            "90",
            "An agent wallet added so long ago is marked: replace it.",
        ),
        (
            "AGENT_WALLET_STOP_DAYS",
            "180",
            "An agent wallet added so long ago signs no more, except in a panic.",
        ),
    ),
    "The API": (
        ("API_REQUESTS_PER_S", "20", "So many requests a second of one token are answered."),
        ("API_ACTS_PER_S", "5", "Of these so many cancels, confirmations and stops."),
    ),
    "Audit log": (
        ("AUDIT_CHECKPOINT_KEY", "none", "Private: signs checkpoints of the log; the sweep's."),
        ("AUDIT_CHECKPOINT_KEY_FILE", "none", "A key file with the same."),
        (
            "AUDIT_CHECKPOINT_PUBLIC_KEYS",
            "derived by the sweep",
            "For every process that verifies; old keys too.",
        ),
        (
            "AUDIT_CHECKPOINT_FILE",
            "`DATA_DIR/checkpoints.jsonl`",
            "Where checkpoints go, best on another disk.",
        ),
        (
            "AUDIT_TIMESTAMP_URL",
            "none",
            "Time stamping authorities (RFC 3161), commas between: each stamps a checkpoint an "
            "hour; the sweep's.",
        ),
        (
            "AUDIT_TIMESTAMP_CHAIN_FILE",
            "none",
            "PEM: the certificates of those authorities, roots and issuers too; old ones stay.",
        ),
        (
            "AUDIT_NOTE_ORIGIN",
            "none",
            "The log's name for witnesses, such as `desk.example.com/log`: checkpoints have signed "
            "notes; the sweep's.",
        ),
        (
            "AUDIT_WITNESSES",
            "none",
            "Verifier keys of the witnesses who count, commas between; old ones stay.",
        ),
    ),
}


def page() -> str:
    """The text of ``docs/settings.md``."""
    return "\n".join([INTRODUCTION, *(_table(*group) for group in SETTINGS.items())])


def _table(heading: str, rows: Iterable[tuple[str, str, str]]) -> str:
    lines = [f"| `{name}` | {default} | {meaning} |" for name, default, meaning in rows]
    head = [f"## {heading}", "", "| Setting | Default | What it does |", "|---|---|---|"]
    return "\n".join([*head, *lines, ""])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

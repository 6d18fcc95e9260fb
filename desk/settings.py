"""Every setting, read from the environment; the environment wins over ``.env``.

A setting that is missing or wrong stops the process here, with a sentence that names it.
"""

import os
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from urllib.parse import urlsplit

import environ
from django.urls import reverse_lazy

from desk import alert_routes, brokers, logs, single_sign_on
from desk.appearance import UNFOLD, content_security_policy  # noqa: F401
from desk.databases import database, has_wal_bug, sqlite_options
from desk.env_file import DEFAULT, load
from desk.private import make_own_folder
from desk.setting_values import (
    address,
    can_be_looked_up,
    is_folder,
    is_host,
    is_log_name,
    is_loopback,
    is_mail_address,
    is_origin,
    listed,
    number,
    path,
    secret,
    slips,
    text,
    wrong,
    yes_or_no,
)

BASE_DIR = Path(__file__).resolve().parent.parent
SETTING_WARNINGS = load(os.environ.get("ENV_FILE", DEFAULT), is_named="ENV_FILE" in os.environ)

# --- Which exchange ------------------------------------------------------------------------------

PACIFICA_NETWORK = text("PACIFICA_NETWORK", "paper")
# Exact: a signed request can go nowhere else. Source: docs.pacifica.fi, rest-api page.
PACIFICA_URLS = {
    "testnet": "https://test-api.pacifica.fi/api/v1",
    "mainnet": "https://api.pacifica.fi/api/v1",
}
PACIFICA_PAPER_URL = text("PACIFICA_PAPER_URL", "http://127.0.0.1:8900/api/v1")


if PACIFICA_NETWORK not in {"paper", *PACIFICA_URLS}:
    wrong("PACIFICA_NETWORK", "must be paper, testnet or mainnet.")
if not is_loopback(PACIFICA_PAPER_URL):
    wrong("PACIFICA_PAPER_URL", "the paper exchange runs on this machine only: use 127.0.0.1.")
PACIFICA_URL = PACIFICA_URLS.get(PACIFICA_NETWORK, PACIFICA_PAPER_URL).rstrip("/")
# Source: docs.pacifica.fi, websocket page. The paper exchange has it on its own port.
PACIFICA_STREAM_URLS = {
    "testnet": "wss://test-ws.pacifica.fi/ws",
    "mainnet": "wss://ws.pacifica.fi/ws",
}
PACIFICA_STREAM_URL = PACIFICA_STREAM_URLS.get(
    PACIFICA_NETWORK, urlsplit(PACIFICA_URL)._replace(scheme="ws", path="/ws").geturl()
)
IS_REAL_MONEY = PACIFICA_NETWORK == "mainnet"

PACIFICA_EXPIRY_WINDOW_MS = number("PACIFICA_EXPIRY_WINDOW_MS", 5_000, 1_000, 60_000)
PACIFICA_CONNECT_TIMEOUT_MS = number("PACIFICA_CONNECT_TIMEOUT_MS", 2_000, 50, 30_000)
PACIFICA_READ_TIMEOUT_MS = number("PACIFICA_READ_TIMEOUT_MS", 5_000, 50, 60_000)
PACIFICA_DEADLINE_MS = number("PACIFICA_DEADLINE_MS", 8_000, 100, 120_000)
PACIFICA_CA_FILE = text("PACIFICA_CA_FILE")
if PACIFICA_CA_FILE and not Path(PACIFICA_CA_FILE).is_file():
    wrong("PACIFICA_CA_FILE", "there is no such file.")
PACIFICA_PROXY_URL = address("PACIFICA_PROXY_URL", "", "http", "https")
STREAM = yes_or_no("STREAM", True)
SYNC_PERIOD_S = number("SYNC_PERIOD_S", 30, 1, 86_400)
URGENT_EXPIRES_AFTER_S = number("URGENT_EXPIRES_AFTER_S", 600, 5, 86_400)
BULK_EXPIRES_AFTER_S = number("BULK_EXPIRES_AFTER_S", 600, 5, 86_400)
# Threads of one sending process that bulk jobs may hold at once; the rest is for urgent work.
BULK_THREADS = number("BULK_THREADS", 2, 1, 64)
# A request for more orders than this is a bulk job, which urgent work overtakes.
URGENT_UP_TO = number("URGENT_UP_TO", 20, 1, 1_000)

# Credits. Source: docs.pacifica.fi rate-limits page; the exchange's own headers correct them.
CREDIT_QUOTAS = {
    "keyless": Decimal(number("CREDITS_KEYLESS", 100, 1, 10**6)),
    "keyed": Decimal(number("CREDITS_KEYED", 300, 1, 10**6)),
}
CREDIT_PRICES = {
    "cancel": Decimal("0.5"),
    "read": Decimal(number("CREDITS_READ", 1, 0, 100)),
    "heavy_read": Decimal(number("CREDITS_HEAVY_READ", 3, 0, 100)),
    "heavy_read_keyless": Decimal(number("CREDITS_HEAVY_READ_KEYLESS", 12, 0, 100)),
}
CREDIT_RESERVE_PERCENT = number("CREDIT_RESERVE_PERCENT", 20, 0, 90)
CREDIT_SYNC_PERCENT = number("CREDIT_SYNC_PERCENT", 25, 1, 100)

# --- Django --------------------------------------------------------------------------------------

DEBUG = yes_or_no("DEBUG", False)
SECRET_KEY = text("SECRET_KEY")
if not SECRET_KEY:
    where = "Name the file of settings in ENV_FILE, or make one: docs/going-live.md"
    wrong("SECRET_KEY", f"is not set. {where}. To try the desk: make demo.")
ALLOWED_HOSTS = listed("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
if not ALLOWED_HOSTS:
    wrong("ALLOWED_HOSTS", "is empty: name the host under which people open the site.")
if not all(is_host(host) for host in ALLOWED_HOSTS):
    wrong("ALLOWED_HOSTS", "takes host names alone: no https://, no port, no path.")
# Where open pages follow what happens: at the site's own address, or on another port of its host.
EVENTS_PORT = number("EVENTS_PORT", 0, 0, 65_535)
CONTENT_SECURITY_POLICY = content_security_policy(ALLOWED_HOSTS, EVENTS_PORT)
CSRF_TRUSTED_ORIGINS = listed("CSRF_TRUSTED_ORIGINS")
if not all(origin.startswith(("http://", "https://")) for origin in CSRF_TRUSTED_ORIGINS):
    wrong("CSRF_TRUSTED_ORIGINS", "each must start with http:// or https://.")
if not all(is_origin(origin) for origin in CSRF_TRUSTED_ORIGINS):  # compared to the letter
    said = "no path, no slash at the end, no capital letter, no :443 or :80"
    wrong("CSRF_TRUSTED_ORIGINS", f"write each as browsers do, https://desk.example.com: {said}.")
DATA_DIR = path("DATA_DIR", BASE_DIR / "data").resolve()
try:
    if not make_own_folder(DATA_DIR):
        SETTING_WARNINGS.append("DATA_DIR: others can look into it: give the desk one of its own.")
except OSError as error:
    wrong("DATA_DIR", f"{DATA_DIR} cannot be made ({error.strerror}).")
ROOT_URLCONF = "desk.urls"
WSGI_APPLICATION = "desk.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "desk.apps.DeskAdminConfig",
    "orders",  # before Django's auth: of two commands of one name the first app's counts
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "orders.middleware.RequestIdMiddleware",  # outermost: whatever is logged within has the id
    "orders.operations.monitoring.health.HealthMiddleware",  # before sessions and hosts
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "orders.api.door.ApiDoorMiddleware",  # before sessions: no cookie counts there
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "orders.admin.error_pages.ErrorPagesMiddleware",
    "orders.middleware.SignInMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "orders.context_processors.site_state",
            ]
        },
    }
]
AUTHENTICATION_BACKENDS = ["orders.access.backends.GuardedBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000
# Larger than any form of ours with its file; more is refused before a byte of it is read.
MAX_BODY = DATA_UPLOAD_MAX_MEMORY_SIZE = 4 * 1024 * 1024
MAX_LIST = 24 * 1024 * 1024  # a list of orders to cancel: a job's own download of 50,000

# HTTPS is demanded wherever real orders are at stake; the demo is plain HTTP on loopback.
HTTPS_ONLY = yes_or_no("HTTPS_ONLY", PACIFICA_NETWORK != "paper")
SECURE_SSL_REDIRECT = SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS_ONLY
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS_ONLY
TRUST_PROXY_HEADERS = yes_or_no("TRUST_PROXY_HEADERS", False)
if TRUST_PROXY_HEADERS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
X_FRAME_OPTIONS = "DENY"
DEFAULT_EXCEPTION_REPORTER_FILTER = "desk.exception_reports.DiscreetFilter"

# --- Who is at the door --------------------------------------------------------------------------

# Whoever may do more than look gives a second factor; off on the paper network unless asked for.
SECOND_FACTOR_REQUIRED = yes_or_no("SECOND_FACTOR_REQUIRED", PACIFICA_NETWORK != "paper")
FOUR_EYES = yes_or_no("FOUR_EYES", False)  # what raises a risk waits for a second person
FOUR_EYES_LASTS = timedelta(hours=number("FOUR_EYES_HOURS", 24, 1, 168))
SINGLE_SIGN_ON = single_sign_on.read()
PASSKEY_SIGN_IN = yes_or_no("PASSKEY_SIGN_IN", False)  # by a passkey alone, without a password
if PASSKEY_SIGN_IN and SINGLE_SIGN_ON is not None and SINGLE_SIGN_ON.is_only:
    wrong("PASSKEY_SIGN_IN", "is on, and SSO_ONLY lets people in by single sign-on alone.")
SESSION_IDLE_MINUTES = number("SESSION_IDLE_MINUTES", 60, 1, 1_440)
SESSION_MAX_HOURS = number("SESSION_MAX_HOURS", 12, 1, 168)
SESSION_ENGINE = "orders.access.session_store"
SESSION_COOKIE_AGE = SESSION_MAX_HOURS * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True  # pages carry the CSRF token themselves
SESSION_COOKIE_SAMESITE = "Lax"  # so that a link in an alert opens the page it names
CSRF_COOKIE_SAMESITE = "Lax"  # so that such a link leaves the forms of other open pages good
CSRF_FAILURE_VIEW = "orders.admin.error_pages.too_old"
if HTTPS_ONLY:  # the browser itself refuses such a cookie from a neighbouring host or plain HTTP
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"

# --- Database ------------------------------------------------------------------------------------

DATABASE_URL = text("DATABASE_URL", f"sqlite:///{DATA_DIR}/desk.sqlite3")
_database = database(DATABASE_URL)
DATABASES = {"default": _database}
IS_SQLITE = _database["ENGINE"] == "desk.sqlite3"
HAS_WAL_BUG = has_wal_bug()
SQLITE_JOURNAL = "DELETE" if HAS_WAL_BUG and IS_REAL_MONEY else "WAL"
if IS_SQLITE:
    _database["OPTIONS"] = sqlite_options(SQLITE_JOURNAL)

# --- Broker --------------------------------------------------------------------------------------

CELERY_BROKER_URL = address(
    "CELERY_BROKER_URL", "embedded://", "embedded", "redis", "rediss", "amqp", "amqps"
)
CELERY_BROKER_URL = brokers.with_checked_certificate(CELERY_BROKER_URL)
if "CELERY_BROKER_URL" in os.environ:  # Celery reads it there, before it looks here
    os.environ["CELERY_BROKER_URL"] = CELERY_BROKER_URL
if not CELERY_BROKER_URL:
    wrong("CELERY_BROKER_URL", "is empty: leave it out for the embedded broker.")
CELERY_BROKER_TRANSPORT_OPTIONS = brokers.transport_options(CELERY_BROKER_URL, DATA_DIR / "broker")
CELERY_BROKER_CONNECTION_TIMEOUT = brokers.CONNECT_S
CELERY_BROKER_HEARTBEAT = brokers.HEARTBEAT_S
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "bulk"
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DISABLE_RATE_LIMITS = True
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_DB_REUSE_MAX = 10**9  # else a connection for each task; `desk.celery` keeps them as pages do

# --- Alerts --------------------------------------------------------------------------------------

ALERT_AFTER_S = number("ALERT_AFTER_S", 60, 5, 86_400)
ALERT_WEBHOOK_URL = address("ALERT_WEBHOOK_URL", "", "https", "http")
if ALERT_WEBHOOK_URL and not (
    ALERT_WEBHOOK_URL.startswith("https://") or is_loopback(ALERT_WEBHOOK_URL)
):
    wrong("ALERT_WEBHOOK_URL", "must start with https://.")
ALERT_EMAILS = listed("ALERT_EMAILS")
if not all(map(is_mail_address, ALERT_EMAILS)):
    wrong("ALERT_EMAILS", "must be e-mail addresses with commas between.")
try:
    ALERT_ROUTES = alert_routes.parse(secret("ALERT_ROUTES"))
except alert_routes.BadRoute as error:
    wrong("ALERT_ROUTES_FILE", f"{error}")
EMAIL_URL = address("EMAIL_URL", "", "smtp", "smtp+tls", "smtp+ssl")
if ALERT_EMAILS and not EMAIL_URL:
    wrong("EMAIL_URL", "is not set: e-mails to ALERT_EMAILS need a mail server.")
if EMAIL_URL:
    _mail = environ.Env.email_url_config(EMAIL_URL)
    if not can_be_looked_up(_mail["EMAIL_HOST"]):
        wrong("EMAIL_URL", "its host is none, or one that no name can be: look at its dots.")
    EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
    EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_HOST"], _mail["EMAIL_PORT"]
    EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"], _mail["EMAIL_HOST_PASSWORD"]
    EMAIL_USE_TLS = _mail.get("EMAIL_USE_TLS", False)
    EMAIL_USE_SSL = _mail.get("EMAIL_USE_SSL", False)
    del _mail
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = text("EMAIL_FROM", "pacifica-desk@localhost")
if not is_mail_address(DEFAULT_FROM_EMAIL):
    wrong("EMAIL_FROM", "must be one e-mail address.")
del EMAIL_URL  # it may hold a password under a name that Django would show

# --- The API --------------------------------------------------------------------------------------

# A second of each token on average, and twice as many at once after a rest.
API_REQUESTS_PER_S = number("API_REQUESTS_PER_S", 20, 1, 1_000)
API_ACTS_PER_S = number("API_ACTS_PER_S", 5, 1, 100)

# --- Agent keys ----------------------------------------------------------------------------------

# Private halves, for senders only: `id:base64,…`, the first one seals. The web needs the public
# half alone. Both are parsed in `orders.keys.key_settings`, which never shows them.
AGENT_KEY_OPENING_KEYS = secret("AGENT_KEY_OPENING_KEYS")
AGENT_KEY_SEALING_KEY = text("AGENT_KEY_SEALING_KEY")

# An agent wallet signs for so many days after it was added; a panic is signed all the same.
AGENT_WALLET_WARN_DAYS = number("AGENT_WALLET_WARN_DAYS", 90, 1, 3_650)
AGENT_WALLET_STOP_DAYS = number("AGENT_WALLET_STOP_DAYS", 180, 1, 3_650)

# --- Audit log -----------------------------------------------------------------------------------

# Checkpoints are signed by the sweep with a key of their own (base64 of 32 bytes, Ed25519) and
# written to a file outside the database, best on another disk. Every process that verifies should
# be told the public keys, old ones too. Exports are written by the sweep and served by the web.
AUDIT_CHECKPOINT_KEY = secret("AUDIT_CHECKPOINT_KEY")
AUDIT_CHECKPOINT_PUBLIC_KEYS = text("AUDIT_CHECKPOINT_PUBLIC_KEYS")
AUDIT_CHECKPOINT_FILE = str(path("AUDIT_CHECKPOINT_FILE", DATA_DIR / "checkpoints.jsonl"))
AUDIT_TIMESTAMP_URL = listed("AUDIT_TIMESTAMP_URL")
if not all(url.startswith(("https://", "http://")) for url in AUDIT_TIMESTAMP_URL):
    wrong("AUDIT_TIMESTAMP_URL", "must be https:// or http:// addresses with commas between.")
AUDIT_TIMESTAMP_CHAIN_FILE = text("AUDIT_TIMESTAMP_CHAIN_FILE")
if AUDIT_TIMESTAMP_CHAIN_FILE and not Path(AUDIT_TIMESTAMP_CHAIN_FILE).is_file():
    wrong("AUDIT_TIMESTAMP_CHAIN_FILE", "there is no such file.")
if AUDIT_TIMESTAMP_URL and not AUDIT_TIMESTAMP_CHAIN_FILE:
    wrong("AUDIT_TIMESTAMP_CHAIN_FILE", "is not set: it names the authorities' certificates.")
AUDIT_WITNESSES = listed("AUDIT_WITNESSES")
AUDIT_NOTE_ORIGIN = text("AUDIT_NOTE_ORIGIN")
if AUDIT_NOTE_ORIGIN and not is_log_name(AUDIT_NOTE_ORIGIN):
    wrong("AUDIT_NOTE_ORIGIN", "must be a name such as desk.example.com/log, without https://.")
EXPORT_DIR = path("EXPORT_DIR", DATA_DIR / "exports").resolve()
if not is_folder("AUDIT_CHECKPOINT_FILE", Path(AUDIT_CHECKPOINT_FILE).parent):
    wrong("AUDIT_CHECKPOINT_FILE", "its folder does not exist.")
if is_folder("AUDIT_CHECKPOINT_FILE", Path(AUDIT_CHECKPOINT_FILE)):
    wrong("AUDIT_CHECKPOINT_FILE", "is a folder: name a file in it.")
if not is_folder("EXPORT_DIR", EXPORT_DIR) and EXPORT_DIR.exists():
    wrong("EXPORT_DIR", "is no folder.")

# --- What real money does not start with ---------------------------------------------------------

if PACIFICA_NETWORK != "paper":
    if SECRET_KEY.startswith(("demo-", "django-insecure-", "change-me")) or len(SECRET_KEY) < 50:
        wrong("SECRET_KEY", f"a default or short key is refused on {PACIFICA_NETWORK}.")
    for _name, _keys in {
        "AGENT_KEY_OPENING_KEYS": AGENT_KEY_OPENING_KEYS,
        "AGENT_KEY_SEALING_KEY": AGENT_KEY_SEALING_KEY,
    }.items():
        if any(pair.strip().lower().startswith("demo") for pair in _keys.split(",")):
            wrong(_name, f"the demo's keys are refused on {PACIFICA_NETWORK}.")
    del _keys
    if DEBUG:
        wrong("DEBUG", f"must be off on {PACIFICA_NETWORK}.")
    if "*" in ALLOWED_HOSTS:
        wrong("ALLOWED_HOSTS", f"`*` is refused on {PACIFICA_NETWORK}: name the site's host.")
    if "PACIFICA_PAPER_URL" in os.environ:
        wrong("PACIFICA_PAPER_URL", f"belongs to the paper network, not to {PACIFICA_NETWORK}.")

# --- What processes say --------------------------------------------------------------------------

LOG_LEVEL = text("LOG_LEVEL", "INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}:
    wrong("LOG_LEVEL", "must be DEBUG, INFO, WARNING, ERROR or CRITICAL.")
LOG_FORMAT = text("LOG_FORMAT", "text")
if LOG_FORMAT not in logs.FORMATS:
    wrong("LOG_FORMAT", "must be text or json.")
LOGGING = logs.configuration(LOG_LEVEL, LOG_FORMAT)

SETTING_WARNINGS += slips()

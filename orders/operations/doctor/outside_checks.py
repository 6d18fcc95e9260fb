"""What other machines tell: the broker, the exchange and its clock, accounts, alerts."""

from collections.abc import Iterator

from django.conf import settings
from django.contrib.auth import get_user_model

from desk import celery
from orders.access import second_factor
from orders.access.single_sign_on import provider
from orders.access.single_sign_on.claims import Refused
from orders.accounts import group_roles, wallet_check
from orders.audit import log
from orders.exchange import client
from orders.keys import key_settings
from orders.models import AgentWallet
from orders.models.accounts import BOUND
from orders.models.clocks import WARN_ABOVE_MS
from orders.operations.alerts import ways
from orders.operations.alerts.trial import try_way
from orders.operations.doctor.findings import Asked, Finding, Limits, not_asked, ok, trouble
from orders.pacifica import answers
from orders.pacifica.transport import Answer, Unreachable

BY = log.Actor(operator_name="(doctor)", address="(terminal)")
MARKETS = "/info"  # public, signed by nobody. Source: docs.pacifica.fi, markets page


def check_broker(asked: Asked, limits: Limits) -> Finding:
    """Whether it takes a connection; its address may hold a password and is not shown."""
    failed = celery.why_unreachable(within_s=limits.connect_s)
    if failed:
        todo = "Start it, and check CELERY_BROKER_URL. Meanwhile the sweep sends alone."
        return trouble("broker", f"CELERY_BROKER_URL: no connection ({failed}).", todo)
    return ok("broker", "takes connections.")


def check_exchange(asked: Asked, limits: Limits) -> Iterator[Finding]:
    """One public read: whether name, TLS and answer are right, and what its clock says."""
    try:
        answer = client.client().get(MARKETS)
    except Unreachable as unreachable:
        yield _unreached(unreachable.reason)
        yield not_asked("clock", "the exchange did not answer.")
        return
    try:
        count = len(answers.market_symbols(answer.status, answer.body, is_whole=answer.is_whole))
    except answers.Unreadable as error:
        todo = "HTTP 403 means that the exchange turned this machine away: region, IP whitelist."
        yield trouble("exchange", f"HTTP {answer.status}: {error}", todo)
    else:
        yield ok("exchange", f"answers in {answer.elapsed_ms} ms, {count} markets.")
    yield _clock(answer)


def _unreached(reason: str) -> Finding:
    """Trouble for whoever sends; the web needs no way to the exchange."""
    if not key_settings.can_open():
        return not_asked("exchange", f"{reason}; without opening keys nothing is sent from here.")
    todo = "Check this machine's network, PACIFICA_PROXY_URL and PACIFICA_CA_FILE."
    return trouble("exchange", f"{reason}.", todo)


def _clock(answer: Answer) -> Finding:
    offset_ms = answer.clock_offset_ms
    if offset_ms is None:
        return not_asked("clock", "the answer tells no time.")
    said = f"the exchange's clock is {offset_ms / 1000:+.1f} s from ours."
    if abs(offset_ms) > WARN_ABOVE_MS:
        return trouble("clock", said, "Set this machine's clock (NTP): signatures expire.")
    return ok("clock", said)


def check_sign_on(asked: Asked, limits: Limits) -> Iterator[Finding]:
    """The provider of single sign-on, the desks of its groups, the emergency administrator."""
    there = settings.SINGLE_SIGN_ON
    if there is None:
        yield not_asked("sign-on", "SSO_ISSUER is not set.")
        return
    try:
        provider.look(there)
    except Refused as refused:
        yield trouble("sign-on", str(refused), "Check SSO_ISSUER, SSO_CA_FILE and the network.")
    else:
        yield ok("sign-on", f"{there.name} answers, and is who SSO_ISSUER says.")
    if missing := group_roles.unknown_desks(there):
        todo = "Correct SSO_ROLES_FILE, or add them with add_desk."
        yield trouble("sign-on", f"no desk is named {', '.join(missing)}.", todo)
    if there.is_only:
        yield _emergency(there.emergency_administrator)


def _emergency(name: str) -> Finding:
    """Whether somebody could come in if the provider were down."""
    found = get_user_model().objects.filter(username=name, is_active=True).first()
    if found is None or not (found.is_superuser and found.has_usable_password()):
        todo = "Name an active administrator with a password, letter by letter as on the site."
        return trouble("sign-on", f"SSO_EMERGENCY_ADMINISTRATOR: {name} cannot come in.", todo)
    if settings.SECOND_FACTOR_REQUIRED and not second_factor.is_enrolled(found):
        todo = "Sign in as that administrator once, and set one up."
        return trouble("sign-on", f"{name}, for an emergency, has no second factor.", todo)
    return ok("sign-on", f"{name} can come in by password in an emergency.")


def check_accounts(asked: Asked, limits: Limits) -> Iterator[Finding]:
    """One harmless signed read for each active agent wallet, recorded like every request."""
    if not asked.accounts:
        yield not_asked("accounts", "add --accounts: one signed read for each agent wallet.")
        return
    if not key_settings.can_open():
        yield not_asked("accounts", "no opening keys here: run doctor with the senders' file.")
        return
    active = AgentWallet.objects.filter(is_active=True, account__is_active=True)
    for wallet in active.filter(account__desk__is_active=True).select_related("account__desk"):
        yield _tested(wallet)


def _tested(wallet: AgentWallet) -> Finding:
    name = f"account {wallet.account.name}"
    wallet_check.test_now(wallet=wallet, actor=BY)
    wallet.refresh_from_db()
    if wallet.test_outcome == BOUND and not wallet.unheld:
        return ok(name, wallet.test_said)
    if wallet.test_outcome == wallet_check.SILENT:  # since the list of wallets was read
        return not_asked(name, wallet.test_said)
    if wallet.tested_at is None:
        return not_asked(name, "nothing is signed while a restored copy waits to be accepted.")
    return trouble(name, wallet.test_said, "Test it again on the agent wallet's page when mended.")


def check_mail(asked: Asked, limits: Limits) -> Finding:
    """Whether alerts are mailed; one is sent if asked."""
    if not settings.ALERT_EMAILS:
        return _unset("mail", "ALERT_EMAILS")
    if not asked.send_test:
        return not_asked("mail", f"{len(settings.ALERT_EMAILS)} addresses; --send-test sends one.")
    if said := _tried("mail", asked):
        todo = "Check host, port, user and password in EMAIL_URL."
        return trouble("mail", f"EMAIL_URL: {said}.", todo)
    return ok("mail", "the server took a test; see whether it arrived.")


def check_webhook(asked: Asked, limits: Limits) -> Finding:
    """Whether alerts are posted; one is if asked."""
    if not settings.ALERT_WEBHOOK_URL:
        return _unset("webhook", "ALERT_WEBHOOK_URL")
    if not asked.send_test:
        return not_asked("webhook", "it is set; --send-test posts to it.")
    if said := _tried("webhook", asked):
        return trouble("webhook", f"{said}.", "Check ALERT_WEBHOOK_URL.")
    return ok("webhook", "it took a test.")


def check_routes(asked: Asked, limits: Limits) -> Finding:
    """Whether alerts go out by Apprise; one is sent by each route if asked."""
    routes = [way for way in ways.every_way() if way.name not in ("webhook", "mail")]
    if not routes:
        return not_asked("routes", "ALERT_ROUTES is not set.")
    if astray := ways.astray():
        return trouble("routes", " ".join(astray), "Correct ALERT_ROUTES_FILE: desk=NAME.")
    if not asked.send_test:
        return not_asked("routes", f"{len(routes)} are set; --send-test tries each.")
    ends = {way.name: try_way(way, TEST, asked.now) for way in routes}
    if wrong := [f"{name}: {said}" for name, said in ends.items() if said]:
        return trouble("routes", f"{'; '.join(wrong)}.", "Check these lines of ALERT_ROUTES_FILE.")
    return ok("routes", f"{len(routes)} took a test; see whether they arrived.")


TEST = "This is a test by manage.py doctor. Nothing is wrong."


def _tried(name: str, asked: Asked) -> str:
    """Send a test by the way of this name; return what was wrong, or nothing."""
    (way,) = (way for way in ways.every_way() if way.name == name)
    return try_way(way, TEST, asked.now)


def _unset(name: str, setting: str) -> Finding:
    """Nothing is set; trouble outside paper where no other way is set either."""
    if ways.every_way() or settings.PACIFICA_NETWORK == "paper":
        return not_asked(name, f"{setting} is not set.")
    todo = f"Set {setting}, or another way of telling people."
    return trouble(name, "nobody is told of what goes wrong.", todo)

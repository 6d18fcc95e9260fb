"""The ways that an alert goes out: the webhook, mail, and routes by Apprise."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from smtplib import SMTPException

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import send_mail

from desk.alert_routes import AlertRoute
from orders.models import AlertKind, Desk
from orders.operations.alerts import webhook
from orders.operations.alerts.webhook import CannotTell


@dataclass(frozen=True)
class Notice:
    """What is told of one matter. ``state``: raised, over or test; ``kind`` as stored."""

    state: str
    kind: str
    title: str  # the kind in words
    about: str
    desk: str
    text: str
    raised_at: str  # ISO 8601

    @property
    def subject(self) -> str:
        """The first line: network, kind, state."""
        return f"[{settings.PACIFICA_NETWORK}] {self.title}: {self.state}"


@dataclass(frozen=True)
class Way:
    """One way. ``key``: what the database keeps to tell by it once; it gives no address away."""

    key: str
    name: str  # for the log and for people
    take: Callable[[Notice], None] = field(repr=False)
    takes_every_desk: bool = True

    def send(self, notice: Notice) -> None:
        """Tell by it. Raises `CannotTell`, whatever failed: no way keeps the others silent."""
        try:
            self.take(notice)
        except CannotTell:
            raise
        except Exception as error:  # its own words may hold an address
            raise CannotTell(f"it failed ({type(error).__name__})") from None


def every_way() -> list[Way]:
    """Return all that are set."""
    routes = [
        Way(_key(each), str(each), partial(_by_apprise, each), not each.desks) for each in _routes()
    ]
    webhooks = [Way("webhook", "webhook", _by_webhook)] if settings.ALERT_WEBHOOK_URL else []
    mail = [Way("mail", "mail", _by_mail)] if settings.ALERT_EMAILS else []
    return [*webhooks, *mail, *routes]


def ways_of(*, desk: str, kind: str) -> list[Way]:
    """Return those that an alert goes out by. ``desk``: its name, or empty where it has none."""
    others = {_key(each) for each in _routes() if not each.takes(desk=desk, kind=kind)}
    return [way for way in every_way() if way.key not in others]


def check_routes() -> None:
    """Raise `ImproperlyConfigured` where a route waits for a kind of alert that there is not."""
    for route in _routes():
        if unknown := sorted(set(route.kinds) - set(AlertKind.values)):
            kinds = ", ".join(AlertKind.values)
            said = f"ALERT_ROUTES: line {route.line}: no kind is called {unknown[0]}. {kinds}."
            raise ImproperlyConfigured(said)


def unknown_desks() -> list[str]:
    """Return the desks that routes wait for and that are not there; one may have been renamed."""
    named = {desk for route in _routes() for desk in route.desks}
    return sorted(named - set(Desk.objects.filter(name__in=named).values_list("name", flat=True)))


def unreached_desks() -> list[str]:
    """Return the active desks about which nobody is told anything, though ways are set."""
    named = {desk for route in _routes() for desk in route.desks}
    if not named or any(way.takes_every_desk for way in every_way()):
        return []
    others = Desk.objects.filter(is_active=True).exclude(name__in=named)
    return sorted(others.values_list("name", flat=True))


def astray() -> list[str]:
    """Say in sentences what names of desks in routes keep from people; or nothing."""
    said = []
    if unknown := unknown_desks():
        said.append(f"ALERT_ROUTES: no desk is named {', '.join(unknown)}.")
    if unreached := unreached_desks():
        said.append(f"Nobody is told of alerts about {', '.join(unreached)}.")
    return said


def _routes() -> list[AlertRoute]:
    routes: list[AlertRoute] = settings.ALERT_ROUTES
    return routes


def _key(route: AlertRoute) -> str:
    key = settings.SECRET_KEY.encode()
    said = f"{route.desks} {route.kinds} {route.address}"
    return hmac.new(key, b"alert route " + said.encode(), hashlib.sha256).hexdigest()[:16]


def _by_webhook(notice: Notice) -> None:
    webhook.post(
        {
            "network": settings.PACIFICA_NETWORK,
            "state": notice.state,
            "kind": notice.kind,
            "about": notice.about,
            "desk": notice.desk,
            "text": notice.text,
            "raised_at": notice.raised_at,
        }
    )


def _by_mail(notice: Notice) -> None:
    """Have the mail server take it; whether it arrives nobody can tell here."""
    try:
        send_mail(notice.subject, notice.text, None, settings.ALERT_EMAILS)
    except (SMTPException, OSError) as error:
        raise CannotTell(f"the mail server did not take it ({type(error).__name__})") from None


def _by_apprise(route: AlertRoute, notice: Notice) -> None:
    """Send by Apprise, which is loaded only here: most processes tell nothing by it."""
    from apprise import Apprise, AppriseAsset, NotifyFormat, PersistentStoreMode

    asset = AppriseAsset(
        app_id="Pacifica Desk",
        app_desc="Pacifica Desk",
        async_mode=False,
        storage_mode=PersistentStoreMode.MEMORY,
    )
    teller = Apprise(asset=asset)
    if not teller.add(route.address):
        raise CannotTell("it is no address that Apprise knows")
    if not teller.notify(body=notice.text, title=notice.subject, body_format=NotifyFormat.TEXT):
        raise CannotTell("it was not taken")

"""Middleware of every request: name it, end sessions that are over, ask for what is owed."""

import functools
import re
from collections.abc import Callable
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import get_script_prefix, reverse
from django.utils import timezone
from django.views.defaults import permission_denied

from desk import logs
from orders.access import denials, preferences, second_factor, sessions
from orders.access.permissions import NotAllowed
from orders.access.sign_in_log import actor_of, client_address
from orders.access.way_back import came_from, page_of

UTC = ZoneInfo("UTC")
ENDED = "Your session has ended: sign in again."
PROVE = "Confirm that it is you, then do it again: this act asks for it."
UNSTORABLE = ("NUL (0x00)", "expected a number but got")  # Django's words
NOW = "Desk-Now"  # our time in ms since 1970: ages on a page go by it, and that it is ours by that
REQUEST_ID = "X-Request-ID"
SOUND_ID = re.compile(r"[A-Za-z0-9._-]{8,64}", re.ASCII)
OPEN = (
    *("login", "logout", "confirm_yourself", "second_factor", "passkey_options"),
    *("enrol_second_factor", "enrol_passkey", "enrol_passkey_options"),
    *("single_sign_on", "single_sign_on_back", "passkey_entry", "passkey_entry_options"),
)
HEADERS = {
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class RequestIdMiddleware:
    """Middleware around all others: the request has an id, which its lines and its answer bear."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request_id = id_of(request)
        with logs.bound(request_id=request_id):
            response = self.get_response(request)
        response.headers[REQUEST_ID] = request_id
        return response


def id_of(request: HttpRequest) -> str:
    """Return the id that a trusted proxy gave, or a new one."""
    given = request.headers.get(REQUEST_ID, "") if settings.TRUST_PROXY_HEADERS else ""
    return given if SOUND_ID.fullmatch(given) else logs.new_id()


class SignInMiddleware:
    """Middleware after authentication: end sessions, demand the second factor and fresh proof."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if length_of(request) > longest_body(request):
            response: HttpResponseBase = HttpResponse(status=413)
        else:
            with timezone.override(zone_of(request)):
                response = self.stopped(request) or self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers[NOW] = str(int(timezone.now().timestamp() * 1000))
        return response

    def stopped(self, request: HttpRequest) -> HttpResponse | None:
        """Return the answer in place of the page, or None where the request may go on."""
        if not request.user.is_authenticated:
            return self.sign_in(request)
        if sessions.is_over(request):
            logout(request)
            messages.warning(request, ENDED)
            return self.sign_in(request)
        sessions.touch(request, address=client_address(request))
        owes = not sessions.is_verified(request) and second_factor.is_asked_of(request.user)
        if owes and request.path not in open_paths():
            return self.lead(request)
        # its form would let whoever found a session guess the old password without end
        is_new_password = request.path == reverse("admin:password_change")
        return self.ask(request) if is_new_password and not sessions.is_fresh(request) else None

    def sign_in(self, request: HttpRequest) -> HttpResponseRedirect | None:
        """Lead who sent a form without a session to sign in, then back to the form's page.

        Other pages ask a stranger to sign in by themselves: None.
        """
        is_page = request.method in {"GET", "HEAD"} or request.path in open_paths()
        if is_page or not request.path.startswith(reverse("admin:index")):
            return None
        return redirect_to_login(page_of(request), reverse("admin:login"))

    def lead(self, request: HttpRequest) -> HttpResponse:
        """Show the way to the second factor; an act without it is refused."""
        if request.method not in {"GET", "HEAD"}:
            what = f"{request.method} {request.path} without the second factor"
            denials.record(actor=actor_of(request), what=what)
            return permission_denied(request, PermissionDenied("The second factor is missing."))
        enrolled = second_factor.is_enrolled(sessions.person_of(request))
        name = "admin:second_factor" if enrolled else "admin:enrol_second_factor"
        return redirect(with_next(reverse(name), request.get_full_path()))

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer what no view answers: a value that no column can hold, an act that wants proof.

        An act that ended in *not yours* is recorded here, unless what refused it has done so.
        """
        if isinstance(exception, PermissionDenied | Http404):
            note(request, exception)
            return None
        if is_unstorable(exception):
            return HttpResponse(status=400)
        return self.ask(request) if isinstance(exception, sessions.NotFresh) else None

    def ask(self, request: HttpRequest) -> HttpResponseRedirect:
        """Ask for a fresh proof, and come back to the page the act began on."""
        back = request.get_full_path() if request.method == "GET" else came_from(request)
        messages.info(request, PROVE)
        return redirect(with_next(reverse("admin:confirm_yourself"), back))


def zone_of(request: HttpRequest) -> ZoneInfo:
    """Return the time zone that the person chose; a stranger's is UTC."""
    return preferences.zone_of(request.user) if request.user.is_authenticated else UTC


def longest_body(request: HttpRequest) -> int:
    """How much a person may send here: a list of orders may be long, all else is short."""
    takes_lists = request.user.is_authenticated and request.path == reverse(
        "admin:orders_preview_list"
    )
    return settings.MAX_LIST + settings.MAX_BODY if takes_lists else settings.MAX_BODY


def length_of(request: HttpRequest) -> int:
    """Return how many bytes of body the request states; without that, Django reads none."""
    stated = str(request.META.get("CONTENT_LENGTH", ""))
    return int(stated) if stated.isascii() and stated.isdigit() else 0


def note(request: HttpRequest, refusal: PermissionDenied | Http404) -> None:
    """Record a refused act; nothing where somebody only looked."""
    is_recorded = isinstance(refusal.__context__, NotAllowed)
    if request.method not in {"GET", "HEAD"} and not is_recorded and request.user.is_authenticated:
        denials.record(actor=actor_of(request), what=f"{request.method} {request.path}")


def is_unstorable(exception: Exception) -> bool:
    """Whether somebody sent what no column can hold, and the database was asked about it.

    Such are a number too large or none at all, a NUL, half an id.
    """
    if isinstance(exception, ValueError):
        return any(words in str(exception) for words in UNSTORABLE)
    return isinstance(exception, OverflowError | DataError | ValidationError)


def open_paths() -> frozenset[str]:
    """Return the pages for people who gave a password and nothing else yet."""
    return _open_paths_below(get_script_prefix())


@functools.cache
def _open_paths_below(prefix: str) -> frozenset[str]:
    """Return the same, worked out once: every request asks. ``prefix``: where the site stands."""
    return frozenset(reverse(f"admin:{name}") for name in OPEN)


def with_next(address: str, wanted: str) -> str:
    """Return the address with the one to go to afterwards."""
    return f"{address}?{urlencode({'next': wanted})}"

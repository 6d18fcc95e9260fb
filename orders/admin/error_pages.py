"""What a person reads in place of a page: in the site's frame for whoever is signed in."""

import logging
from collections.abc import Callable

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from orders.access import second_factor, sessions
from orders.access.way_back import page_of
from orders.admin.shared.screens import name_page

logger = logging.getLogger(__name__)
FRAME, PLAIN = "desk/shared/error.html", "desk/shared/plain.html"
TITLES = {
    400: "Not understood",
    403: "Not allowed",
    404: "Not found",
    405: "Not a page",
    413: "Too large",
    500: "Broken",
}
CSRF_TEMPLATE, CSRF_TITLE = "403_csrf.html", "Not accepted"


class ErrorPagesMiddleware:
    """Give a page to each answer that would be a bare status: a wrong method, too large a form."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        answer = self.get_response(request)
        is_bare = isinstance(answer, HttpResponse) and not answer.content
        if answer.status_code not in TITLES or not is_bare:
            return answer
        shown = page(request, answer.status_code)
        if answer.has_header("Allow"):
            shown["Allow"] = answer["Allow"]
        return shown


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400: an address or a form that cannot be read."""
    return page(request, 400)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403: the person's role does not allow it."""
    return page(request, 403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404: nothing is there, or nothing of the person's desks."""
    return page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500: the app failed. Where it cannot even draw its frame, the plain page."""
    return page(request, 500)


def too_old(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the page's form was made before the person signed in or out."""
    return page(request, 403, template=CSRF_TEMPLATE, title=CSRF_TITLE)


def page(request: HttpRequest, status: int, *, template: str = "", title: str = "") -> HttpResponse:
    """Draw the page of this status; plain where nobody is signed in or the frame fails."""
    template, title = template or f"{status}.html", title or TITLES[status]
    try:
        if _is_framed(request):
            return _framed(request, template, title, status)
    except Exception:
        logger.exception("An error page could not be drawn in its frame.")
    return render(request, template, {"title": title, "layout": PLAIN}, status=status)


def _framed(request: HttpRequest, template: str, title: str, status: int) -> HttpResponse:
    name_page(request, title)
    request.current_app = admin.site.name
    way_back = page_of(request)
    facts = {"title": title, "layout": FRAME, "way_back": way_back if status != 404 else ""}
    return render(request, template, admin.site.each_context(request) | facts, status=status)


def _is_framed(request: HttpRequest) -> bool:
    """Whether the person is in, and asked for a page, not for a part of one."""
    user = getattr(request, "user", None)
    is_page = request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"
    if user is None or not user.is_authenticated:
        return False
    if not is_page or "HX-Request" in request.headers:
        return False
    owes = not sessions.is_verified(request) and second_factor.is_asked_of(user)
    return not owes and not sessions.is_over(request)

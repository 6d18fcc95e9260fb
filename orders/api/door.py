"""Middleware at the API's door: no cookie comes in, no body too large, no answer without words."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from orders.api import problems

PREFIX, DESCRIPTION = "/api/", "/api/v1/openapi.json"
MAX_BODY = 256 * 1024


class ApiDoorMiddleware:
    """Stands before sessions: where a token counts, a browser's cookie is not even looked at."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PREFIX):
            return self.get_response(request)
        if request.path_info != DESCRIPTION:
            request.META.pop("HTTP_COOKIE", None)
        if _length_of(request) > MAX_BODY:
            told: HttpResponseBase = problems.answer(413, f"A body has at most {MAX_BODY} bytes.")
        else:
            told = _in_words(self.get_response(request))
        told.headers["Cache-Control"] = "no-store"
        return told


def _length_of(request: HttpRequest) -> int:
    """Return how many bytes of body the request states; without that, Django reads none."""
    stated = str(request.META.get("CONTENT_LENGTH", ""))
    return int(stated) if stated.isascii() and stated.isdigit() else 0


def _in_words(told: HttpResponseBase) -> HttpResponseBase:
    """Return the answer; a problem in place of a page for people."""
    is_told = told.headers.get("Content-Type", "").startswith(problems.MEDIA_TYPE)
    if told.status_code < 400 or is_told:
        return told
    allowed = {"Allow": told.headers["Allow"]} if "Allow" in told.headers else None
    return problems.answer(told.status_code, headers=allowed)

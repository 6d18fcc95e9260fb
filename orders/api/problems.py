"""What a program reads where it is refused: a problem in words, as RFC 9457 has them."""

import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI, Schema
from ninja.errors import HttpError, ValidationError

from orders.access.permissions import NotAllowed
from orders.lifecycle.targets import CannotAsk

logger = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
SHOWN_ERRORS = 5


class Problem(Schema):
    """Why nothing was done, and what to do about it."""

    title: str
    status: int
    detail: str
    what_to_do: str


AGAIN = "Ask again, an act with the same Idempotency-Key: it is done once."
TITLES = {  # of a status, and what to do where nothing better is known
    400: ("Not understood", "Send JSON as the description at /api/v1/openapi.json has it."),
    401: ("No token that counts", "Ask a desk head for a token, and send it as a bearer token."),
    403: ("Not for this token", "Ask a desk head for a token that may do this."),
    404: ("Not found", "Look at the address and at the ids in it."),
    405: ("No such act", "Look at the description at /api/v1/openapi.json."),
    409: ("Not as it stands", "Ask how it stands, then decide anew."),
    413: ("Too large", "Send less at once."),
    421: ("Not here", "Let the proxy pass this path to manage.py push."),
    422: ("Not possible as asked", "Change what the detail names, with a new Idempotency-Key."),
    429: ("Too many requests", "Wait as many seconds as Retry-After says."),
    500: ("Broken", AGAIN),
    503: ("Not now", AGAIN),
}
WAIT, NO_ROW = TITLES[429][1], "There is no such thing on the token's desk."


class Refused(Exception):
    """A request ends in this problem. ``headers``: what its answer has beside it.

    ``record``: writes down that it was refused; whoever answers calls it, which may wait.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        what_to_do: str = "",
        headers: dict[str, str] | None = None,
        record: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(detail)
        self.record = record
        self.status, self.detail, self.what_to_do = status, detail, what_to_do
        self.headers = headers or {}


def not_found() -> Refused:
    """Return the one refusal for what is not there and for what is another desk's."""
    return Refused(404, NO_ROW)


def answer(
    status: int, detail: str = "", *, what_to_do: str = "", headers: dict[str, str] | None = None
) -> HttpResponse:
    """Make the answer of a problem."""
    title, usual = TITLES.get(status) or (HTTPStatus(status).phrase, TITLES[400][1])
    body = {"title": title, "status": status, "detail": detail or f"{title}."}
    body["what_to_do"] = what_to_do or usual
    made = JsonResponse(body, status=status, content_type=MEDIA_TYPE)
    for name, value in (headers or {}).items():
        made.headers[name] = value
    if status == 401:
        made.headers["WWW-Authenticate"] = "Bearer"
    return made


def connect(api: NinjaAPI) -> None:
    """Let every refusal of the layers below, and every fault, end in a problem."""
    api.add_exception_handler(Refused, _refused)
    api.add_exception_handler(CannotAsk, _cannot_ask)
    api.add_exception_handler(NotAllowed, lambda request, error: answer(404, NO_ROW))
    api.add_exception_handler(Http404, lambda request, error: answer(404, NO_ROW))
    api.add_exception_handler(HttpError, _http_error)
    api.add_exception_handler(ValidationError, _invalid)
    for error in (OperationalError, InterfaceError):
        api.add_exception_handler(error, _no_database)
    api.add_exception_handler(Exception, _broken)


def _refused(request: HttpRequest, error: Any) -> HttpResponse:
    about = {"what_to_do": error.what_to_do, "headers": error.headers}
    return answer(error.status, error.detail, **about)


def _http_error(request: HttpRequest, error: Any) -> HttpResponse:
    return answer(error.status_code)


def _cannot_ask(request: HttpRequest, error: Any) -> HttpResponse:
    where = f"{error.field}: " if error.field else ""
    return answer(422, f"{where}{error}")


def _invalid(request: HttpRequest, error: Any) -> HttpResponse:
    """Say what of the request does not fit, without what was sent."""
    said = [f"{_place(each['loc'])}: {each['msg']}" for each in error.errors[:SHOWN_ERRORS]]
    return answer(422, "; ".join(said))


def _place(loc: tuple[str | int, ...]) -> str:
    """Name an input as a program knows it: *body.order_ids.3*."""
    return ".".join(str(part) for part in loc if part != "given")


def _no_database(request: HttpRequest, error: Any) -> HttpResponse:
    logger.error("The database failed %s %s.", request.method, request.path, exc_info=error)
    detail = "The database cannot be read or written now."
    return answer(503, detail, headers={"Retry-After": "1"})


def _broken(request: HttpRequest, error: Any) -> HttpResponse:
    logger.error("The API failed at %s %s.", request.method, request.path, exc_info=error)
    return answer(500, "The desk failed; what went wrong is in its own log.")

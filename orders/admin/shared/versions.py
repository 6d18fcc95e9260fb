"""Versions of what pages show: the log's position as a request began, and what else it depends on.

A page that asks for a part tells the version that it shows; where that is still the version, there
is nothing to send. The position is read before anything that is shown, so a change meanwhile makes
another version.
"""

from django.http import HttpRequest, HttpResponse

from orders.audit import reader
from orders.models.lookups import number

VERSION = "Desk-Version"
POSITION = "log_position"  # where a request keeps it


def begin(request: HttpRequest) -> None:
    """Note where the log stands before anything is read that is shown."""
    setattr(request, POSITION, reader.tip())


def position_of(request: HttpRequest) -> int:
    """Return where the log stood as the request began; 0 where nobody asked."""
    position: int = getattr(request, POSITION, 0)
    return position


def unchanged(request: HttpRequest, *more: object) -> HttpResponse | None:
    """Return the answer for a page that has this version already, else None.

    ``more``: what the part depends on beside the log.
    """
    if request.headers.get(VERSION) != _version(request, *more):
        return None
    return HttpResponse(status=204, headers={"Cache-Control": "no-store"})


def shown(request: HttpRequest) -> int | None:
    """Return the position of the version that the page shows; None where it names none."""
    return number(request.headers.get(VERSION, "").partition(".")[0])


def nothing(request: HttpRequest, *more: object) -> HttpResponse:
    """Return the answer for a page of which nothing changed, though the log went on."""
    return versioned(
        HttpResponse(status=204, headers={"Cache-Control": "no-store"}), request, *more
    )


def versioned(response: HttpResponse, request: HttpRequest, *more: object) -> HttpResponse:
    """Return the part with its version, for the page to tell next time."""
    response.headers[VERSION] = _version(request, *more)
    return response


def _version(request: HttpRequest, *more: object) -> str:
    return ".".join(str(each) for each in (position_of(request), *more))

"""The way back to a page: where a form of this request stands, after it was refused or put off."""

import contextlib
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.urls import Resolver404, resolve, reverse

PAGES = ("_change", "_changelist")


def page_of(request: HttpRequest) -> str:
    """Return the page on which the form of this request stands, as far as can be told."""
    return came_from(request) if request.headers.get("Referer") else page_above(request.path)


def came_from(request: HttpRequest) -> str:
    """Return the page of this site on which a form was filled in, else the overview.

    A form that was given back with its errors stands at the address it was sent to, which takes
    nothing but forms: its page is the one above.
    """
    parts = urlsplit(request.headers.get("Referer", ""))
    if parts.netloc != request.get_host():
        return reverse("admin:index")
    if parts.path == request.path and request.method == "POST" and is_act(parts.path):
        return page_above(parts.path)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def page_above(path: str) -> str:
    """Return the page whose form is sent to this address; the overview where none can be told."""
    above = path.rstrip("/").rpartition("/")[0] + "/"
    for address in (f"{above}change/", above):
        if _name_of(address).endswith(PAGES):
            return address
    return reverse("admin:index")


def is_act(path: str) -> bool:
    """Whether a form of a row's page is sent to this address."""
    above = path.rstrip("/").rpartition("/")[0] + "/"
    is_page = _name_of(path).endswith((*PAGES, "_add"))
    return not is_page and _name_of(f"{above}change/").endswith("_change")


def _name_of(address: str) -> str:
    with contextlib.suppress(Resolver404):
        return resolve(address).url_name or ""
    return ""

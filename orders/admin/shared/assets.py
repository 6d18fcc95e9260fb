"""Style sheets, script and icon of every page."""

from django.http import HttpRequest
from django.templatetags.static import static


def theme(request: HttpRequest) -> str:
    """The theme's colours as a style sheet of their own."""
    return static("desk/theme.css")


def stylesheet(request: HttpRequest) -> str:
    """Our own styles, beside the theme's."""
    return static("desk/desk.css")


def favicon(request: HttpRequest) -> str:
    """The mark in the browser's tab."""
    return static("desk/favicon.svg")


def script(request: HttpRequest) -> str:
    """Our own script, beside the theme's."""
    return static("desk/desk.js")


def events(request: HttpRequest) -> str:
    """The line on which changes come in, one for all pages of a browser."""
    return static("desk/events.js")


def replace(request: HttpRequest) -> str:
    """How what changed is put in its place."""
    return static("desk/replace.js")


def follow(request: HttpRequest) -> str:
    """What a page does about a change, and how it asks where no line stands."""
    return static("desk/follow.js")


def reach(request: HttpRequest) -> str:
    """What a keyboard and a screen reader reach."""
    return static("desk/reach.js")


def kept(request: HttpRequest) -> str:
    """What was typed or chosen, kept over what comes in between."""
    return static("desk/kept.js")


def contact(request: HttpRequest) -> str:
    """Whether the site answers, and what its clock says."""
    return static("desk/contact.js")


def passkeys(request: HttpRequest) -> str:
    """How a passkey is made, and asked to sign."""
    return static("desk/passkeys.js")


def sign_on(request: HttpRequest) -> str:
    """How a browser that is back from the sign-in service sends itself on."""
    return static("desk/sign_on.js")

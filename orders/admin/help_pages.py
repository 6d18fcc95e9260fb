"""The documents as pages of the site, for whoever is signed in; each screen leads to its own."""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from pathlib import Path, PurePosixPath

from django.conf import settings
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.templatetags.static import static
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

FOLDER = Path(settings.BASE_DIR) / "docs"
STATIC = "../orders/static/"
SCREENS = "screens"
# The section of `docs/screens.md` on a screen, or another document, by what its address is called.
TOPICS = {
    "index": "screens#overview",
    "orders_order_cancel_by_id": "screens#cancel-by-id",
    "orders_preview_scope": "screens#cancel-by-scope",
    "orders_preview_list": "screens#cancel-a-list",
    "orders_panicline": "panic",
    "orders_order": "screens#orders",
    "orders_preview": "screens#the-preview",
    "orders_canceljob": "screens#jobs",
    "orders_cancel": "screens#unresolved",
    "orders_drift": "screens#discrepancies",
    "orders_account": "screens#accounts",
    "orders_agentwallet": "screens#agent-wallets",
    "orders_apitoken": "screens#api-tokens",
    "orders_auditrecord": "screens#audit-records",
    "orders_export": "audit-log",
    "orders_verification": "audit-log",
    "orders_restore": "operations#restoring-a-copy",
    "orders_alert": "screens#alerts",
    "orders_guard": "guard",
    "orders_schedule": "guard#schedules",
    "orders_latch": "guard#latches",
    "orders_desk": "screens#desks-and-people",
    "auth_user": "screens#desks-and-people",
    "own_settings": "screens#your-settings",
}


def address_for(screen: str) -> str:
    """Where the help on a screen stands. ``screen``: the name of its address."""
    topic = next((topic for name, topic in TOPICS.items() if screen.startswith(name)), SCREENS)
    name, _, section = topic.partition("#")
    return _address(name) + (f"#{section}" if section else "")


def view(request: HttpRequest, frame: dict[str, object], name: str) -> TemplateResponse:
    """One document, with the list of all."""
    paths = dict(_documents())
    if name not in paths:
        raise Http404
    body, title = _rendered(name, paths[name].stat().st_mtime_ns)
    others = [(_address(each), _title(path)) for each, path in paths.items() if "/" not in each]
    facts = {"title": title, "body": body, "others": others, "here": _address(name)}
    return TemplateResponse(request, "desk/help.html", frame | facts)


def _documents() -> Iterator[tuple[str, Path]]:
    """Names and paths of the documents that are there: *panic*, *decisions/10-unfold*."""
    for path in sorted(FOLDER.rglob("*.md")):
        yield str(path.relative_to(FOLDER).with_suffix("")), path


def _address(name: str) -> str:
    return reverse("admin:help", args=[name])


@lru_cache(maxsize=64)
def _rendered(name: str, changed_at: int) -> tuple[SafeString, str]:
    """A document as HTML, and its title. HTML in it is shown as the text that it is."""
    tokens = _markdown().parse((FOLDER / f"{name}.md").read_text())
    for opened, inline in pairwise(tokens):
        if opened.type == "heading_open":
            opened.attrSet("id", slug(inline.content))
        for token in inline.children or ():
            _lead(token, name)
    html = _markdown().renderer.render(tokens, _markdown().options, {})
    return mark_safe(html), _title(FOLDER / f"{name}.md")  # noqa: S308 made from our own files


def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _lead(token: Token, name: str) -> None:
    """Let a link between documents lead to the page of the other, and a picture to its file."""
    if token.type == "image":
        token.attrSet("src", static(str(token.attrs["src"]).removeprefix(STATIC)))
    if token.type != "link_open":
        return
    path, mark, section = str(token.attrs["href"]).partition("#")
    if re.match("https?:", path):
        token.attrSet("rel", "noopener")
    elif path.endswith(".md") and (target := _target(name, path)) in dict(_documents()):
        token.attrSet("href", f"{_address(target)}{mark}{section}")
    elif path:  # a file of the project that is no page here
        del token.attrs["href"]


def _target(name: str, path: str) -> str:
    """The document that a link means, from the folder of the one that it stands in."""
    parts: list[str] = []
    for part in (PurePosixPath(name).parent / path).parts:
        if part == ".." and parts:
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts).removesuffix(".md")


def _title(path: Path) -> str:
    return path.read_text().partition("\n")[0].lstrip("# ").strip()


def slug(heading: str) -> str:
    """The name of a section in addresses, as GitHub makes it: *Is it well?* is *is-it-well*."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")

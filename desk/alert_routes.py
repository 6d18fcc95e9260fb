"""Where alerts go by Apprise: one line each, `desk=NAME,NAME kind=KIND,KIND ADDRESS`."""

import shlex
from dataclasses import dataclass, field

LIMIT = 50  # routes; one matter is told by each in turn
WAYS = ("desk", "kind")


class BadRoute(ValueError):
    """A line that cannot be meant; the text names it by number and repeats no address."""


@dataclass(frozen=True)
class AlertRoute:
    """Where some alerts go. ``desks``, ``kinds``: those alone; empty means all of them.

    ``address``: as Apprise writes it; it holds passwords, so it is never shown.
    """

    line: int
    address: str = field(repr=False)
    desks: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"route {self.line} ({self.address.partition('://')[0]})"

    def takes(self, *, desk: str, kind: str) -> bool:
        """Whether this alert goes there. What is about no desk goes to every desk's people."""
        is_of_desk = not self.desks or not desk or desk in self.desks
        return is_of_desk and (not self.kinds or kind in self.kinds)


def parse(text: str) -> list[AlertRoute]:
    """Read a file of routes; empty lines and those that begin with # say nothing.

    Raises `BadRoute`.
    """
    lines = [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1)]
    routes = [_route(number, line) for number, line in lines if line and line[0] != "#"]
    if len(routes) > LIMIT:
        raise BadRoute(f"has {len(routes)} routes; {LIMIT} are the most.")
    return routes


def _route(number: int, line: str) -> AlertRoute:
    try:
        *words, address = shlex.split(line)
    except ValueError:
        raise BadRoute(f"line {number}: a quotation mark is not closed.") from None
    if "://" not in address:
        raise BadRoute(f"line {number}: must end with an address such as slack://….")
    chosen = dict(_chosen(number, word) for word in words)
    return AlertRoute(number, address, chosen.get("desk", ()), chosen.get("kind", ()))


def _chosen(number: int, word: str) -> tuple[str, tuple[str, ...]]:
    """Read one `desk=…` or `kind=…`."""
    name, _, value = word.partition("=")
    named = tuple(one.strip() for one in value.split(",") if one.strip())
    if name not in WAYS or not named:
        raise BadRoute(f'line {number}: before the address only desk="…" and kind=… are read.')
    return name, named

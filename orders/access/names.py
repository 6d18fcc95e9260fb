"""Names of people: no new one reads like somebody else's, by whatever door it comes.

The log names people. Django tells `Root` and `root` apart, and so does the sign-in; a reader does
not. Those that were alike before stay as they are, and can be saved as they are.
"""

import unicodedata
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models.signals import pre_save

from orders.models import Installation

if TYPE_CHECKING:
    from django.contrib.auth.models import User

ALIKE = "Somebody is named {} here, which reads the same. Take another name."
# Cyrillic and Greek letters that are drawn as a Latin one, and Latin ones drawn as another.
_CYRILLIC = ("\u0430\u0435\u0456\u0458\u043e\u0440\u0441\u0443\u0445\u0455\u04bb", "aeijopcyxsh")
_CYRILLIC_CAPITALS = (
    "\u0410\u0412\u0415\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0405",
    "ABEIJKMHOPCTYXS",
)
_RARE_CYRILLIC = ("\u04cf\u04c0\u0501\u051b\u051d\u0475\u0474", "iIdqwvV")
_GREEK_CAPITALS = (
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7",
    "ABEZHIKMNOPTYX",
)
_OTHERS = ("\u03b1\u03bf\u03bd\u03b9\u03c1\u03c5\u0131\u0251\u0261", "aovipuiag")
_PAIRS = (_CYRILLIC, _CYRILLIC_CAPITALS, _RARE_CYRILLIC, _GREEK_CAPITALS, _OTHERS)
_DRAWN: dict[int, int | None] = {}
_DRAWN |= str.maketrans("".join(one for one, _ in _PAIRS), "".join(as_ for _, as_ in _PAIRS))
_DRAWN |= dict.fromkeys((0x115F, 0x1160), None)  # letters to Unicode, drawn as nothing


class ReadsAlike(ValidationError):
    """Somebody has a name that reads the same. ``other``: that name."""

    def __init__(self, other: str) -> None:
        super().__init__(ALIKE.format(other))
        self.other = other


def check(name: str, *, person_id: int | None = None) -> None:
    """Raise `ReadsAlike` where somebody else's name reads the same as this new one.

    ``person_id``: who is to have it, if they are there already; the name that they have stays good.
    """
    looks = _looks(name)
    people = get_user_model().objects.order_by("pk").values_list("pk", "username")
    for pk, other in people:
        if pk == person_id and other == name:
            return
    for pk, other in people:
        if pk != person_id and not looks.isdisjoint(_looks(other)):
            raise ReadsAlike(other)


def alike() -> list[tuple[str, str]]:
    """Return the pairs of names that read the same, of before they were refused."""
    found: list[tuple[str, str]] = []
    seen: dict[str, str] = {}
    names = get_user_model().objects.order_by("pk").values_list("username", flat=True)
    for name in names:
        looks = _looks(name)
        first = next((seen[one] for one in looks if one in seen), None)
        if first is not None:
            found.append((first, name))
        seen |= dict.fromkeys(looks, first or name)
    return found


def connect() -> None:
    """Check every name as it is stored: no page, command or provider leads around it."""
    pre_save.connect(_before_save, settings.AUTH_USER_MODEL, dispatch_uid="names_of_people")


def _before_save(sender: type["User"], instance: "User", **kwargs: Any) -> None:
    fields = kwargs.get("update_fields")
    if kwargs.get("raw") or (fields is not None and "username" not in fields):
        return
    if transaction.get_connection().in_atomic_block:  # of two who come at once, one waits
        list(Installation.objects.select_for_update(no_key=True).values_list("pk"))
    check(instance.get_username(), person_id=instance.pk)


def _looks(name: str) -> set[str]:
    """Return what a name is taken for: by its letters in any case, and by how they are drawn."""
    plain = unicodedata.normalize("NFKC", name)
    return {plain.casefold(), plain.translate(_DRAWN).casefold()}

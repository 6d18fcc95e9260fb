"""Read the ``#:`` sentence that stands above each member of a choices class, its one home."""

import functools
import inspect
import re

from django.db.models import TextChoices

MEMBER = re.compile(r"((?:^ +#: .*\n)+) +(\w+) = ", re.MULTILINE)


@functools.cache
def meanings(choices: type[TextChoices]) -> dict[str, str]:
    """The sentence of each stored value of ``choices``, in their order."""
    found = MEMBER.findall(inspect.getsource(choices))
    return {choices[name].value: _one_line(comment) for comment, name in found}


def _one_line(comment: str) -> str:
    return " ".join(line.strip().removeprefix("#: ") for line in comment.splitlines())

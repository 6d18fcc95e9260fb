"""Read the ``#:`` sentence that stands above each member of a choices class, its one home."""

import functools
import inspect
import re

MEMBER = re.compile(r"((?:^ +#: .*\n)+) +(\w+) = ", re.MULTILINE)


@functools.cache
def meanings(choices) -> dict[str, str]:
    """The sentence of each stored value of ``choices``, in their order."""
    found = MEMBER.findall(inspect.getsource(choices))
    return {choices[name].value: _one_line(comment) for comment, name in found}


def _one_line(comment):
    return " ".join(line.strip().removeprefix("#: ") for line in comment.splitlines())

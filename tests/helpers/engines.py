"""How much is tried on an engine: all on the embedded one, a fixed part of it on another.

What such a table or property is about is decided in Python. Another engine differs in what it
takes and gives back, and that is met by the part as well.
"""

import random

from django.db import connection

ONE_IN = 5


def examples(count):
    """Of so many examples of a property, those for this engine."""
    return count if connection.vendor == "sqlite" else -(-count // ONE_IN)


def part_of(table):
    """Of all rows of a table, those for this engine; the same each time, from all over it."""
    rows = list(table)
    return random.Random(0).sample(rows, examples(len(rows)))

"""How far a paged history was read, told from its rows alone: what they are sorted by, nobody
promises (docs.pacifica.fi says newest first, pacifica-fi/pacifica-mcp oldest first)."""

from itertools import pairwise

from orders import endings

FEWEST = 20  # rows in which an order is seen: two may fall by chance


def is_passed(rows, made_at, ended_at=None) -> bool:
    """Whether the rows were read past where an order made, and ended, then would stand.

    Only where they were seen falling, or rising, all the way, by when they were made or changed.
    Both are asked of, however it is sorted: an order changes no earlier than it is made.
    """
    if made_at is None or len(rows) < FEWEST:
        return False
    if any(_falls(rows, name) for name in SORTED_BY):
        changed_at = endings.changed_at(rows[-1])
        return bool(changed_at and changed_at < made_at)
    if ended_at is not None and any(_falls(rows[::-1], name) for name in SORTED_BY):
        last_made_at = endings.made_at(rows[-1])
        return bool(last_made_at and last_made_at > ended_at)
    return False


SORTED_BY = ("created_at", "updated_at")


def _falls(rows, name):
    times = [endings.time_ms(row, name) for row in rows]
    if None in times or times[0] == times[-1]:
        return False
    return all(one >= other for one, other in pairwise(times))

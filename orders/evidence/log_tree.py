"""The Merkle tree over the log, from the newest checkpoint that has one on."""

from collections.abc import Iterator

from orders.evidence.checkpoint_file import CannotCheckpoint
from orders.evidence.tree import Tree
from orders.models import AuditRecord

CHUNK = 10_000


def hashes(after: int, until: int) -> Iterator[str]:
    """Yield the hashes of the records past one position up to another; each must be there.

    Raises `CannotCheckpoint`: over a gap there is no tree.
    """
    while after < until:
        records = AuditRecord.objects.filter(position__gt=after, position__lte=until)
        rows = list(records.order_by("position").values_list("position", "hash")[:CHUNK])
        for position, hash_ in rows:
            after += 1
            if position != after:
                raise _missing(after)
            yield hash_
        if not rows:
            raise _missing(after + 1)


def grow(tree: Tree, count: int) -> None:
    """Add to a tree the records that it lacks of so many. Raises `CannotCheckpoint`."""
    try:
        for each in hashes(tree.count, count):
            tree.add(each)
    except ValueError:
        said = f"Record {tree.count + 1} has no hash. Run audit_verify."
        raise CannotCheckpoint(said) from None


def _missing(position: int) -> CannotCheckpoint:
    return CannotCheckpoint(f"Record {position} is missing in the log. Run audit_verify.")

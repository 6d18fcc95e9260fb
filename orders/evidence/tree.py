"""A Merkle tree (RFC 6962, section 2.1) over the records' hashes, grown leaf by leaf. Pure.

Leaf N is the ``hash`` of the record at position N, as 32 bytes. Of a tree only its *peaks* are
kept: the roots of the largest perfect trees that its leaves fall into, the largest first, one for
each 1 in the binary number of its leaves. From them follow the root, every later tree and, with the
leaves that came after, the proof that a later tree goes on from this one.
"""

import hashlib
from collections.abc import Callable, Iterable

Between = Callable[[int, int], Iterable[str]]  # the hashes of the records past one, up to another


class Tree:
    """``count``: how many leaves; ``peaks``: 32 bytes each."""

    def __init__(self, count: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.count, self.peaks = count, list(peaks)

    @classmethod
    def over(cls, hashes: Iterable[str]) -> "Tree":
        """Return the tree over these hashes, given as hex."""
        tree = cls()
        for each in hashes:
            tree.add(each)
        return tree

    def add(self, hash_: str) -> None:
        """Add one leaf, given as hex."""
        node, trees = hashlib.sha256(b"\0" + bytes.fromhex(hash_)).digest(), self.count
        while trees & 1:  # two perfect trees of one size become one
            node, trees = joined(self.peaks.pop(), node), trees >> 1
        self.peaks.append(node)
        self.count += 1

    def root(self) -> bytes:
        """Return the tree's hash (MTH)."""
        if not self.peaks:
            return hashlib.sha256(b"").digest()
        *others, node = self.peaks
        for peak in reversed(others):
            node = joined(peak, node)
        return node

    def peak(self, start: int) -> bytes:
        """Return the peak whose first leaf is this one, counted from 0."""
        return self.peaks[start.bit_count()]


def joined(left: bytes, right: bytes) -> bytes:
    """Return the hash of a node of two."""
    return hashlib.sha256(b"\1" + left + right).digest()


def consistency(old: Tree, count: int, between: Between) -> list[bytes]:
    """Prove that the tree of ``count`` leaves goes on from ``old`` (RFC 6962, section 2.1.2).

    The peaks of the old tree stand for all before; only what came after is read.
    """
    path: list[bytes] = []
    low, high, is_start = 0, count, True
    while old.count not in (0, high):
        middle = low + (1 << ((high - low - 1).bit_length() - 1))
        if old.count <= middle:
            path.append(Tree.over(between(middle, high)).root())
            high = middle
        else:
            path.append(old.peak(low))
            low, is_start = middle, False
    return [*([] if is_start else [old.peak(low)]), *reversed(path)]

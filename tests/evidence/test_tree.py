"""The tree over the records' hashes: by the vectors of RFC 6962's tests, and by its definition."""

import hashlib

import pytest

from orders.evidence.tree import Tree, consistency

# Leaves and roots of the test data that implementations of RFC 6962 share.
LEAVES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
LEAVES += ["606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
HASHES = [hashlib.sha256(bytes([n])).hexdigest() for n in range(70)]


def split(count):
    """The largest power of two below it."""
    return 1 << ((count - 1).bit_length() - 1)


def mth(leaves):
    """MTH as section 2.1 writes it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + bytes.fromhex(leaves[0])).digest()
    at = split(len(leaves))
    return hashlib.sha256(b"\1" + mth(leaves[:at]) + mth(leaves[at:])).digest()


def subproof(old, leaves, is_whole):
    """SUBPROOF as section 2.1.2 writes it."""
    if old == len(leaves):
        return [] if is_whole else [mth(leaves)]
    at = split(len(leaves))
    if old <= at:
        return [*subproof(old, leaves[:at], is_whole), mth(leaves[at:])]
    return [*subproof(old - at, leaves[at:], False), mth(leaves[:at])]


@pytest.mark.parametrize("count", range(9))
def test_the_roots_are_those_of_the_vectors(count):
    assert Tree.over(LEAVES[:count]).root().hex() == ROOTS[count]


@pytest.mark.parametrize("count", range(70))
def test_the_root_is_that_of_the_definition(count):
    assert Tree.over(HASHES[:count]).root() == mth(HASHES[:count])


def test_a_tree_goes_on_from_its_peaks():
    for count in range(69):
        known = Tree.over(HASHES[:count])
        later = Tree(count, known.peaks)
        later.add(HASHES[count])
        assert later.peaks == Tree.over(HASHES[: count + 1]).peaks
        assert len(known.peaks) == count.bit_count()


def test_proofs_are_those_of_the_definition_and_read_only_what_is_new():
    for count in range(1, 70):
        for old in range(1, count + 1):
            read = []

            def between(low, high, read=read):
                read.extend(range(low, high))
                return HASHES[low:high]

            found = consistency(Tree.over(HASHES[:old]), count, between)
            assert found == subproof(old, HASHES[:count], True)
            assert all(one >= old for one in read)


def test_every_tree_goes_on_from_the_empty_one_without_proof():
    assert consistency(Tree(), 7, lambda low, high: HASHES[low:high]) == []

"""Whatever a database superuser does to records under a checkpoint is found and named."""

import pytest

from tests.evidence import tampering

SEED, COUNT, AT_ONCE = 20261122, 60, 15


@pytest.fixture
def covered(db):
    return tampering.build(cycles=8, every=2)


@pytest.mark.parametrize("part", range(COUNT // AT_ONCE))
def test_seeded_tamperings_are_all_found(covered, part):
    missed = []
    for number in range(part * AT_ONCE, (part + 1) * AT_ONCE):
        done, found = tampering.try_one(SEED + number, covered=covered)
        if not found:
            missed.append((number, done))
    assert missed == []


@pytest.mark.parametrize("kind", sorted(set(tampering.KINDS), key=lambda kind: kind.__name__))
def test_each_kind_of_tampering_is_found(covered, kind, monkeypatch):
    monkeypatch.setattr(tampering, "KINDS", [kind])
    _, found = tampering.try_one(SEED, covered=covered)
    assert found

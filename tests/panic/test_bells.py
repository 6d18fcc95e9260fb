"""A sweep on the same file hears at once that a panic was recorded, and not before it is there."""

from pathlib import Path

import pytest
from django.db import connection, transaction

from desk import doorbell
from orders.models import PanicLine
from orders.panic import actions, bells, decision

ON_SQLITE = pytest.mark.skipif(connection.vendor != "sqlite", reason="its bell hangs by the file")


def pull(firm):
    decision.record_panic(user=firm.operator, actor=firm.actor(), desk_id=firm.momentum.pk)


@pytest.fixture
def rung(monkeypatch, tmp_path):
    """What rang, each with whether the line was there to be seen by others."""
    heard = []
    monkeypatch.setattr(bells, "folder", lambda: tmp_path)
    monkeypatch.setattr(
        doorbell, "ring", lambda place: heard.append((place, connection.in_atomic_block))
    )
    return heard


def test_a_panic_rings_once_it_is_committed(committing_firm, rung, tmp_path):
    with transaction.atomic():
        pull(committing_firm)
        assert rung == []
    assert rung == [(tmp_path, False)]


def test_what_is_undone_rings_for_nobody(committing_firm, rung):
    with pytest.raises(RuntimeError), transaction.atomic():
        pull(committing_firm)
        raise RuntimeError
    assert rung == []


def test_a_persons_word_on_a_line_rings(committing_firm, rung):
    pull(committing_firm)
    about = {"user": committing_firm.operator, "actor": committing_firm.actor()}
    actions.withdraw(line_id=PanicLine.objects.get().pk, **about)
    assert len(rung) == 2


@ON_SQLITE
def test_the_bell_hangs_beside_the_file_and_only_its_user_can_ring(monkeypatch, short_path):
    monkeypatch.setitem(connection.settings_dict, "NAME", str(short_path / "desk.sqlite3"))
    bell = bells.hung()
    assert bells.folder() == short_path / "bells"
    assert bells.folder().stat().st_mode & 0o077 == 0
    doorbell.ring(bells.folder())
    assert bell.wait(10)
    bell.close()


@ON_SQLITE
def test_where_no_bell_can_hang_a_sweep_has_none(monkeypatch, tmp_path):
    far = tmp_path / ("far" * 40)
    far.mkdir()
    monkeypatch.setitem(connection.settings_dict, "NAME", str(far / "desk.sqlite3"))
    assert bells.hung() is None
    monkeypatch.setitem(connection.settings_dict, "NAME", str(Path("/proc/none/desk.sqlite3")))
    assert bells.hung() is None
    monkeypatch.setitem(connection.settings_dict, "NAME", ":memory:")
    assert (bells.folder(), bells.hung()) == (None, None)

"""What the desk writes is private to its user, whatever the umask and whatever was there before."""

import os
import stat
from contextlib import closing
from datetime import timedelta

import pytest
from django.utils import timezone

from desk import private
from desk.sqlite3.base import DatabaseWrapper
from orders.evidence import archive as log_archive
from orders.evidence import checkpoints
from orders.operations.errands import background, exports
from tests.desk.test_settings import settings as process_settings


@pytest.fixture(autouse=True)
def _careless():
    """A umask that gives everything to everybody."""
    usual = os.umask(0)
    yield
    os.umask(usual)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("is_there", [False, True])
def test_sqlite_and_what_it_puts_beside(tmp_path, is_there):
    file = tmp_path / "desk.sqlite3"
    if is_there:
        file.touch(0o666)
    wrapper = DatabaseWrapper({"NAME": str(file), "OPTIONS": {}}, "aside")
    about = wrapper.get_connection_params()
    with closing(wrapper.get_new_connection(about)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE t (x)")
        modes = {path.name: mode(path) for path in tmp_path.iterdir()}
    names = {"desk.sqlite3", "desk.sqlite3-wal", "desk.sqlite3-shm"}
    assert modes == dict.fromkeys(names, 0o600)


def test_a_database_that_is_there_is_not_opened_beside_sqlite(tmp_path, monkeypatch):
    """Closing it again would take away the locks that SQLite holds: they belong to the process."""
    file = tmp_path / "desk.sqlite3"
    private.make_file(file)
    real, handles = os.open, []

    def counting(path, flags, *rest, **about):
        handle = real(path, flags, *rest, **about)
        handles.append(path)
        return handle

    monkeypatch.setattr(os, "open", counting)
    private.make_file(file)
    assert handles == []


def test_the_data_folder(tmp_path):
    folder = tmp_path / "data"
    process_settings(tmp_path, DATA_DIR=str(folder))
    assert mode(folder) == 0o700
    (folder / "desk.sqlite3").touch()
    folder.chmod(0o755)
    assert process_settings(tmp_path, DATA_DIR=str(folder))["SETTING_WARNINGS"] == []
    assert mode(folder) == 0o700


def test_a_folder_of_others_is_not_shut_but_told_of(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir(0o755)
    (folder / "somebody-elses").mkdir()
    (said,) = process_settings(tmp_path, DATA_DIR=str(folder))["SETTING_WARNINGS"]
    assert said.startswith("DATA_DIR: others can look into it")
    assert mode(folder) == 0o755


def test_an_export_and_its_folder(firm, settings, tmp_path):
    settings.EXPORT_DIR = tmp_path / "exports"
    asked = exports.ask(user=firm.auditor, actor=firm.actor(firm.auditor), query={})
    background.run_due()
    assert (mode(settings.EXPORT_DIR), mode(exports.path_of(asked))) == (0o700, 0o600)


def test_an_archive_and_the_checkpoints(firm, settings, tmp_path):
    checkpoints.make()
    before = timezone.now() + timedelta(days=1)
    archive = log_archive.archive(before=before, folder=tmp_path)
    assert mode(archive.path) == 0o600
    (lines,) = settings.DATA_DIR.glob(f"{settings.AUDIT_CHECKPOINT_FILE.rpartition('/')[2]}*")
    assert mode(lines) == 0o600


def test_what_is_not_ours_is_left_as_it_is(tmp_path, monkeypatch):
    file = tmp_path / "theirs"
    file.touch(0o644)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert not private.shut(file)
    assert mode(file) == 0o644

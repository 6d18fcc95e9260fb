"""Key files: what systemd, Docker and Kubernetes hand over is read, what others can read is not."""

import os
import struct
from types import SimpleNamespace

import pytest

from desk import key_files

ME, MY_GROUP = os.geteuid(), os.getegid()
ELSE = 4711  # neither a user nor a group of this process
REGULAR = 0o100000


def broken_rule(mode, uid=ME, gid=MY_GROUP, acl=b""):
    """Why a file of this mode and owner may not be used, or nothing."""
    try:
        key_files.check(SimpleNamespace(st_mode=REGULAR | mode, st_uid=uid, st_gid=gid), acl)
    except key_files.RuleBroken as broken:
        return str(broken)
    return ""


@pytest.mark.parametrize(
    ("mode", "uid", "gid"),
    [(0o400, ME, MY_GROUP), (0o400, 0, ELSE), (0o440, 0, MY_GROUP), (0o440, ME, MY_GROUP)],
)
def test_what_this_process_alone_or_its_group_can_read_is_taken(mode, uid, gid):
    assert broken_rule(mode, uid, gid) == ""


@pytest.mark.parametrize(
    ("mode", "uid", "gid", "why"),
    [
        (0o000, ME, MY_GROUP, "closed to its owner"),
        (0o040, 0, MY_GROUP, "closed to its owner"),
        (0o404, ME, MY_GROUP, "everybody"),
        (0o444, 0, 0, "everybody"),
        (0o402, ME, MY_GROUP, "everybody"),
        (0o440, 0, ELSE, "group"),
        (0o440, ME, ELSE, "group"),
        (0o460, 0, MY_GROUP, "no more"),
        (0o600, ME, MY_GROUP, "no more"),
        (0o500, ME, MY_GROUP, "no more"),
        (0o400, ELSE, MY_GROUP, "another user"),
    ],
)
def test_each_broken_rule_is_said(mode, uid, gid, why):
    assert why in broken_rule(mode, uid, gid)


def acl(*entries):
    """An access control list as Linux keeps it."""
    rows = [(0x01, 4, 0xFFFFFFFF), *entries, (0x10, 4, 0xFFFFFFFF)]
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *row) for row in rows)


OWN_GROUP_CLOSED, OTHERS_CLOSED = (0x04, 0, 0xFFFFFFFF), (0x20, 0, 0xFFFFFFFF)


def test_an_access_list_that_lets_this_user_in_is_taken_as_systemd_makes_it():
    mine = acl((0x02, 4, ME), OWN_GROUP_CLOSED, OTHERS_CLOSED)
    assert broken_rule(0o440, 0, ELSE, mine) == ""


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        ([(0x02, 4, ELSE), OWN_GROUP_CLOSED, OTHERS_CLOSED], "access list"),
        ([OWN_GROUP_CLOSED, (0x08, 4, ELSE), OTHERS_CLOSED], "group"),
        ([(0x04, 4, 0xFFFFFFFF), OTHERS_CLOSED], "group"),
        ([OWN_GROUP_CLOSED, (0x20, 4, 0xFFFFFFFF)], "everybody"),
    ],
)
def test_an_access_list_that_lets_others_in_is_refused(entries, why):
    assert why in broken_rule(0o440, 0, ELSE, acl(*entries))


def key_file(folder, text="a:b"):
    file = folder / "key"
    file.write_text(text)
    file.chmod(0o400)
    return file


def refusal(path):
    with pytest.raises(key_files.RuleBroken) as caught:
        key_files.read(path)
    return str(caught.value)


def test_the_links_of_a_mounted_secret_are_followed(tmp_path):
    (tmp_path / "..2026_11_28").mkdir()
    key_file(tmp_path / "..2026_11_28")
    (tmp_path / "..data").symlink_to("..2026_11_28")
    (tmp_path / "mounted").symlink_to("..data/key")
    assert key_files.read(tmp_path / "mounted") == "a:b"
    (tmp_path / "..2026_11_28" / "key").chmod(0o444)
    assert "everybody" in refusal(tmp_path / "mounted")


@pytest.mark.parametrize("text", ["a:b", " a:b\r\n", "\ufeffa:b\n"])
def test_what_editors_put_around_a_key_is_no_part_of_it(tmp_path, text):
    assert key_files.read(key_file(tmp_path, text)) == "a:b"


def test_what_is_no_file_of_a_key_is_said(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o400)
    assert "directory" in refusal(tmp_path)
    assert "is no file" in refusal(tmp_path / "pipe")
    assert "No such file" in refusal(tmp_path / "none")
    assert "is empty" in refusal(key_file(tmp_path, "\n"))
    (tmp_path / "key").unlink()
    assert "longer" in refusal(key_file(tmp_path, "x" * 70_000))

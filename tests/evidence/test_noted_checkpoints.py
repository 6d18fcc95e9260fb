"""Checkpoints of version 3: each has a tree over the log, and a note that witnesses cosign."""

import base64
import json
from pathlib import Path

import pytest
from django.utils import timezone

from desk import setting_values
from orders.audit import log
from orders.evidence import checkpoint_line, checkpoints, log_tree, signed_note, verify
from orders.evidence.checkpoint_file import CannotCheckpoint
from orders.evidence.tree import Tree
from orders.models import AuditCheckpoint, AuditRecord, Event, Restore
from tests.evidence.tampering import unlock

ORIGIN = "desk.example.com/log"


@pytest.fixture(autouse=True)
def _noted(db, settings):
    settings.AUDIT_NOTE_ORIGIN = ORIGIN


def append(count=1):
    log.record(*(log.Fact(Event.LOGIN) for _ in range(count)))


def made(count=1):
    append(count)
    return checkpoints.make()


def said():
    return [str(fault) for fault in verify.verify().faults]


def over_all(count):
    hashes = AuditRecord.objects.filter(position__lte=count).order_by("position")
    return Tree.over(hashes.values_list("hash", flat=True))


def signed_anew(line, **changed):
    """The same line with other facts, by the firm's own key."""
    facts = json.loads(line) | changed
    facts = {name: value for name, value in facts.items() if value is not None}
    del facts["signature"], facts["public_key"], facts["format"]
    return checkpoints._signed(checkpoints.signing_key(), **facts)


def test_each_has_the_tree_over_all_records_and_a_note(settings):
    for count in (1, 1, 5, 2, 16):
        one = made(count)
        assert one.whole_tree.root() == over_all(one.count).root()
        text, (signature,) = signed_note.read(one.note)
        assert text == signed_note.checkpoint(ORIGIN, one.count, over_all(one.count).root())
        assert signature.name == ORIGIN
        assert signed_note.check(one.note_key, text, signature.raw) == 0
        assert json.loads(one.line)["version"] == 3
    assert said() == []


def test_the_tree_goes_on_from_the_last_checkpoint(monkeypatch):
    made(9)
    append(3)
    read = []
    real = log_tree.hashes
    monkeypatch.setattr(log_tree, "hashes", lambda *span: read.append(span) or real(*span))
    checkpoints.make()
    assert read == [(9, 11), (11, 11)]


def test_a_log_begins_to_have_notes_and_ends_to(settings):
    settings.AUDIT_NOTE_ORIGIN = ""
    assert json.loads(made(3).line)["version"] == 1
    settings.AUDIT_NOTE_ORIGIN = ORIGIN
    assert made(2).whole_tree.root() == over_all(5).root()
    settings.AUDIT_NOTE_ORIGIN = ""
    assert made(2).tree is None
    settings.AUDIT_NOTE_ORIGIN = "other.example/log"
    assert made(2).note.startswith("other.example/log\n9\n")
    assert said() == []


def test_the_log_has_another_name_after_a_restored_copy():
    made(3)
    facts = {"found_at": timezone.now(), "count": 3, "shared": 3, "tip": 3}
    facts |= {"line_hash": "0" * 64, "signed_at": "", "is_waiting": False}
    Restore.objects.create(number=1, checkpoint=4, **facts)
    Restore.objects.create(number=6, checkpoint=9, **facts)
    Restore.objects.create(number=12, **facts)
    assert made().origin == f"{ORIGIN}/after-9"


@pytest.mark.parametrize(
    "changed",
    [
        {"tree": []},
        {"tree": ["AAAA"] * 2},
        {"tree": [base64.b64encode(bytes(32)).decode()] * 2},
        {"origin": "other.example/log"},
        {"origin": "a\n\nb"},
        {"origin": ""},
        {"origin": 1},
        {"note_signature": base64.b64encode(bytes(64)).decode()},
        {"note_signature": ""},
        {"note_signature": None},
        {"tree": None},
        {"tree": 7},
        {"version": 1},
        {"version": 2},
        {"version": 4},
        {"head": "f" * 64},
        {"count": 8},
        {"count": 0},
        {"head": "no hash"},
        {"shared": 1},
    ],
)
def test_a_line_whose_note_does_not_hold_is_refused(changed):
    line = made(7).line
    assert checkpoint_line.read(signed_anew(line)).line == line
    with pytest.raises(ValueError, match=r"it cannot be read|of another format"):
        checkpoint_line.read(signed_anew(line, **changed))


def with_origin(line, origin):
    """The same line under another name, its note signed anew."""
    key, facts = checkpoints.signing_key(), json.loads(line)
    tree = Tree(facts["count"] - 1, map(base64.b64decode, facts["tree"]))
    tree.add(facts["head"])
    text = signed_note.checkpoint(origin, facts["count"], tree.root())
    signature = base64.b64encode(key.sign(text.encode())).decode()
    return signed_anew(line, origin=origin, note_signature=signature)


def test_a_name_brings_no_root_along():
    line = made(7).line
    assert checkpoint_line.read(with_origin(line, "other.example")).origin == "other.example"
    root = base64.b64encode(bytes(32)).decode()
    with pytest.raises(ValueError, match="it cannot be read"):
        checkpoint_line.read(with_origin(line, f"{ORIGIN}\n7\n{root}"))


def test_a_tree_over_other_records_is_found(settings):
    """As whoever has the key would write it, to keep what a witness saw."""
    made(4)
    one = made(3)
    other = Tree.over(["ab" * 32] * 6)
    facts = checkpoints._with_note(checkpoints.signing_key(), other, one.head)
    line = signed_anew(one.line, **facts)
    unlock()
    AuditCheckpoint.objects.filter(number=2).update(line=line)
    path = Path(settings.AUDIT_CHECKPOINT_FILE)
    path.write_text(path.read_text().replace(one.line, line))
    assert said() == ["Checkpoint 2: its tree is not the one over these records."]


def test_no_tree_is_made_over_a_gap():
    made(3)
    append(4)
    unlock()
    AuditRecord.objects.filter(position=5)._raw_delete("default")
    with pytest.raises(CannotCheckpoint, match="Record 5 is missing"):
        checkpoints.make()
    assert AuditCheckpoint.objects.count() == 1


def test_a_record_without_a_hash_ends_no_walk():
    append(4)
    unlock()
    AuditRecord.objects.filter(position=2).update(hash="none")
    with pytest.raises(CannotCheckpoint, match="Record 2 has no hash"):
        checkpoints.make()
    assert any("Record 2: its hash is not that" in one for one in said())
    assert not any("cannot be checked" in one for one in said())


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("desk.example.com/log", True),
        ("desk.example.com", True),
        ("firm/desk-1/paper_2", True),
        ("https://desk.example.com", False),
        ("desk example", False),
        ("desk+log", False),
        ("désk.example", False),
        ("desk.example/", False),
        ("d" * 201, False),
    ],
)
def test_what_names_a_log(name, is_one):
    assert setting_values.is_log_name(name) is is_one

"""Notes are fetched, cosigned by a witness outside, kept, and held against the log."""

import base64
import io
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from django.core.management import CommandError, call_command

from orders.audit import log
from orders.evidence import beside, checkpoints, log_tree, notes, signed_note, verify
from orders.evidence.checkpoints import CheckpointKeyWrong
from orders.models import AuditCheckpoint, AuditRecord, CosignedNote, Event
from tests.evidence.tampering import unlock
from tests.evidence.test_tree import subproof
from tests.helpers.witness import Witness

ORIGIN = "desk.example.com/log"
AT = 1_800_000_000


@pytest.fixture(autouse=True)
def _noted(db, settings):
    settings.AUDIT_NOTE_ORIGIN = ORIGIN


@pytest.fixture
def witness(settings):
    ours = Witness()
    settings.AUDIT_WITNESSES = [ours.vkey]
    return ours


def made(count=1):
    log.record(*(log.Fact(Event.LOGIN) for _ in range(count)))
    return checkpoints.make()


def ran(*words):
    said = io.StringIO()
    call_command("audit_note", *words, stdout=said)
    return said.getvalue()


def kept(tmp_path, *texts):
    paths = [tmp_path / f"file-{n}" for n in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, "utf-8")
    return ran("--keep", *map(str, paths))


def said():
    return [str(fault) for fault in verify.verify().faults]


def cosigned(witness, one, at=AT):
    return one.note + witness.line(one.note_text, at)


def test_a_note_is_printed_and_holds_by_the_printed_key():
    first, second = made(3), made(2)
    assert (ran(), ran("--number", "1")) == (second.note, first.note)
    key = signed_note.read_vkey(ran("--vkey").strip())
    text, (signature,) = signed_note.read(ran())
    assert signed_note.of_key(key, [signature]) == [signature]
    assert signed_note.check(key, text, signature.raw) == 0


def test_the_note_needs_no_secret_key(settings):
    one = made()
    settings.AUDIT_CHECKPOINT_PUBLIC_KEYS = one.public_key
    settings.AUDIT_CHECKPOINT_KEY = ""
    assert ran() == one.note
    assert ran("--vkey").startswith(f"{ORIGIN}+")


def test_where_there_is_no_note_it_says_why(settings):
    with pytest.raises(CommandError, match=r"^There is no such checkpoint\.$"):
        ran()
    settings.AUDIT_NOTE_ORIGIN = ""
    made()
    with pytest.raises(CommandError, match="has no note: only a sweep with AUDIT_NOTE_ORIGIN"):
        ran()
    with pytest.raises(CommandError, match="AUDIT_NOTE_ORIGIN: is not set"):
        ran("--vkey")
    with pytest.raises(CommandError, match="has no note: only"):
        ran("--number", "1")


def test_what_a_witness_signed_is_kept_and_verified(witness, tmp_path):
    one = made(3)
    assert kept(tmp_path, cosigned(witness, one)) == (
        "Kept: 2027-01-15T08:00:00+00:00 by witness.example/w1.\n"
    )
    report = verify.verify()
    assert report.is_whole
    assert "1 of 1 cosigned notes hold; the newest is of 2027-01-15T08:00:00" in report.notes[-1]
    assert ran("--cosigned") == cosigned(witness, one)
    (line,) = notes.lines()
    assert json.loads(line)["note"] == cosigned(witness, one)
    assert beside.place("notes").stat().st_mode & 0o77 == 0


def test_a_request_and_the_answer_to_it_are_kept_though_newer_checkpoints_came(witness, tmp_path):
    made(3)
    one = made(5)
    asked = ran("--old", "3")
    assert asked.startswith("old 3\n")
    assert asked.endswith(f"\n\n{one.note}")
    made(2)
    kept(tmp_path, asked, witness.line(one.note_text, AT))
    assert ran("--cosigned", "--number", "2") == cosigned(witness, one)


def test_two_witnesses_and_an_unknown_one(settings, tmp_path):
    first, second = Witness(), Witness("witness.example/w2", MLDSA44PrivateKey.generate())
    stranger = Witness("stranger.example/w")
    settings.AUDIT_WITNESSES = [first.vkey, second.vkey]
    one = made(4)
    kept(tmp_path, cosigned(first, one) + stranger.line(one.note_text, AT))
    kept(tmp_path, cosigned(second, one, AT + 60))
    assert CosignedNote.objects.count() == 2
    both = cosigned(first, one) + second.line(one.note_text, AT + 60)
    names = [each.name for each in signed_note.read(ran("--cosigned"))[1]]
    assert names == [each.name for each in signed_note.read(both)[1]]
    report = verify.verify()
    assert "2 of 2 cosigned notes hold; the newest is of 2027-01-15T08:01:00" in report.notes[-1]
    settings.AUDIT_WITNESSES = [first.vkey]
    report = verify.verify()
    assert report.is_whole
    assert report.notes[-1].startswith("1 of 2 cosigned notes are by no witness")


def test_the_same_note_is_kept_once(witness, tmp_path):
    one = made()
    kept(tmp_path, cosigned(witness, one))
    kept(tmp_path, cosigned(witness, one))
    assert len(notes.lines()) == CosignedNote.objects.count() == 1


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda note, _: note, "none of the witnesses"),
        (lambda note, stranger: note + stranger, "none of the witnesses"),
        (lambda note, _: note.replace("\n3\n", "\n4\n"), "the note of no checkpoint"),
        (lambda note, _: note.replace(ORIGIN, "other.example"), "the note of no checkpoint"),
        (lambda note, _: note.replace("\n3\n", "\n3\nmore\n"), "the note of no checkpoint"),
        (lambda note, _: "no note", "no signed note"),
        (lambda note, _: "old 3\n" + note, "no signed note|the note of no checkpoint"),
        (lambda note, _: note.replace("\n3\n", "\n" + "9" * 30 + "\n"), "note of no checkpoint"),
    ],
)
def test_what_no_known_witness_signed_is_not_kept(witness, tmp_path, spoil, why):
    one = made(3)
    stranger = Witness("stranger.example/w").line(one.note_text, AT)
    with pytest.raises(CommandError, match=why):
        kept(tmp_path, spoil(one.note, stranger))
    assert notes.lines() == []


def test_a_known_witness_whose_signature_does_not_hold_spoils_the_note(witness, tmp_path):
    one = made(3)
    forged = Witness(private=Witness().private)
    line = forged.line(one.note_text, AT)
    raw = signed_note.read_line(line.strip("\n")).raw
    line = str(signed_note.Signature(witness.key.name, witness.key.id_, raw))
    with pytest.raises(CommandError, match=r"^Not kept: the signature of witness.example/w1 does"):
        kept(tmp_path, cosigned(witness, one) + line)
    with pytest.raises(CommandError, match=r"desk.example.com/log does not hold"):
        spoiled = str(signed_note.Signature(ORIGIN, one.note_key.id_, bytes(64)))
        kept(tmp_path, cosigned(witness, one) + spoiled)


def test_a_file_that_cannot_be_read_is_wrong_input(witness, tmp_path):
    with pytest.raises(CommandError, match="gone cannot be read") as found:
        ran("--keep", str(tmp_path / "gone"))
    assert found.value.returncode == 2


def test_a_proof_of_what_is_not_there_is_refused():
    made(3)
    for old in ("4", "-1"):
        with pytest.raises(CommandError, match="has 3 records, so it follows no"):
            ran("--old", old)


@pytest.mark.parametrize("old", range(12))
def test_proofs_begin_anywhere(old, settings):
    """From before the first note, from between two checkpoints, from one."""
    settings.AUDIT_NOTE_ORIGIN = ""
    made(2)
    settings.AUDIT_NOTE_ORIGIN = ORIGIN
    made(3)
    one = made(6)
    hashes = list(AuditRecord.objects.order_by("position").values_list("hash", flat=True))
    told = notes.proof(one, old).split("\n")
    wanted = subproof(old, hashes, True) if old else []
    assert told == [f"old {old}", *(base64.b64encode(one).decode() for one in wanted), "", ""]


def test_a_proof_reads_no_more_than_came_after_the_nearest_note(settings, monkeypatch):
    made(5)
    settings.AUDIT_NOTE_ORIGIN = ""
    made(2)
    settings.AUDIT_NOTE_ORIGIN = ORIGIN
    one, read, real = made(4), [], log_tree.hashes
    monkeypatch.setattr(log_tree, "hashes", lambda *span: read.append(span) or real(*span))
    notes.proof(one, 7)
    assert min(low for low, _ in read) == 5


def test_a_log_that_was_rewritten_with_its_checkpoints_is_found(witness, tmp_path, settings):
    """By whoever owns database, file and key, but not the witness's."""
    made(3)
    kept(tmp_path, cosigned(witness, made(2)))
    unlock()
    AuditRecord.objects.all()._raw_delete("default")
    AuditCheckpoint.objects.all()._raw_delete("default")
    Path(settings.AUDIT_CHECKPOINT_FILE).unlink()
    made(3)
    made(2)
    assert said() == ["Cosigned note 1: checkpoint 2 is not the one that was cosigned."]


@pytest.mark.parametrize(
    "change",
    [
        lambda line: line[:-9],
        lambda line: line.replace('"version":1', '"version":2'),
        lambda line: line.replace('"number":1', '"number":"x"'),
        lambda line: line.replace('"number":1', '"number":7'),
        lambda line: line.replace('"number"', '"name"'),
        lambda line: line.replace("log\\n3", "log\\n4"),
        lambda line: line.replace("w1 ", "w1 A"),
        lambda line: "[" * 100_000,
        lambda line: "é",
    ],
)
def test_a_kept_line_that_was_changed_is_a_fault(witness, tmp_path, change):
    one = made(3)
    kept(tmp_path, cosigned(witness, one))
    line = CosignedNote.objects.get().line
    beside.place("notes").write_bytes(f"{change(line)}\n".encode())
    assert [one for one in said() if one.startswith("Cosigned note 1: ")]
    assert ran("--cosigned") == cosigned(witness, one)  # of the database's copy


def test_a_file_that_was_lost_is_completed(witness, tmp_path):
    one = made()
    kept(tmp_path, cosigned(witness, one))
    whole = beside.place("notes").read_bytes()
    beside.place("notes").write_bytes(whole[:50])
    kept(tmp_path, cosigned(witness, one))
    assert beside.place("notes").read_bytes() == whole


@pytest.mark.parametrize(
    "listed", [["x"], [signed_note.vkey(signed_note.key("a.example", 1, bytes(32)))]]
)
def test_a_wrong_key_of_a_witness_is_named_and_not_shown(settings, listed):
    made()
    settings.AUDIT_WITNESSES = listed
    with pytest.raises(CheckpointKeyWrong, match=r"^AUDIT_WITNESSES: ") as found:
        verify.verify()
    assert listed[0] not in str(found.value)


def test_a_witness_of_a_far_future_is_told_all_the_same(witness, tmp_path):
    assert "9999-12-31" in kept(tmp_path, cosigned(witness, made(), (1 << 63) - 1))

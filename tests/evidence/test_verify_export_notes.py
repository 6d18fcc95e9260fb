"""The verifier without the app: an export held against what a witness outside saw."""

import base64
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from django.core.management import call_command

from orders.audit import log
from orders.evidence import checkpoint_line, checkpoints, notes, signed_note, tree
from orders.evidence.standalone import verify_export
from orders.models import Event
from tests.evidence.test_noted_checkpoints import with_origin
from tests.evidence.test_signed_note import COSIGNED, EXAMPLE, GO, GO_KEY, POEM, WITNESS_KEY
from tests.evidence.test_tree import HASHES
from tests.evidence.test_verify_export import sign_anew
from tests.helpers.witness import Witness
from tests.operations.errands.test_exports import _folders, busy, export, unpacked, verify  # noqa: F401

pytestmark = pytest.mark.once
export_notes = sys.modules[verify_export.check_note.__module__]
ORIGIN, AT = "desk.example.com/log", 1_800_000_000


@pytest.fixture
def witness():
    return Witness()


@pytest.fixture
def folder(busy, settings, tmp_path):  # noqa: F811
    """An export whose last checkpoint has a note."""
    settings.AUDIT_NOTE_ORIGIN = ORIGIN
    return unpacked(export(busy), tmp_path)


def end_of(folder):
    return checkpoint_line.read((folder / "checkpoints.jsonl").read_text().splitlines()[-1])


def made(count=1):
    log.record(*(log.Fact(Event.LOGIN) for _ in range(count)))
    return checkpoints.make()


def noted(tmp_path, text):
    path = tmp_path / "note"
    path.write_text(text, "utf-8")
    return str(path)


def held(folder, path, witness, *options):
    """What the verifier in the export itself says."""
    command = [sys.executable, "-I", str(folder / "verify_export.py"), str(folder), "--note", path]
    command += ["--witness", witness.vkey, *options]
    said = subprocess.run(command, capture_output=True, text=True, check=False, env={})
    assert "Traceback" not in said.stderr
    return said


def with_proof(old):
    said = io.StringIO()
    call_command("audit_note", "--old", str(old), stdout=said)
    return said.getvalue()


@pytest.mark.parametrize("private", [None, MLDSA44PrivateKey.generate()])
def test_the_note_of_the_last_checkpoint_holds(folder, tmp_path, private):
    witness, one = Witness(private=private), end_of(folder)
    said = held(folder, noted(tmp_path, one.note + witness.line(one.note_text, AT)), witness)
    assert (said.returncode, said.stderr) == (0, "")
    wanted = f"The log up to record {one.count} is in the one of {one.count} records, "
    assert f"{wanted}seen 2027-01-15T08:00:00Z by witness.example/w1." in said.stdout
    assert "All of it holds." in said.stdout


def test_a_later_note_holds_by_its_proof(folder, witness, tmp_path):
    one, later = end_of(folder), made(40)
    line = witness.line(later.note_text, AT)
    said = held(folder, noted(tmp_path, with_proof(one.count) + line), witness)
    assert (said.returncode, said.stderr) == (0, "")
    assert f"up to record {one.count} is in the one of {later.count} records" in said.stdout
    said = held(folder, noted(tmp_path, later.note + line), witness)
    assert said.returncode == 2
    assert f"ask the firm for audit_note --old {one.count}" in said.stderr


def test_an_export_of_a_rewritten_log_is_found(witness, folder, tmp_path):
    """By whoever has the key: the export is sound in itself, and its tree is another."""
    one = end_of(folder)
    later = made(5)
    whole = with_proof(one.count) + witness.line(later.note_text, AT)
    lines = (folder / "checkpoints.jsonl").read_text().splitlines()
    forged = json.loads(lines[-1])
    peaks = list(forged["tree"])
    peaks[0] = peaks[-1]
    text = export_notes.note_text(forged | {"tree": peaks})
    signature = checkpoints.signing_key().sign(text.encode())
    forged["tree"] = peaks
    forged["note_signature"] = base64.b64encode(signature).decode()
    facts = {k: v for k, v in forged.items() if k not in ("signature", "public_key", "format")}
    line = checkpoints._signed(checkpoints.signing_key(), **facts)
    (folder / "checkpoints.jsonl").write_text("\n".join([*lines[:-1], line]) + "\n")
    sign_anew(folder)
    assert verify(folder).returncode == 0  # it cannot be seen without the witness
    for note in (one.note + witness.line(one.note_text, AT), whole):
        said = held(folder, noted(tmp_path, note), witness)
        assert said.returncode == 1
        assert f"the checkpoint at {one.count} is not in the log that witness.exam" in said.stderr


def test_a_spoiled_note_or_proof_does_not_hold(folder, witness, tmp_path):
    one, later = end_of(folder), made(9)
    line = witness.line(later.note_text, AT)
    asked = with_proof(one.count)
    head, _, note = asked.partition("\n\n")
    first, *proof = head.split("\n")
    other = base64.b64encode(bytes(32)).decode()
    for spoiled in ([], proof[:-1], [*proof, other], [other, *proof[1:]]):
        text = "\n".join([first, *spoiled]) + f"\n\n{note}{line}"
        said = held(folder, noted(tmp_path, text), witness)
        assert (said.returncode, "is not in the log" in said.stderr) == (1, True)
    for text, code, why in (
        (asked, 2, "none of the witnesses"),
        (asked + Witness("other.example").line(later.note_text, AT), 2, "none of the witnesses"),
        (asked + witness.line(one.note_text, AT), 1, "signature of witness.example/w1 does not"),
        (asked.replace(first, "old 0") + line, 2, "ask the firm"),
        (asked.replace(first, "old x") + line, 2, "cannot be checked"),
        ("no note", 2, "no signed note"),
    ):
        said = held(folder, noted(tmp_path, text), witness)
        assert said.returncode == code, said
        assert why in said.stderr


def test_a_note_of_another_log_does_not_hold(folder, witness, tmp_path):
    one = end_of(folder)
    text = one.note_text.replace(ORIGIN, "other.example")
    note = f"{text}\n{witness.line(text, AT)}"
    said = held(folder, noted(tmp_path, note), witness)
    assert (said.returncode, "the note is of another log" in said.stderr) == (1, True)


def test_an_export_without_notes_cannot_be_held_against_one(busy, settings, tmp_path, witness):  # noqa: F811
    folder = unpacked(export(busy), tmp_path)
    text = signed_note.checkpoint(ORIGIN, end_of(folder).count, bytes(32))
    said = held(folder, noted(tmp_path, f"{text}\n{witness.line(text, AT)}"), witness)
    assert (said.returncode, "ask the firm" in said.stderr) == (2, True)


@pytest.mark.parametrize(
    "changed",
    [
        {"tree": []},
        {"tree": 7},
        {"tree": ["x"]},
        {"origin": "other.example"},
        {"origin": "a\nb"},
        {"note_signature": "AAAA"},
        {"version": 1},
    ],
)
def test_a_checkpoint_whose_note_does_not_hold_is_found(folder, changed):
    lines = (folder / "checkpoints.jsonl").read_text().splitlines()
    facts = json.loads(lines[-1]) | changed
    for name in ("signature", "public_key", "format"):
        del facts[name]
    line = checkpoints._signed(checkpoints.signing_key(), **facts)
    (folder / "checkpoints.jsonl").write_text("\n".join([*lines[:-1], line]) + "\n")
    sign_anew(folder)
    said = verify(folder)
    assert (said.returncode, "its note does not hold" in said.stderr) == (1, True)


def test_a_name_brings_no_root_along(folder):
    lines = (folder / "checkpoints.jsonl").read_text().splitlines()
    root = base64.b64encode(bytes(32)).decode()
    for name, code in (("other.example", 0), (f"{ORIGIN}\n{end_of(folder).count}\n{root}", 1)):
        line = with_origin(lines[-1], name)
        (folder / "checkpoints.jsonl").write_text("\n".join([*lines[:-1], line]) + "\n")
        sign_anew(folder)
        assert verify(folder).returncode == code


def test_what_no_given_witness_signed_is_passed_over(folder, witness, tmp_path):
    one = end_of(folder)
    stranger = signed_note.Signature(witness.key.name, b"none", bytes(72))
    whole = f"{one.note}{stranger}{witness.line(one.note_text, AT)}"
    assert held(folder, noted(tmp_path, whole), witness).returncode == 0
    without_time = one.note + witness.line(one.note_text, 0)
    said = held(folder, noted(tmp_path, without_time), witness)
    assert (said.returncode, "does not hold" in said.stderr) == (1, True)


def test_notes_beside_the_checkpoint_file_are_checked(folder, settings, witness, tmp_path):
    settings.AUDIT_WITNESSES = [witness.vkey]
    one = end_of(folder)
    notes.keep(one.note + witness.line(one.note_text, AT))
    file = settings.AUDIT_CHECKPOINT_FILE
    options = ["--checkpoints", file, "--witness", witness.vkey]
    said = verify(folder, *options)
    assert (said.returncode, said.stderr) == (0, "")
    assert "1 cosigned notes, the newest is of 2027-01-15T08:00:00Z" in said.stdout
    said = verify(folder, "--checkpoints", file, "--witness", Witness().vkey)
    assert "1 cosigned notes, by no witness given" in said.stdout
    kept = Path(f"{file}.notes").read_text()
    for spoiled in (
        kept.replace("\\n" + str(one.count), "\\n7"),
        kept.replace('"number":', '"number":9'),
        kept.replace('"number":', '"number":-'),
        kept.replace('"version":1', '"version":2'),
        kept[:-20] + "\n",
        "é\n",
    ):
        Path(f"{file}.notes").write_text(spoiled)
        said = verify(folder, *options)
        assert (said.returncode, "cosigned note 1" in said.stderr) == (1, True), spoiled
    Path(f"{file}.notes").unlink()
    assert verify(folder, *options).returncode == 2  # neither stamps nor notes are beside it


@pytest.mark.parametrize("vkey", ["x", "a+b+c", GO_KEY, WITNESS_KEY[:-4], "a+b+é"])
def test_a_wrong_key_of_a_witness_is_named(folder, tmp_path, vkey):
    said = verify(folder, "--witness", vkey)
    assert said.returncode == 2
    assert "--witness: it is no verifier key" in said.stderr


def test_both_readers_of_notes_agree():
    for note in (EXAMPLE, POEM, GO, COSIGNED):
        text, signatures = signed_note.read(note)
        pairs = [(each.name, each.id_ + each.raw) for each in signatures]
        assert export_notes.read_note(note) == (text, pairs)
    for spoiled in (EXAMPLE[:-1], EXAMPLE.replace("—", "-"), EXAMPLE + "\n", ""):
        with pytest.raises(ValueError, match="no signed note"):
            export_notes.read_note(spoiled)
    key = export_notes.witness_key(WITNESS_KEY)
    assert (key.name, key.id_.hex()) == ("remora.n621.de", "da77ade7")


def test_proofs_hold_for_what_they_prove_and_for_nothing_else():
    roots = [tree.Tree.over(HASHES[:count]).root() for count in range(36)]
    for count in range(1, 36):
        for old in range(1, count + 1):
            old_tree = tree.Tree.over(HASHES[:old])
            proof = tree.consistency(old_tree, count, lambda low, high: HASHES[low:high])
            assert export_notes.is_prefix(old, count, roots[old], roots[count], proof)
            for before, after, path in (
                (roots[old - 1], roots[count], proof),
                (roots[old], roots[count - 1], proof),
                (roots[old], roots[count], proof[:-1] if proof else [bytes(32)]),
                (roots[old], roots[count], [*proof, bytes(32)]),
                (roots[old], roots[count], [bytes(32), *proof[1:]]),
            ):
                is_same = (before, after) == (roots[old], roots[count])
                if not (is_same and path == proof):
                    assert not export_notes.is_prefix(old, count, before, after, path)

"""Signed notes, checkpoints and cosignatures: by the examples of the specifications."""

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

from orders.evidence import signed_note
from orders.evidence.signed_note import BadNote
from orders.evidence.tree import Tree
from tests.helpers.witness import Witness

# c2sp.org/signed-note@v1.0.0, "Example"
EXAMPLE_KEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
EXAMPLE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYj"
    "OBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# The same, "Format": a text with an empty line of its own
POEM = (
    "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n"
    "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKON"
    "rMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n"
)
# The documentation of Go's golang.org/x/mod/sumdb/note
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdng"
    "otpRZb6KE6RyyBwJnAM=\n"
)
# A checkpoint of the Go checksum database
SUM_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
SUM = (
    "go.sum database tree\n35225469\nvt5T6GaLCXvyHFl9VUvvItR43XZxfLgftEcTyO3eJCQ=\n\n"
    "— sum.golang.org Az3grpukl5AXaVfYkLiDGORx/DN2nlcS5kZHR5uYOBV2KA2HgXpD+gu9HHONebHLAyaKbb"
    "TM75QTtPydhKCExixSfwQ=\n"
)
# c2sp.org/tlog-cosignature@v1.0.0, its example; whose keys are told nowhere
COSIGNED = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
    "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJs"
    "X3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)
WITNESS_KEY = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"  # a real one
TEXT = signed_note.checkpoint("example.com/desk", 7, bytes(32))


def held(key, note):
    text, signatures = signed_note.read(note)
    key = signed_note.read_vkey(key) if isinstance(key, str) else key
    (signature,) = signed_note.of_key(key, signatures)
    return signed_note.check(key, text, signature.raw)


@pytest.mark.parametrize(("key", "note"), [(EXAMPLE_KEY, EXAMPLE), (GO_KEY, GO), (SUM_KEY, SUM)])
def test_the_examples_hold_and_no_changed_one_does(key, note):
    assert held(key, note) == 0
    with pytest.raises(BadNote, match="does not hold"):
        held(key, "x" + note)


@pytest.mark.parametrize("key", [EXAMPLE_KEY, GO_KEY, WITNESS_KEY])
def test_a_key_is_read_and_told_alike(key):
    found = signed_note.read_vkey(key)
    assert signed_note.vkey(found) == key
    assert signed_note.key(found.name, found.kind, found.public) == found


def test_a_text_with_an_empty_line_ends_at_the_last():
    text, (signature,) = signed_note.read(POEM)
    assert text.endswith("\n\ned è subito sera.\n")
    assert signature.name == "quasimodo.example/salvatore"


def test_lines_of_signatures_are_read_and_told_alike():
    for note in (EXAMPLE, POEM, GO, COSIGNED):
        text, signatures = signed_note.read(note)
        assert text + "\n" + "".join(map(str, signatures)) == note


def test_the_example_of_a_checkpoint_has_its_shape_and_its_time():
    text, (_, witness) = signed_note.read(COSIGNED)
    root = base64.b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=")
    assert text == signed_note.checkpoint("example.com/behind-the-sofa", 20852163, root)
    assert (int.from_bytes(witness.raw[:8], "big"), len(witness.raw)) == (1679315147, 72)


@pytest.mark.parametrize(
    "spoiled",
    [
        EXAMPLE[:-1],
        EXAMPLE.replace("\n\n", "\n"),
        EXAMPLE.replace("—", "-"),
        EXAMPLE.replace("an ", "an\t"),
        EXAMPLE.replace("an ", "an\0"),
        EXAMPLE.replace("foo ", "f oo "),
        EXAMPLE.replace("foo ", "f+oo "),
        EXAMPLE.replace("aQM=", "aQM"),
        EXAMPLE.replace("aQM=", "aQN="),  # the same bytes in another spelling
        EXAMPLE + "\n",
        EXAMPLE + "and more\n",
        EXAMPLE + "— short AAAA\n",
        EXAMPLE + EXAMPLE.split("\n\n")[1] * 100,
        "\n\n" + EXAMPLE.split("\n\n")[1],
        "",
    ],
)
def test_what_is_no_note_is_refused(spoiled):
    with pytest.raises(BadNote):
        signed_note.read(spoiled)


@pytest.mark.parametrize(
    "spoiled",
    [
        "example.com/foo",
        EXAMPLE_KEY.replace("530d903a", "530d903b"),
        EXAMPLE_KEY.replace("530d903a", "530D903A"),
        EXAMPLE_KEY.replace("foo", "fo o"),
        EXAMPLE_KEY.replace("+Aek", "+Auk"),
        EXAMPLE_KEY.replace("AekyeRrm", ""),
        "+" + EXAMPLE_KEY.partition("+")[2],
        "",
    ],
)
def test_what_is_no_verifier_key_is_refused(spoiled):
    with pytest.raises(BadNote):
        signed_note.read_vkey(spoiled)


@pytest.mark.parametrize("private", [Ed25519PrivateKey, MLDSA44PrivateKey])
def test_a_cosignature_covers_time_text_and_key(private):
    witness = Witness("witness.example/w1", private.generate())
    line = witness.line(TEXT, 1_800_000_000)
    note = f"{TEXT}\n{line}"
    assert held(witness.key, note) == 1_800_000_000
    signature = signed_note.read_line(line.strip("\n"))
    later = (1_800_000_001).to_bytes(8, "big") + signature.raw[8:]
    other = Witness("witness.example/w1", private.generate())
    for key, text, raw in (
        (witness.key, TEXT, later),
        (witness.key, TEXT.replace("7", "8", 1), signature.raw),
        (other.key, TEXT, signature.raw),
        (witness.key, TEXT, signature.raw[:-1]),
        (witness.key, TEXT, b""),
    ):
        with pytest.raises(BadNote, match="does not hold"):
            signed_note.check(key, text, raw)


def test_a_cosignature_of_no_time_does_not_hold():
    witness = Witness("witness.example/w1", Ed25519PrivateKey.generate())
    with pytest.raises(BadNote, match="does not hold"):
        held(witness.key, f"{TEXT}\n{witness.line(TEXT, 0)}")


def test_one_of_ml_dsa_covers_the_name_and_no_further_line():
    private = MLDSA44PrivateKey.generate()
    witness, renamed = (
        Witness("witness.example/w1", private),
        Witness("witness.example/w2", private),
    )
    raw = signed_note.read_line(witness.line(TEXT, 5).strip("\n")).raw
    assert signed_note.check(witness.key, TEXT + "more\n", raw) == 5
    with pytest.raises(BadNote, match="does not hold"):
        signed_note.check(renamed.key, TEXT, raw)
    with pytest.raises(BadNote):
        signed_note.check(witness.key, "no checkpoint\n", raw)


def test_a_signature_of_an_unknown_key_is_passed_over():
    key = signed_note.read_vkey(EXAMPLE_KEY)
    _, signatures = signed_note.read(EXAMPLE + "— example.com/foo AAAAAAAAAAAA\n")
    assert [each.id_ for each in signed_note.of_key(key, signatures)] == [key.id_]


def test_the_example_of_the_documents_holds():
    page = (Path(__file__).parents[2] / "docs/audit-log.md").read_text("utf-8")
    lines = [line.strip() for line in page.splitlines()]
    (at,) = (number for number, line in enumerate(lines) if line.startswith("— "))
    note = "\n".join(lines[at - 4 : at + 1]) + "\n"
    assert held(lines[at + 2], note) == 0
    root = Tree.over(["ab" * 32]).root()
    assert note.startswith(signed_note.checkpoint("desk.example.com/log", 1, root))

"""What two readers of an export could see differently is a fault with a name, never a traceback."""

import ast
import base64
import csv
import io
import json
import re
import shutil
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import pytest

from orders.evidence import bundle
from orders.evidence.standalone import verify_export
from orders.models import Export
from orders.operations.errands import background, exports
from tests.operations.errands.test_exports import _folders, busy, export, unpacked, verify  # noqa: F401

VERSION_1 = Path(__file__).parent / "exports" / "version-1.zip"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Where an export is kept that the first test here makes, and no other needs a database for."""
    return tmp_path_factory.mktemp("whole")


@pytest.fixture
def folder(request, whole, tmp_path):
    """A whole export, for this test alone to spoil."""
    if not any(whole.iterdir()):
        unpacked(export(request.getfixturevalue("busy")), whole)
    (made,) = whole.iterdir()
    return shutil.copytree(made, tmp_path / made.name)


def sign_anew(folder, **changed):
    """The manifest for what the folder holds now, signed by the firm's own key."""
    told = json.loads((folder / "manifest.json").read_text())
    for name in told["files"]:
        told["files"][name] = bundle._sums(folder / name)
    told.pop("signature")
    text = json.dumps(bundle._signed(told | changed), indent=1, sort_keys=True)
    (folder / "manifest.json").write_text(text)


def found(path):
    said = verify(path)
    assert "Traceback" not in said.stderr + said.stdout
    assert said.returncode == 1, said.stdout + said.stderr
    return said.stderr


def rewritten(folder, change, name="records.jsonl"):
    lines = (folder / name).read_bytes().splitlines(keepends=True)
    (folder / name).write_bytes(change(lines))
    sign_anew(folder)
    return found(folder)


def spelled_otherwise(old, new):
    def change(lines):
        changed = lines[0].replace(old, new, 1)
        assert changed != lines[0]
        return b"".join([changed, *lines[1:]])

    return change


LINES = {
    "a repeated name": (b'"record":{', b'"record":{},"record":{', "repeats a name"),
    "a repeated name within": (b'"event":', b'"event":"login","event":', "repeats a name"),
    "a foreign name": (b'{"content_hash"', b'{"a":1,"content_hash"', "other names"),
    "a foreign name within": (b'"salt":', b'"salu":0,"salt":', "other names"),
    "a blank": (b'{"content_hash"', b'{ "content_hash"', "not spelled"),
    "an escaped letter": (b'"record"', b'"r\\u0065cord"', "not spelled"),
    "no ASCII": (b'"salt":"', b'"salt":"\xc3\xa9', "not pure ASCII"),
    "no UTF-8": (b'"salt":"', b'"salt":"\xff', "not pure ASCII"),
    "a byte order mark": (b'{"content', b'\xef\xbb\xbf{"content', "not pure ASCII"),
    "a carriage return": (b"}\n", b"}\r\n", "not spelled"),
    "something after it": (b"}\n", b"} {}\n", "no JSON"),
    "no number": (b'"version":1', b'"version":NaN', "no JSON"),
    "an endless number": (b'"version":1', b'"version":1e999', "no JSON"),
    "a very long number": (b'"version":1', b'"version":' + b"1" * 9999, "no JSON"),
    "a number as a fraction": (b'"version":1', b'"version":1.0', "content is not"),
    "an empty line": (b'{"content', b'\n{"content', "no JSON"),
    "endless depth": (b'"version":1', b'"version":' + b"[" * 100_000, "no JSON"),
}


@pytest.mark.parametrize("what", LINES)
def test_a_line_has_the_one_spelling_of_its_content(folder, what):
    old, new, said = LINES[what]
    assert said in rewritten(folder, spelled_otherwise(old, new))


def test_a_line_that_breaks_off_or_is_nothing_is_a_fault(folder):
    assert "does not end" in rewritten(folder, lambda lines: b"".join(lines)[:-1])
    assert "0 records (0 to 0) where the manifest says" in rewritten(folder, lambda lines: b"")


@pytest.mark.parametrize("column", bundle.COLUMNS)
def test_every_cell_of_the_table_is_compared(folder, column):
    text = (folder / "records.csv").read_bytes().decode()
    rows = list(csv.reader(io.StringIO(text, newline="")))
    rows[2][rows[0].index(column)] += "9"
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    (folder / "records.csv").write_bytes(out.getvalue().encode())
    sign_anew(folder)
    assert re.search(rf"records.csv, record \d+: {column} ", found(folder))


TABLES = {
    "a row is missing": lambda lines: b"".join(lines[:-1]),
    "a row is there twice": lambda lines: b"".join([*lines, lines[-1]]),
    "rows changed places": lambda lines: b"".join([lines[0], lines[2], lines[1], *lines[3:]]),
    "its head is missing": lambda lines: b"".join(lines[1:]),
    "a byte order mark": lambda lines: b"\xef\xbb\xbf" + b"".join(lines),
    "other line ends": lambda lines: b"".join(lines).replace(b"\r\n", b"\n"),
    "needless quotation marks": lambda lines: b"".join(lines).replace(b"event", b'"event"', 1),
    "an open quotation mark": lambda lines: b"".join(lines) + b'"',
    "no UTF-8": lambda lines: b"".join(lines) + b"\xff",
    "a NUL": lambda lines: b"".join(lines) + b"\0",
    "one more cell": lambda lines: b"".join(lines).replace(b"\r\n", b",x\r\n", 2),
    "nothing": lambda lines: b"",
}


@pytest.mark.parametrize("what", TABLES)
def test_the_table_is_the_one_that_the_records_give(folder, what):
    assert "records.csv" in rewritten(folder, TABLES[what], "records.csv")


MANIFESTS = {
    "a repeated name": ('{\n "chain"', '{\n "count": 1,\n "chain"', "repeats a name"),
    "a foreign name": ('{\n "chain"', '{\n "a": 1,\n "chain"', "other names"),
    "a repeated file": ('"files": {', '"files": {\n  "records.csv": 1,', "repeats a name"),
    "another order": ("{\n", "{\n\n", "not spelled"),
    "a byte order mark": ("{", "\ufeff{", "not pure ASCII"),
    "something before it": ("{", "x {", "no JSON"),
    "no number": ('"version": 2', '"version": NaN', "no JSON"),
}


@pytest.mark.parametrize("what", MANIFESTS)
def test_a_manifest_is_read_one_way_only(folder, what):
    old, new, said = MANIFESTS[what]
    path = folder / "manifest.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    told = verify(folder)
    assert (told.returncode in (1, 2), "Traceback" in told.stderr) == (True, False)
    assert "manifest.json " in told.stderr and said in told.stderr
    assert told.returncode == 1


@pytest.mark.parametrize("version", [0, 3, True, 2.0, "2", None, []])
def test_a_version_that_it_does_not_know_is_not_checked(folder, version):
    sign_anew(folder, version=version)
    said = verify(folder)
    assert (said.returncode, "versions 1 and 2" in said.stderr) == (2, True)


@pytest.mark.parametrize("changed", [{"count": 1}, {"first": 2}, {"last": 2}, {"is_covered": 1}])
def test_what_the_manifest_says_of_the_records_is_counted(folder, changed):
    sign_anew(folder, **changed)
    found(folder)


def test_a_file_too_many_or_too_few_is_a_fault(folder):
    (folder / "more.txt").write_text("x")
    assert "'more.txt' is no file of an export" in found(folder)
    (folder / "more.txt").rename(folder / "chain.txt")
    (folder / "records.csv").unlink()
    assert "'records.csv' is missing" in found(folder)


def test_the_chain_has_one_hash_a_line(folder):
    assert "it is no hash" in rewritten(folder, b"\r\n".join, "chain.txt")


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")  # which is the point here
def test_a_zip_file_shows_every_reader_the_same_files(busy, tmp_path):  # noqa: F811
    whole = exports.path_of(export(busy)).read_bytes()
    path = tmp_path / "changed.zip"
    for changed in (whole + b"x", b"x" + whole, b"PK\3\4" + whole, whole[:-2] + b"\1\0x"):
        path.write_bytes(changed)
        assert "belong to none of its files" in found(path)
    for name in ("records.jsonl", "more.txt"):
        path.write_bytes(whole)
        with zipfile.ZipFile(path, "a") as bundle:
            first = bundle.namelist()[0].partition("/")[0]
            bundle.writestr(f"{first}/{name}", b"{}")
        found(path)
    path.write_bytes(whole[: len(whole) // 2])
    assert verify(path).returncode == 2


def test_a_payload_in_another_spelling_of_base64_is_a_fault(folder):
    def change(lines):
        number, line = next((n, x) for n, x in enumerate(lines) if b'="' in x)
        payload = json.loads(line)["payload"].encode()
        lines[number] = line.replace(payload, payload[:4] + b"\\n" + payload[4:])
        return b"".join(lines)

    assert "cannot be checked" in rewritten(folder, change)


def test_exports_of_the_first_version_still_check_out(tmp_path):
    said = verify(VERSION_1)
    assert (said.returncode, said.stderr) == (0, "")
    assert "16 records (1 to 27), 3 signatures." in said.stdout
    with zipfile.ZipFile(VERSION_1) as bundle:
        bundle.extractall(tmp_path)
    own = verify(tmp_path / "pacifica-desk-export-1")  # the verifier that it brought along
    assert own.returncode == 0


def test_a_changed_cell_in_an_export_of_the_first_version_is_found(tmp_path):
    with zipfile.ZipFile(VERSION_1) as bundle:
        bundle.extractall(tmp_path)
    folder = tmp_path / "pacifica-desk-export-1"
    text = (folder / "records.csv").read_bytes()
    (folder / "records.csv").write_bytes(text.replace(b",cancel_asked,", b",panic,"))
    assert ": event is not as told" in _by_ours(folder)


def _by_ours(folder):
    command = [sys.executable, "-I", str(bundle.VERIFIER), str(folder)]
    said = subprocess.run(command, capture_output=True, text=True, env={}, check=False)
    assert said.returncode == 1
    return said.stderr


def test_a_request_whose_body_repeats_a_name_is_no_sound_request():
    body = b'{"order_id":1,"order_id":2}'
    with pytest.raises(verify_export.Unsound, match="its body repeats a name"):
        verify_export.check_request({"data": "{}"}, body)


def test_base64_has_one_spelling():
    good = base64.b64encode(b"a").decode()
    assert verify_export.decoded(good) == b"a"
    for bad in ("YR==", "YQ", "YQ==\n", "Y Q==", "é"):
        with pytest.raises(ValueError):
            verify_export.decoded(bad)


def test_the_verifier_is_one_file_that_needs_nothing_beside_it(busy, tmp_path):  # noqa: F811
    path = exports.path_of(export(busy))
    with zipfile.ZipFile(path) as bundle:
        (script,) = (name for name in bundle.namelist() if name.endswith(".py"))
        (tmp_path / "alone.py").write_bytes(bundle.read(script))
    command = [sys.executable, "-I", str(tmp_path / "alone.py"), str(path)]
    said = subprocess.run(command, capture_output=True, text=True, env={}, check=False)
    assert (said.returncode, said.stderr) == (0, "")
    assert "All of it holds." in said.stdout


def test_an_export_that_an_earlier_release_began_is_written_anew(busy):  # noqa: F811
    asked = exports.ask(user=busy.auditor, actor=busy.actor(busy.auditor), query={})
    lengths = json.dumps({"records.jsonl": 10, "records.csv": 5})
    Export.objects.filter(pk=asked.pk).update(done=3, record_count=3, lengths=lengths)
    background.run_due()
    assert verify(exports.path_of(asked)).returncode == 0


def test_a_record_that_is_there_twice_is_a_fault_even_where_all_counts_agree(folder):
    for name, first in (("records.jsonl", 0), ("records.csv", 1)):
        lines = (folder / name).read_bytes().splitlines(keepends=True)
        (folder / name).write_bytes(b"".join([*lines[: first + 1], *lines[first:]]))
    sign_anew(folder, count=json.loads((folder / "manifest.json").read_text())["count"] + 1)
    assert "record 1 is there twice" in found(folder)


@pytest.mark.parametrize("data", [None, [1], {}, 5])
def test_data_that_is_no_text_is_a_fault_of_its_record(folder, data):
    def change(lines):
        told = json.loads(lines[1])
        told["record"]["data"] = data
        return b"".join([lines[0], verify_export.compact(told) + b"\n", *lines[2:]])

    said = rewritten(folder, change)
    assert re.search(r"record \d+: its content is not what the chain holds", said)
    assert "cannot be checked to its end" not in said


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_words_that_a_console_cannot_show_do_not_end_the_check(folder, encoding):
    sign_anew(folder, words="слово \x1b[8m\nAll of it holds.")
    command = [sys.executable, str(folder / "verify_export.py"), str(folder)]
    env = {"PYTHONIOENCODING": encoding}
    said = subprocess.run(command, capture_output=True, env=env, check=False)
    assert (said.returncode, said.stderr) == (0, b"")
    assert b"\x1b" not in said.stdout
    assert said.stdout.splitlines()[-1] == b"All of it holds."
    assert said.stdout.count(b"\nAll of it holds.") == 1


def test_what_is_no_export_is_told_in_words(tmp_path):
    empty, text, folder = (tmp_path / name for name in ("empty.zip", "text.zip", "folder"))
    zipfile.ZipFile(empty, "w").close()
    text.write_bytes(b"x")
    folder.mkdir()
    for path, why in {
        empty: "it holds no manifest.json",
        text: "it is no zip file, or not the whole of one",
        folder: "it holds no manifest.json",
        tmp_path / "gone": "there is no such file or folder",
    }.items():
        command = [sys.executable, "-I", str(bundle.VERIFIER), str(path)]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (said.returncode, why in said.stderr) == (2, True), said.stderr


def zipped(folder, path, *, prefix, extra=b""):
    with zipfile.ZipFile(path, "w") as bundle:
        for file in sorted(folder.iterdir()):
            info = zipfile.ZipInfo(prefix + file.name)
            info.extra = extra if file.name == "records.csv" else b""
            bundle.writestr(info, file.read_bytes())
    return path


def test_files_zipped_anew_without_their_folder_are_still_an_export(folder, tmp_path):
    assert verify(zipped(folder, tmp_path / "flat.zip", prefix="")).returncode == 0


def test_a_second_name_that_other_readers_take_is_a_fault(folder, tmp_path):
    name = b"e/other.csv"
    checked = zlib.crc32(b"e/records.csv")
    extra = struct.pack("<HHBL", 0x7075, 5 + len(name), 1, checked) + name
    said = found(zipped(folder, tmp_path / "names.zip", prefix="e/", extra=extra))
    assert "gives a file a second name" in said


def test_the_verifier_starts_on_python_3_9():
    tree = ast.parse(bundle.verifier(), feature_version=(3, 9))
    asked = [each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.arg)]
    types = [getattr(each, "annotation", None) or getattr(each, "returns", None) for each in asked]
    # Before 3.10 a bare `X | None` fails where the function is defined; in quotes nobody reads it.
    parts = [part for each in types if each for part in ast.walk(each)]
    assert [ast.unparse(part) for part in parts if isinstance(part, ast.BinOp)] == []

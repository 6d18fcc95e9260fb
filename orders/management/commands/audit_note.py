"""`manage.py audit_note`: print a checkpoint's signed note, or keep what a witness cosigned."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser

from orders.evidence import notes
from orders.evidence.checkpoint_file import CannotCheckpoint
from orders.evidence.notes import NoNote
from orders.evidence.signed_note import BadNote
from orders.management import terminal


class Command(terminal.DeskCommand):
    """Only prints; the work is in `orders.evidence.notes`."""

    help = (
        "Prints the C2SP signed note of the newest checkpoint, which witnesses outside cosign. "
        "With --old N it begins with the proof that the log goes on from its first N records, as a "
        "witness takes it. With --keep it keeps what witnesses signed. Exit code 1: refused."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Which note, with what, or what to do in its place."""
        parser.add_argument("--number", type=int, help="the checkpoint's number; else the newest")
        parser.add_argument("--old", type=int, help="the records that the reader saw before")
        parser.add_argument("--cosigned", action="store_true", help="with the kept cosignatures")
        parser.add_argument(
            "--vkey", action="store_true", help="print the log's verifier keys only"
        )
        parser.add_argument("--keep", nargs="+", metavar="FILE", help="what a witness signed")

    def handle(self, *args: str, **options: Any) -> None:
        """Print or keep; exit code 1 where there is no note or a witness's word does not hold."""
        try:
            with terminal.in_words():
                self.stdout.write(_asked(**options), ending="")
        except (BadNote, CannotCheckpoint, NoNote) as refused:
            said = str(refused)
            raise CommandError(said if said.endswith(".") else f"Not kept: {said}.") from None


def _asked(
    *,
    number: int | None,
    old: int | None,
    cosigned: bool,
    vkey: bool,
    keep: list[str] | None,
    **_: Any,
) -> str:
    """Return what to print."""
    if vkey:
        return "".join(f"{key}\n" for key in notes.verifier_keys())
    if keep:
        seen = notes.keep("".join(map(_content, keep)))
        return "".join(f"Kept: {each}.\n" for each in seen)
    one = notes.find(number)
    note = notes.cosigned(one) if cosigned else one.note
    return note if old is None else notes.proof(one, old) + note


def _content(name: str) -> str:
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        said = f"--keep: {name} cannot be read."
        raise CommandError(said, returncode=terminal.WRONG_INPUT) from None

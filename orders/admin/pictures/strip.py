"""The log's checkpoints as a strip, green up to the last verified position."""

import json
from dataclasses import dataclass
from typing import Any

from orders.models import AuditCheckpoint, Verification
from orders.templatetags.desk import at, thousands

MAX_BLOCKS = 60  # the newest checkpoints


@dataclass(frozen=True)
class Block:
    """Records ``first`` to ``last`` under one checkpoint, or under none yet."""

    name: str
    first: int
    last: int
    state: str
    at: str = ""

    @property
    def cell(self) -> dict[str, str]:
        """The block as the theme's tracker draws it."""
        records = f"records {thousands(self.first)} to {thousands(self.last)}"
        return {"tooltip": f"{self.name}: {records}, {self.state}", "color": COLOURS[self.state]}


VERIFIED, SIGNED, BARE, FAULTY = "verified", "signed", "under no checkpoint yet", "not whole"
COLOURS = {
    VERIFIED: "dk-block dk-block-good",
    SIGNED: "dk-block dk-block-plain",
    BARE: "dk-block dk-block-bare",
    FAULTY: "dk-block dk-block-alarm",
}


def blocks(last: Verification | None, tip: int) -> list[Block]:
    """The newest checkpoints, oldest first, and what is newer than all of them; one query.

    ``last``: the last verification that ended.
    """
    signed = list(AuditCheckpoint.objects.filter(lost_at=None)[: MAX_BLOCKS + 1])
    before = signed.pop().count if len(signed) > MAX_BLOCKS else 0
    verified_to, faulty_from = _reach(last)
    found = []
    for one in reversed(signed):
        if one.count > before:
            state = _state(before + 1, one.count, verified_to, faulty_from)
            name = f"Checkpoint {one.number}"
            found.append(Block(name, before + 1, one.count, state, at(one.at)))
            before = one.count
    if tip > before:
        found.append(Block("Newer", before + 1, tip, BARE))
    return found


def _reach(last: Verification | None) -> tuple[int, int | None]:
    """Up to which position the log was found whole, and from where on it was not."""
    if last is None:
        return 0, None
    report: dict[str, Any] = json.loads(last.report)
    walked = report.get("records", 0)
    if not last.fault_count:
        return walked, None
    positions = [fault["position"] for fault in report.get("faults", []) if fault.get("position")]
    first = min(positions, default=1)
    return first - 1, first


def _state(first: int, last: int, verified_to: int, faulty_from: int | None) -> str:
    if faulty_from is not None and first <= faulty_from <= last:
        return FAULTY
    return VERIFIED if last <= verified_to else SIGNED

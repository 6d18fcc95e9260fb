"""Every field of every row, odd in every way, met by every act: nothing sound is lost, nothing
false is said."""

import pytest
from django.db import transaction

from orders.panic import readback
from tests.helpers.engines import part_of
from tests.helpers.odd_cells import ACTS, ODDITIES, Cell, FewLooks, fields_of, judge

ROWS = [(kind, act) for kind, acts in ACTS for act in acts]
ONE_OF = 29  # of the table, wherever the whole takes too long


class Undone(Exception):
    """Ends a cell: the next one starts from the same database."""


def cells_of(kind, act):
    return [(act, field, oddity) for field in fields_of(kind) for oddity in ODDITIES]


def carry_out(firm, act, field, oddity):
    """One cell, without a trace; whether the odd row was met, and what went wrong."""
    cell, wrong = Cell(firm, field, oddity), ""
    firm.paper.reset(accounts=firm.bound)
    try:
        with transaction.atomic():
            try:
                act(cell)
                judge(cell)
            except Exception as error:  # the table is told whole
                wrong = f"{act.__name__} {field} {oddity}: {type(error).__name__} {error}"
            raise Undone
    except Undone:
        return cell.was_met, wrong


def carry_out_all(firm, some, capsys):
    outcomes = [carry_out(firm, *one) for one in some]
    wrong = [said for _, said in outcomes if said]
    met = sum(is_met for is_met, _ in outcomes)
    with capsys.disabled():
        print(f" [{met} of {len(outcomes)} cells of odd rows met, {len(wrong)} wrong]", end="")
    assert not wrong, "\n".join(wrong[:80])
    return met


@pytest.fixture(autouse=True)
def _quickest(quick_panic, monkeypatch):
    """A panic that cannot see an empty book gives up after a few looks."""
    monkeypatch.setattr(readback, "_Deadline", FewLooks)


def test_some_of_the_table(firm, capsys):
    every = [cell for kind, act in ROWS for cell in cells_of(kind, act)]
    some = part_of(every[::ONE_OF])
    with capsys.disabled():
        print(f" [{len(every)} cells in the table]", end="")
    assert len(every) > 2000
    assert carry_out_all(firm, some, capsys) == len(some)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("kind", "act"), ROWS, ids=[act.__name__ for _, act in ROWS])
def test_the_whole_table(firm, capsys, kind, act):
    every = cells_of(kind, act)
    assert carry_out_all(firm, every, capsys) == len(every)

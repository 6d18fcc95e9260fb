"""On a narrow window a table's row is a card: each cell says what it is, for there is no head."""

import re
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).parent.parent.parent / "templates"
TABLE = re.compile(r'<table class="(dk-table[^"]*)">(.*?)</table>', re.DOTALL)
CELL = re.compile(r"<td\b[^>]*>")
FOUND = [
    pytest.param(css, inside, id=f"{path.stem}-{number}")
    for path in sorted(TEMPLATES.rglob("*.html"))
    for number, (css, inside) in enumerate(TABLE.findall(path.read_text()))
]


def test_there_are_tables_to_look_at():
    assert len(FOUND) > 10


@pytest.mark.parametrize(("css", "inside"), FOUND)
def test_each_cell_of_a_table_is_labelled_but_for_pairs_and_for_nothing_found(css, inside):
    if "dk-pairs" in css:
        assert "<th" not in inside
        return
    bare = [cell for cell in CELL.findall(inside) if "data-label" not in cell]
    assert [cell for cell in bare if "dk-empty" not in cell] == []

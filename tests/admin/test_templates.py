"""Every template that is named exists, and every template of ours is named somewhere."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = next(one for one in Path(__file__).parents if (one / "manage.py").exists())
TEMPLATES = ROOT / "templates"
TAG = re.compile(r'{%\s*(?:include|extends)\s+"([^"]+)"')
INCLUDE = re.compile(r'{%\s*include\s+"(desk/[^"]+)"')
PATHS = sorted(TEMPLATES.rglob("*.html"))
OURS = {str(one.relative_to(TEMPLATES)) for one in PATHS if "desk" in one.parts}


def names_in_python():
    for path in sorted(ROOT.glob("orders/**/*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
            if is_text and re.fullmatch(r"desk/[\w/]+\.html", node.value):
                yield node.value


def names_in_templates(pattern):
    return {name for path in PATHS for name in pattern.findall(path.read_text())}


@cache
def named():
    return {*names_in_python(), *names_in_templates(TAG)}


def test_every_template_of_ours_that_is_named_exists():
    assert {one for one in named() if one.startswith("desk/")} - OURS == set()


def test_every_template_of_ours_is_named():
    assert not OURS - named()


@pytest.mark.parametrize("name", sorted(names_in_templates(INCLUDE)))
def test_what_is_included_is_a_partial(name):
    assert Path(name).name.startswith("_")

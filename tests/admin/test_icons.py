"""Each icon that a page can show is among those that the cut font was made of."""

import re
from pathlib import Path

import pytest
import unfold
from django.conf import settings

from orders.admin import navigation
from tests.helpers.screens import page, signed_in

ROOT = Path(settings.BASE_DIR)
FOLDER = ROOT / "orders/static/desk"
CUT = set((FOLDER / "icons.txt").read_text().split())
MISSING_IN_THE_THEME = {"file_upload"}  # its own font has no such icon either
NAMED = r"material-symbols-outlined[^>]*>\s*([a-z_0-9]+)\s*<"


@pytest.mark.parametrize("folder", [ROOT / "templates", Path(unfold.__file__).parent / "templates"])
def test_the_font_has_each_icon_that_a_template_names(folder):
    texts = [path.read_text() for path in folder.rglob("*.html")]
    named = {name for text in texts for name in re.findall(NAMED, text)}
    assert named
    assert named - CUT - MISSING_IN_THE_THEME == set()


def test_the_font_has_each_icon_of_the_menu_and_the_scripts(firm):
    menu = re.findall(
        r'_item\(\s*request, "[^"]+", "([a-z_]+)"', Path(navigation.__file__).read_text()
    )
    scripts = "".join(path.read_text() for path in FOLDER.glob("*.js"))
    written = re.findall(r'icon\.textContent = "([a-z_]+)"', scripts)
    assert len(menu) > 10
    assert {*menu, *written, settings.UNFOLD["SITE_SYMBOL"]} - CUT == set()
    shown = re.findall(NAMED, page(signed_in(firm.administrator), "index"))
    assert set(shown) - CUT == set()


def test_the_font_has_each_icon_of_the_themes_style_that_a_page_of_ours_shows():
    style = "".join(path.read_text() for path in Path(unfold.__file__).parent.rglob("styles.css"))
    shown = {"warning", "expand_more"}  # beside a refused field, in a select
    assert {name for name in shown if f'content:"{name}"' in style} == shown
    assert shown - CUT == set()


def test_the_font_is_a_fraction_of_the_themes():
    assert (FOLDER / "icons.woff2").stat().st_size < 30_000
    assert "icons.woff2" in (FOLDER / "theme.css").read_text()

"""Each screen leads to its page of the documents, which the site serves to whoever is signed in."""

import re

import pytest
from django.test import Client

from orders.admin import help_pages
from tests.helpers.screens import page, signed_in, url

pytestmark = pytest.mark.once

NAMES = [name for name, _ in help_pages._documents()]


@pytest.mark.parametrize("name", NAMES)
def test_every_document_is_a_page_whose_links_lead_somewhere(firm, name):
    client = signed_in(firm.viewer)
    text = page(client, "help", name)
    article = text.split('<article class="dk-card dk-document">')[1].split("</article>")[0]
    for link in re.findall(r'<a href="(/[^"]+)"', article):
        place, _, section = link.partition("#")
        answer = client.get(place)
        assert answer.status_code == 200, link
        assert not section or f'id="{section}"' in answer.content.decode(), link
    assert ".md" not in "".join(re.findall(r'href="([^"]*)"', article))


def test_every_screen_leads_to_a_section_that_is_there(firm):
    client = signed_in(firm.viewer)
    for topic in {help_pages.SCREENS, *help_pages.TOPICS.values()}:
        name, _, section = topic.partition("#")
        assert not section or f'id="{section}"' in page(client, "help", name), topic


def test_the_help_on_a_screen_is_on_the_screen(firm):
    client = signed_in(firm.head)
    for screen, section in (
        ("orders_order_changelist", "screens/#orders"),
        ("orders_order_cancel_by_id", "screens/#cancel-by-id"),
        ("orders_panicline_pull", "panic/"),
        ("index", "screens/#overview"),
    ):
        assert f'class="dk-help" href="/admin/help/{section}"' in page(client, screen)


def test_strangers_read_no_document():
    assert Client().get(url("help", "panic")).status_code == 302


@pytest.mark.parametrize("name", ["nothing", "../README", "..%2FREADME", "panic.md", "screens/x"])
def test_only_documents_are_served(firm, name):
    assert signed_in(firm.viewer).get(f"/admin/help/{name}/").status_code == 404


def test_html_in_a_document_is_text(tmp_path, monkeypatch):
    text = "# Bad\n\n<script>alert(1)</script>\n\n[x](javascript:alert(1))"
    (tmp_path / "bad.md").write_text(text)
    monkeypatch.setattr(help_pages, "FOLDER", tmp_path)
    body, title = help_pages._rendered("bad", 1)
    assert title == "Bad"
    assert "<script>" not in body
    assert "href" not in body


@pytest.mark.parametrize(
    ("heading", "name"),
    [("Is it well?", "is-it-well"), ("8. As services", "8-as-services"), ("`a` b", "a-b")],
)
def test_sections_are_named_as_links_between_documents_name_them(heading, name):
    assert help_pages.slug(heading) == name

"""Templates keep the content policy; icons exist; vendor files are made as the pages name them."""

import html
import re
from pathlib import Path

import pytest
from django.template import Context, RequestContext, Template
from django.urls import reverse

from kaitong.core.ids import uuid7
from kaitong.web.icons import ICONS
from kaitong.web.vendor import MissingParts, sprite, vendor

WEB = Path(__file__).resolve().parents[1]
TEMPLATES = sorted((WEB / "templates").rglob("*.html"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: p.name)
def test_no_inline_style_handler_or_script(path):
    text = path.read_text("utf-8")
    assert not re.search(r"\sstyle\s*=", text)
    assert not re.search(r"\son[a-z]+\s*=", text)
    assert "javascript:" not in text
    for script in re.findall(r"<script[^>]*>", text):
        assert "src=" in script
        assert "nonce=" in script


def test_every_icon_named_is_in_the_sprite():
    named = set()
    for path in TEMPLATES:
        named |= set(re.findall(r'{% icon "([a-z0-9-]+)"', path.read_text("utf-8")))
    assert named
    assert named <= set(ICONS)
    assert len(ICONS) == len(set(ICONS))


def test_no_dead_links():
    for path in TEMPLATES:
        assert 'href="#"' not in path.read_text("utf-8"), path.name


def _icons(folder: Path) -> None:
    outline = folder / "@tabler/icons/icons/outline"
    outline.mkdir(parents=True)
    for name in ICONS:
        (outline / f"{name}.svg").write_text(f'<svg width="24"><path d="M0 {len(name)}"/></svg>')


def test_sprite_holds_one_symbol_for_each_icon(tmp_path):
    _icons(tmp_path)
    made = sprite(tmp_path)
    assert made.count("<symbol ") == len(ICONS)
    assert 'id="search"' in made


def test_sprite_names_what_is_missing(tmp_path):
    _icons(tmp_path)
    (tmp_path / "@tabler/icons/icons/outline/search.svg").unlink()
    with pytest.raises(MissingParts, match=r"search\.svg"):
        sprite(tmp_path)


def test_vendor_says_what_to_run_when_packages_are_absent(tmp_path):
    with pytest.raises(MissingParts, match="npm ci"):
        vendor(tmp_path, tmp_path / "out")


def test_the_lock_file_holds_no_address():
    lock = WEB.parents[2] / "package-lock.json"
    text = lock.read_text("utf-8")
    assert "http" not in text
    assert '"integrity"' in text


def test_addresses_in_a_list_keep_its_filters_and_know_no_row_of_another_request(rf):
    pattern = Template(
        '{% load kt %}{% for n in numbers %}{% query item=n %} {% endfor %}{% query item="" %}'
        ' {% query tab="" x="" item="" %}'
    )

    def shown(path: str) -> str:
        context = RequestContext(rf.get(path), {"numbers": (5, 6)})
        return html.unescape(pattern.render(context))

    assert shown("/work/?tab=todo&x=1&x=<&item=9") == (
        "?tab=todo&x=1&x=%3C&item=5 ?tab=todo&x=1&x=%3C&item=6 ?tab=todo&x=1&x=%3C ?"
    )
    assert shown("/work/") == "?item=5 ?item=6 ? ?"


def test_the_address_of_a_row_is_that_of_its_page(rf):
    number = uuid7()
    rendered = Template('{% load kt %}{% at "web:order" n %}').render(Context({"n": number}))
    assert rendered == reverse("web:order", args=[number])

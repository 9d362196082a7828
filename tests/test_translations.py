"""Every Chinese text that goes through gettext has its English, with the same places in it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "kaitong"
CHINESE = re.compile("[\u4e00-\u9fff]")
PLACE = re.compile(r"%\(\w+\)[sd]|%[sd]")
FUNCTIONS = {"_", "gettext", "gettext_lazy", "gettext_noop"}
TAG = re.compile(r"{%\s*trans(?:late)?\s+(\"[^\"]*\"|'[^']*')")
INLINE = re.compile(r"_\((\"[^\"]*\"|'[^']*')\)")
BLOCK = re.compile(r"{%\s*blocktrans(?:late)?([^%]*)%}(.*?){%\s*end", re.DOTALL)


def python_texts(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        first = node.args[0]
        if name in FUNCTIONS and isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value


def template_texts(path: Path):
    text = path.read_text(encoding="utf-8")
    for quoted in TAG.findall(text) + INLINE.findall(text):
        yield quoted[1:-1]
    for head, body in BLOCK.findall(text):
        for part in re.split(r"{%\s*plural\s*%}", body):
            filled = re.sub(r"{{\s*([\w.]+)\s*}}", r"%(\1)s", part)
            if "trimmed" in head:
                filled = " ".join(line.strip() for line in filled.strip().splitlines())
            yield filled


def all_texts() -> dict[str, str]:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        if "tests" not in path.parts and "migrations" not in path.parts:
            found |= dict.fromkeys(python_texts(path), path.name)
    for path in PACKAGE.rglob("*.html"):
        found |= dict.fromkeys(template_texts(path), path.name)
    return {text: where for text, where in found.items() if CHINESE.search(text)}


@pytest.fixture(scope="module")
def english() -> dict[str, str]:
    with (PACKAGE / "locale" / "en" / "LC_MESSAGES" / "django.po").open("rb") as file:
        return {str(m.id): str(m.string) for m in read_po(file) if m.id}


def test_every_text_has_english(english):
    missing = [f"{where}: {text}" for text, where in all_texts().items() if not english.get(text)]
    assert not missing


def test_places_are_the_same(english):
    wrong = [
        text
        for text, translated in english.items()
        if sorted(PLACE.findall(text)) != sorted(PLACE.findall(translated))
    ]
    assert not wrong


def test_english_is_english(english):
    assert not [text for text in english.values() if CHINESE.search(text)]

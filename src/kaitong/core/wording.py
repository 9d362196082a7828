"""Stored sentences in the reader's language.

What machines write down (why an order waits, what a proof saw, an incident's message) is stored as
a Chinese sentence made from one of our templates. Reading takes it apart again: the template that
made it is found in the catalogue, and put together with its values in the reader's language. So
rows of any age read in any language, and what no template made (people's own words, names) stays
as it is. Whoever stores a sentence words it under `stored()`, so that it is Chinese whoever acts.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.utils.translation import get_language, override

CHINESE = "zh-hans"
_CJK = re.compile("[\u4e00-\u9fff]")
_PLACE = re.compile(r"%\((\w+)\)[sd]|%[sd]|%%")
_LEAST = 2  # signs of a template that are its own: fewer could be anybody's words
# Marks at which sentences are put together, and what stands for them in English.
_JOINS = (("；", "; "), ("。 ", ". "), ("：", ": "), ("，", ", "), ("、", ", "))
_CODE = re.compile(r"([a-z][a-z_. -]*): (.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Template:
    pattern: re.Pattern[str]
    literal: str  # its longest own piece: a quick test before the pattern
    own: int  # how many signs are its own; the most specific template wins
    names: tuple[str, ...]
    translation: str


@contextmanager
def stored() -> Iterator[None]:
    """Within the block texts are worded as they are stored: in Chinese."""
    with override(CHINESE):
        yield


def several(parts: Iterable[object], mark: str = "、") -> str:
    """Parts of a list in a sentence: 甲、乙 in Chinese, A, B in English. `mark` is the Chinese one
    between them; another of `_JOINS` for clauses (，) or sentences (；)."""
    chinese = (get_language() or CHINESE).startswith("zh")
    return (mark if chinese else dict(_JOINS)[mark]).join(map(str, parts))


def english() -> bool:
    """Whether the reader reads English; everybody else reads Chinese."""
    return (get_language() or CHINESE).startswith("en")


def read(text: str) -> str:
    """A stored sentence in the reader's language. Chinese readers get it as it is."""
    language = get_language() or CHINESE
    if not text or language.startswith("zh") or not _CJK.search(text):
        return text
    return _read(text, language.partition("-")[0])


@lru_cache(maxsize=4096)
def _read(text: str, language: str) -> str:
    found = _whole(text, language)
    if found is not None:
        return found
    coded = _CODE.fullmatch(text)
    if coded:
        return f"{coded[1]}: {_read(coded[2], language)}"
    for mark, put in _JOINS:
        if mark not in text:
            continue
        parts = text.split(mark)
        # the mark a sentence ends with belongs to it where the template has it
        told = [_part(part, mark, language) for part in parts]
        if any(new != old for new, old in zip(told, parts, strict=True)):
            if put == ". ":
                told[:-1] = [part.rstrip("。.") for part in told[:-1]]
            return put.join(told)
    return text


def _part(part: str, mark: str, language: str) -> str:
    if mark == "。 " and part and not part.endswith("。"):
        with_end = _whole(part + "。", language)
        if with_end is not None:
            return with_end
    return _read(part, language) if _CJK.search(part) else part


def _whole(text: str, language: str) -> str | None:
    """The text as one sentence of the catalogue, or None."""
    exact, templates = _catalogue(language)
    known = exact.get(text)
    if known is not None:
        return known
    for template in templates:
        if template.literal not in text:
            continue
        match = template.pattern.fullmatch(text)
        if match is None:
            continue
        values = {
            name: _read(match[name], language) if _CJK.search(match[name]) else match[name]
            for name in template.names
        }
        return _filled(template.translation, values)
    return None


def _filled(translation: str, values: dict[str, str]) -> str:
    def value(place: re.Match[str]) -> str:
        return "%" if place[0] == "%%" else values.get(place[1] or "text", "")

    return _PLACE.sub(value, translation)


@lru_cache(maxsize=4)
def _catalogue(language: str) -> tuple[dict[str, str], tuple[_Template, ...]]:
    """Whole sentences, and templates with places, the most specific first."""
    exact: dict[str, str] = {}
    templates: list[_Template] = []
    for folder in settings.LOCALE_PATHS:
        path = Path(folder) / language / "LC_MESSAGES" / "django.mo"
        if not path.exists():
            continue
        with path.open("rb") as file:
            messages = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        for source, translation in messages.items():
            if not isinstance(source, str) or not _CJK.search(source) or not translation:
                continue
            if _PLACE.search(source):
                made = _template(source, translation)
                if made is not None:
                    templates.append(made)
            else:
                exact[source] = translation
    templates.sort(key=lambda template: -template.own)
    return exact, tuple(templates)


def _template(source: str, translation: str) -> _Template | None:
    names: list[str] = []
    pattern, pieces, last = "", [], 0
    for place in _PLACE.finditer(source):
        piece = source[last : place.start()]
        pieces.append(piece)
        pattern += re.escape(piece)
        last = place.end()
        if place[0] == "%%":
            pattern += "%"
            continue
        name = place[1] or "text"
        if name in names:
            pattern += f"(?P={name})"
        else:
            names.append(name)
            pattern += f"(?P<{name}>.+?)"
    pieces.append(source[last:])
    if sum(len(_CJK.findall(piece)) for piece in pieces) < _LEAST:
        return None
    own = sum(map(len, pieces))
    literal = max(pieces, key=len)
    compiled = re.compile(pattern + re.escape(source[last:]), re.DOTALL)
    return _Template(compiled, literal, own, tuple(names), translation)

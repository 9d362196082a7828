"""The colours of both themes (WCAG AA): what is read is at least 4.5 : 1 on every surface,
what shows a state or edges a field 3 : 1."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import kaitong.web

CSS = Path(kaitong.web.__file__).parent / "static" / "kaitong" / "kaitong.css"
SURFACES = ("canvas", "rail", "surface", "sunken", "hover", "selected")
STATES = ("you", "ok", "soon", "late", "wait")
SOFT = tuple(f"{state}-soft" for state in STATES)
READ = ("ink", "ink-2", "ink-3", "accent", "accent-hover", *STATES)
SHOWN = (*(f"{state}-dot" for state in STATES), "accent")


def tokens(theme: str) -> dict[str, str]:
    text = CSS.read_text()
    start = text.index(f"[data-bs-theme={theme}] {{\n  --kt-" if theme == "dark" else ":root,\n")
    block = text[start : text.index("}", start)]
    return dict(re.findall(r"--kt-([\w-]+):\s*(#[0-9a-f]{6})", block))


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_ink_can_be_read_on_every_surface(theme):
    known = tokens(theme)
    pairs = [(ink, back) for ink in READ for back in (*SURFACES, *SOFT)]
    pairs += [("on-accent", "accent"), ("on-accent", "accent-hover")]
    faint = {(a, b): round(contrast(known[a], known[b]), 2) for a, b in pairs}
    assert {pair: ratio for pair, ratio in faint.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_shows_a_state_or_edges_a_field_can_be_seen(theme):
    known = tokens(theme)
    faint = {(a, b): round(contrast(known[a], known[b]), 2) for a in SHOWN for b in SURFACES}
    assert {pair: ratio for pair, ratio in faint.items() if ratio < 3} == {}

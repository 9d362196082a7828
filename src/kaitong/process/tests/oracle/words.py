"""Expressions of the random processes: one neutral tree, spelled in FEEL and in Python.

Variables are whole numbers `x0`..`x3` and the text `s0`, all set before the process begins, so that
an expression always has a value and both languages must agree about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

NUMBERS = ("x0", "x1", "x2", "x3")
TEXT = "s0"
TEXTS = ("a", "b", "城区")
NAMES = (*NUMBERS, TEXT)


@dataclass(frozen=True)
class Word:
    """A leaf or an operation: `sign` is the neutral name of the operation, "" of a leaf."""

    sign: str
    parts: tuple[Any, ...]

    def feel(self) -> str:
        return _spell(self, _FEEL)

    def python(self) -> str:
        return _spell(self, _PYTHON)

    def __repr__(self) -> str:
        return self.feel()


_FEEL = {
    "=": "{} = {}",
    "!=": "{} != {}",
    "not": "not({})",
    "between": "{} between {} and {}",
    "in": "{} in ({}, {})",
    "if": "if {} then {} else {}",
    "max": "max({}, {})",
    "length": "string length({})",
}
_PYTHON = {
    "=": "{} == {}",
    "!=": "{} != {}",
    "not": "not ({})",
    "between": "{1} <= {0} <= {2}",
    "in": "{} in ({}, {})",
    "if": "({1}) if ({0}) else ({2})",
    "max": "max({}, {})",
    "length": "len({})",
}


def _spell(word: Word, language: dict[str, str]) -> str:
    if word.sign == "name":
        return str(word.parts[0])
    if word.sign == "value":
        value = word.parts[0]
        return f'"{value}"' if isinstance(value, str) else str(value)
    parts = [_inside(part, language) for part in word.parts]
    form = language.get(word.sign, f"{{}} {word.sign} {{}}")
    return form.format(*parts)


def _inside(word: Word, language: dict[str, str]) -> str:
    text = _spell(word, language)
    simple = word.sign in ("name", "max", "length")
    simple = simple or (word.sign == "value" and not text.startswith("-"))
    return text if simple else f"({text})"


def name(text: str) -> Word:
    return Word("name", (text,))


def value(of: int | str) -> Word:
    return Word("value", (of,))


Names = tuple[str, ...]
_small = st.integers(0, 9)
_compare = st.sampled_from(("<", "<=", ">", ">=", "=", "!="))


def _leaf(reads: Names) -> st.SearchStrategy[Word]:
    there = [n for n in NUMBERS if n in reads]
    constant = _small.map(value)
    return st.one_of(constant, st.sampled_from(there).map(name)) if there else constant


@st.composite
def numbers(draw: Any, reads: Names = NAMES) -> Word:
    """A number: sums stay small, however often a loop adds them up."""
    sign = draw(st.sampled_from(("leaf", "+", "-", "max", *(("length",) if TEXT in reads else ()))))
    if sign == "leaf":
        return draw(_leaf(reads))  # type: ignore[no-any-return]
    if sign == "length":
        return Word("length", (name(TEXT),))
    return Word(sign, (draw(_leaf(reads)), draw(_leaf(reads))))


@st.composite
def conditions(draw: Any, reads: Names = NAMES, depth: int = 2) -> Word:
    signs = ["compare", "between", "in"]
    signs += ["text"] if TEXT in reads else []
    signs += ["and", "or", "not"] if depth else []
    sign = draw(st.sampled_from(signs))
    if sign == "compare":
        return Word(draw(_compare), (draw(numbers(reads)), draw(_leaf(reads))))
    if sign == "text":
        chosen = value(draw(st.sampled_from(TEXTS)))
        return Word(draw(st.sampled_from(("=", "!="))), (name(TEXT), chosen))
    if sign in ("between", "in"):
        return Word(sign, (draw(numbers(reads)), draw(_leaf(reads)), draw(_leaf(reads))))
    parts = [draw(conditions(reads, depth - 1)) for _ in range(1 if sign == "not" else 2)]
    return Word(sign, tuple(parts))


@st.composite
def settings(draw: Any, reads: Names = NAMES, writes: Names = NAMES) -> tuple[str, Word]:
    """What a script sets: a variable and its new value."""
    target = draw(st.sampled_from(writes))
    if target == TEXT:
        texts = st.sampled_from(TEXTS).map(value)
        chosen = Word("if", (draw(conditions(reads, 0)), draw(texts), draw(texts)))
        return target, chosen
    return target, draw(numbers(reads))


variables = st.fixed_dictionaries(dict.fromkeys(NUMBERS, _small) | {TEXT: st.sampled_from(TEXTS)})
answers = st.one_of(
    st.just({}),
    st.dictionaries(st.sampled_from(NUMBERS), _small, max_size=2),
    st.fixed_dictionaries({TEXT: st.sampled_from(TEXTS)}),
)

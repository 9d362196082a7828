"""What one answer of a counter's form is: its name on paper, its check, and how it may be shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kaitong.core.errors import BadInput, InputFault
from kaitong.ordering.life_checks import Subject

VALUE = "value"
Kept = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """`title` names it on a paper; `before` and `after` are how it may be shown. One whose `after`
    is empty is not told at all."""

    title: str
    check: Callable[[Subject, Any], Any]
    before: Callable[[Subject], str]
    after: Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Whole:
    """What is looked at when all answers of a change are right by themselves.

    `asked` are the targets it is about: it runs where any of them was answered. It may write, in
    the transaction of the request, and add to what is kept; its faults name targets.
    """

    asked: frozenset[str]
    prepare: Callable[[Subject, Kept, str], None]


def wrong(what: str, remedy: str = "") -> BadInput:
    """A fault of the answer that is being checked."""
    return BadInput([InputFault(VALUE, what, remedy)])


def at(target: str, what: str, remedy: str = "") -> BadInput:
    """A fault found when the answers were looked at together."""
    return BadInput([InputFault(target, what, remedy)])


def nothing(_anything: Any) -> str:
    """There was nothing before, or nothing of it is told."""
    return ""


def hidden(_anything: Any) -> str:
    """A secret is told by its being there."""
    return "••••••"

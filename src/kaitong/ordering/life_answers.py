"""What a counter's form may write (`writes: change.…`), and what each answer must be.

A check gives the answer as it is kept, or raises BadInput with the field `value`. What is told of
it on papers and pages is worded here too; secrets are told by their being there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kaitong.core.errors import BadInput, InputFault
from kaitong.ordering.life_checks import Subject

VALUE = "value"


@dataclass(frozen=True, slots=True)
class Answer:
    """`title` names it on a paper; `before` and `after` are how it may be shown."""

    title: str
    check: Callable[[Subject, Any], Any]
    before: Callable[[Subject], str]
    after: Callable[[Any], str]


def wrong(what: str, remedy: str = "") -> BadInput:
    """A fault of the answer that is being checked."""
    return BadInput([InputFault(VALUE, what, remedy)])


_SHORTEST, _LONGEST = 6, 32


def _password(_subject: Subject, value: Any) -> str:
    text = str(value)
    if not _SHORTEST <= len(text) <= _LONGEST or not text.isascii() or not text.isprintable():
        raise wrong(
            _("密码应是 %(least)s 到 %(most)s 位的字母、数字和符号。")
            % {"least": _SHORTEST, "most": _LONGEST}
        )
    if " " in text:
        raise wrong(_("密码里不能有空格。"))
    return text


def _hidden(_anything: Any) -> str:
    return "••••••"


ANSWERS: dict[str, Answer] = {
    "change.password": Answer(gettext_noop("密码"), _password, _hidden, _hidden),
}

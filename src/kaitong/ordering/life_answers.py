"""What a counter's form may write (`writes: change.…`), and what each answer must be.

A check gives the answer as it is kept, or raises BadInput with the field `value`. What is told of
it on papers and pages is worded here too; secrets are told by their being there.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kaitong.core.errors import BadInput
from kaitong.inventory import services as inventory
from kaitong.ordering import (
    case_change,
    life_acting,
    life_numbers,
    life_people,
    moving,
    part_change,
    plan_change,
)
from kaitong.ordering.life_answer import VALUE, Answer, Kept, Whole, at, hidden, nothing, wrong
from kaitong.ordering.life_checks import Subject

__all__ = ["ANSWERS", "VALUE", "WHOLE", "Answer", "prepare", "wrong"]

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


def _old_password(subject: Subject, value: Any) -> bool:
    """Compared, never kept (BB-05)."""
    if not inventory.is_password(service_id=subject.service.id, given=str(value)):
        raise wrong(_("原密码不对。"), _("忘记原密码的，请办理密码重置。"))
    return True


def _same(_subject: Subject, value: Any) -> str:
    return str(value)


def _passwords(_subject: Subject, kept: Kept, _key: str) -> None:
    """The new password was typed twice alike; the second is not kept."""
    again = kept.pop("change.password_again", None)
    if again is not None and again != kept.get("change.password"):
        raise at("change.password_again", _("两次输入的新密码不一致。"), _("请重新输入。"))


ANSWERS: dict[str, Answer] = {
    "change.password": Answer(gettext_noop("密码"), _password, hidden, hidden),
    "change.password_again": Answer(gettext_noop("密码"), _same, nothing, nothing),
    "change.old_password": Answer(gettext_noop("原密码"), _old_password, nothing, nothing),
    **life_acting.ANSWERS,
    **life_people.ANSWERS,
    **life_numbers.ANSWERS,
    **plan_change.ANSWERS,
    **case_change.ANSWERS,
    **moving.ANSWERS,
    **part_change.ANSWERS,
}
WHOLE: tuple[Whole, ...] = (
    Whole(frozenset({"change.password_again"}), _passwords),
    *life_acting.WHOLE,
    *life_people.WHOLE,
    *life_numbers.WHOLE,
    *part_change.WHOLE,
)


def prepare(subject: Subject, kept: Kept, key: str) -> None:
    """Look at answers together, each of which is right; every fault at once, by target."""
    faults = []
    for whole in WHOLE:
        if whole.asked & set(kept):
            try:
                whole.prepare(subject, kept, key)
            except BadInput as bad:
                faults += bad.faults
    if faults:
        raise BadInput(faults)

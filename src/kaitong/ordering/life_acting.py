"""Who comes to the counter for a line's holder (代办、经办): asked with every change he is to prove
himself for (VER-03, VER-04).

The playbook says what is asked (`acting:`, a form for each kind of customer). For a person an agent
may come, with both originals; an organisation always sends somebody, with its letter of
introduction and his own document. He is the order's agent, and told on its papers, masked.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kaitong.ordering import life_shown as shown
from kaitong.ordering.life_answer import Answer, Kept, Whole, at, nothing, wrong
from kaitong.ordering.life_checks import Subject
from kaitong.party import queries as parties
from kaitong.party.choices import PartyKind

HANDLER, AGENT = "change.handler_", "change.agent_"
BY, ORIGINAL = "change.acting_by", "change.holder_original"
PARTY = "change.acting_party"  # who acts, once he is registered
HOLDER, BY_AGENT = "holder", "agent"


def asks(target: str) -> bool:
    """Whether a target is about who acts, not about what is to be changed."""
    return target.startswith((HANDLER, AGENT)) or target in (BY, ORIGINAL, PARTY)


def _by(_subject: Subject, value: Any) -> str:
    if value not in (HOLDER, BY_AGENT):
        raise wrong(_("没有这种办理人。"), _("请选机主本人或代办人。"))
    return str(value)


ANSWERS: dict[str, Answer] = {
    BY: Answer(gettext_noop("办理人"), _by, nothing, nothing),
    ORIGINAL: Answer(gettext_noop("机主证件原件"), shown.tick, nothing, nothing),
    **shown.answers(HANDLER, gettext_noop("经办人"), gettext_noop("经办人证件")),
    **shown.answers(AGENT, gettext_noop("代办人"), gettext_noop("代办人证件")),
}


def require(subject: Subject, kept: Kept) -> None:
    """Whoever is to act has to be there: an organisation comes by nobody but its handler.

    For faces that ask without the playbook's form; the form itself asks for it, too.
    """
    holder = subject.service.customer_id
    asked = subject.procedure.counter.get("acting") and not kept.get(HANDLER + shown.NUMBER)
    if asked and holder is not None and parties.kind_of(holder) == PartyKind.ORGANIZATION:
        raise at(
            HANDLER + shown.NUMBER,
            _("机主是单位，没有登记经办人。"),
            _("请出示单位介绍信和经办人证件原件。"),
        )


def _acting(subject: Subject, kept: Kept, key: str) -> None:
    holder = subject.service.customer_id
    if holder is None:
        return
    organization = parties.kind_of(holder) == PartyKind.ORGANIZATION
    if kept.get(HANDLER + shown.NUMBER):
        if not organization:
            raise at(HANDLER + shown.NUMBER, _("机主不是单位。"), _("由他人代办的，请登记代办人。"))
        kept[PARTY] = str(shown.handler(subject, kept, key, HANDLER, holder))
    elif kept.get(BY) == BY_AGENT:
        if organization:
            raise at(AGENT + shown.NUMBER, _("机主是单位。"), _("请登记单位的经办人。"))
        if not kept.get(ORIGINAL):
            raise at(ORIGINAL, _("没有核对机主证件原件。"), _("代办须出示双方证件原件。"))
        kept[PARTY] = str(shown.agent(subject, kept, key, AGENT, holder))


WHOLE: tuple[Whole, ...] = (Whole(frozenset({HANDLER + shown.NUMBER, BY}), _acting),)

"""移机: where a line may move to, and what is possible where it may not."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kaitong.catalog import names
from kaitong.core import wording
from kaitong.inventory import queries as inventory
from kaitong.ordering.life_answer import Answer, wrong
from kaitong.ordering.life_checks import Subject
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.places import queries as places

ADDRESS = "change.address"
FEE = "move_fee"  # a parameter of kind money
_SHOWN = 6


def _address(subject: Subject, value: Any) -> str:
    """The new address, as a clerk types it: found, of this branch, and to be served."""
    text = str(value).strip()
    hits = places.search(subject.actor, text, limit=_SHOWN + 1)
    exact = [hit for hit in hits if hit.full_text == "".join(text.split())]
    found = exact or hits
    if not found:
        elsewhere = places.match(Actor.system(), text)
        if elsewhere is not None and not subject.actor.sees(elsewhere.branch_id):
            raise wrong(
                _("这个地址属于%s，不能移过去。") % org.branch(elsewhere.branch_id).name,
                _("可以在那里新装，再把这里销户。"),
            )
        raise wrong(_("标准地址库里没有“%s”。") % text[:60], _("请按标准地址填写到房号。"))
    if len(found) > 1:
        listed = wording.several(hit.short_text for hit in found[:_SHOWN])
        more = "…" if len(found) > _SHOWN else ""
        raise wrong(_("有几个这样的地址：%s。") % (listed + more), _("请写到房号。"))
    spot = found[0]
    if spot.branch_id != subject.service.branch_id:
        raise wrong(
            _("这个地址属于%s，不能移过去。") % org.branch(spot.branch_id).name,
            _("可以在那里新装，再把这里销户。"),
        )
    if spot.id == subject.service.address_id:
        raise wrong(
            names.of(subject.service).say(_("%(this)s现在就装在这个地址。")),
            _("请填另一个地址。"),
        )
    verdict = inventory.coverage_verdict(spot.id)
    if not verdict.available:
        raise wrong(
            _("%(where)s不能装：%(why)s。") % {"where": spot.short_text, "why": verdict.text},
            _("可以登记待装需求，或在原址继续使用。"),
        )
    return str(spot.id)


def _where_it_is(subject: Subject) -> str:
    return subject.service.address_short


def _where_to(value: Any) -> str:
    return places.short_texts([UUID(str(value))]).get(UUID(str(value)), "")


ANSWERS: dict[str, Answer] = {
    ADDRESS: Answer(gettext_noop("装机地址"), _address, _where_it_is, _where_to),
}

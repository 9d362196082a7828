"""改约 on the order's page: the visit as it is agreed, and another time for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core.ids import uuid7
from kaitong.ordering import queries as ordering
from kaitong.ordering import reappointing
from kaitong.ordering.choices import AskedBy
from kaitong.ordering.plans import ReasonGroup
from kaitong.org.actor import Actor
from kaitong.playbooks import queries as playbooks
from kaitong.web.format import mark
from kaitong.web.pages import spoken


@dataclass(frozen=True, slots=True)
class ReappointPage:
    order_id: UUID
    number: str
    agreed: str
    count: int
    most: int
    refusal: str
    start: str
    lengths: tuple[tuple[int, str, bool], ...]
    ways: tuple[tuple[str, str, bool], ...]
    reasons: tuple[ReasonGroup, ...]
    reason: str
    remark: str
    at: str
    key: str
    errors: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


def page(
    actor: Actor,
    order_id: UUID,
    *,
    given: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    fault: str = "",
) -> ReappointPage:
    """`given` and `errors` are those of a refused attempt: what was typed is never lost."""
    plan = reappointing.plan_of(actor, order_id)
    order = ordering.order(actor, order_id)
    say: Callable[[str], str] = str
    if order.playbook and order.playbook_hash:
        say = playbooks.words(order.playbook, order.playbook_hash)
    given = given or {}
    agreed = ""
    if plan.start is not None:
        start = timezone.localtime(plan.start)
        agreed = f"{start:%Y-%m-%d %H:%M}"
        if plan.end is not None:
            agreed += f"–{timezone.localtime(plan.end):%H:%M}"
    minutes = given.get("minutes", str(plan.minutes))
    words = {60: _("1 小时"), 120: _("2 小时"), 240: _("半天")}
    way = given.get("asked_by", AskedBy.PHONE.value)
    return ReappointPage(
        order_id=order_id,
        number=plan.number,
        agreed=agreed,
        count=plan.count,
        most=plan.most,
        refusal=spoken.steps(f"{plan.refusal}{mark('')}{plan.remedy}".strip(), say),
        start=given.get("start", ""),
        lengths=tuple((n, words[n], str(n) == minutes) for n in reappointing.LENGTHS),
        ways=tuple((str(one), str(one.label), str(one) == way) for one in AskedBy),
        reasons=plan.reasons,
        reason=given.get("reason", ""),
        remark=given.get("remark", ""),
        at=plan.at,
        key=given.get("key", "") or str(uuid7()),
        errors=errors or {},
        fault=fault,
    )

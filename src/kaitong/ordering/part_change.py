"""One part of a bundle alone: what may be taken away or added, and what that means (拆分, 加装).

A line with one part fewer or more is a line of another plan: the playbook's plans say what can be,
and what it costs. The line itself and the parts that stay are left as they are, so only plans count
whose own values and those of the other parts are the same as the line's now.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kaitong.catalog import names
from kaitong.catalog import queries as catalog
from kaitong.catalog.choices import OfferingKind
from kaitong.catalog.models import Offering
from kaitong.charging import queries as money
from kaitong.core import wording
from kaitong.inventory import queries as inventory
from kaitong.inventory.choosing import digits_of
from kaitong.inventory.errors import NumberGone
from kaitong.inventory.results import ServiceView
from kaitong.ordering import bundles, case_rules, leaving
from kaitong.ordering.life_answer import Answer, Kept, Whole, at, nothing, wrong
from kaitong.ordering.life_checks import Found, Subject, term_of
from kaitong.ordering.number_choice import NumberRange, page_of, range_of
from kaitong.ordering.plan_change import PlanOffer, explained, plan_offer, terms_of

LEAVE, JOIN, TELEPHONE = "change.leave", "change.join", "change.telephone"
FEE = "part_visit_fee"  # a parameter of kind money: what a visit for one part costs
TERMINAL = "terminal"  # a need of a specification: a device is installed at the customer's


@dataclass(frozen=True, slots=True)
class PartOffer:
    """A plan with one part fewer (`leaving`) or more (`joining`), and what it means."""

    plan: PlanOffer
    leaving: ServiceView | None = None
    joining: Mapping[str, Any] | None = None
    visit: bool = False  # a device must be installed
    visit_fen: int = 0

    @property
    def offering(self) -> Offering:
        return self.plan.offering


def endings_of(subject: Subject) -> list[PartOffer]:
    """The plans a line goes on with when one part leaves, in the catalogue's order."""
    parts = _parts(subject)
    found = []
    for plan, offer in _plans(subject):
        left = _without(parts, plan.parts)
        if left is not None:
            found.append(PartOffer(offer, leaving=left))
    return found


def additions_of(subject: Subject) -> list[PartOffer]:
    """The plans with one part more that the branch has an element for."""
    parts = _parts(subject)
    plans = list(_plans(subject))
    lacking = bundles.platforms_missing([plan for plan, _offer in plans], subject.service.branch_id)
    found = []
    for plan, offer in plans:
        new = _new(parts, plan.parts)
        if new is None or plan.pk in lacking:
            continue
        visit = TERMINAL in needs_of(plan, str(new["service"]))
        fee = int(subject.procedure.parameters.get(FEE) or 0) if visit else 0
        found.append(PartOffer(offer, joining=new, visit=visit, visit_fen=fee))
    return found


def ending_named(subject: Subject, key: str) -> PartOffer:
    return _named(endings_of(subject), key, _("没有可以退订的业务。"))


def addition_named(subject: Subject, key: str) -> PartOffer:
    return _named(additions_of(subject), key, _("没有可以加装的业务。"))


def title_of(offer: PartOffer, say: Callable[[str], str] = str) -> str:
    """The part as people name it: with its number where it has one."""
    if offer.leaving is not None:
        return bundles.named([offer.leaving], say)[0]
    assert offer.joining is not None
    return str((wording.english() and offer.joining.get("title_en")) or offer.joining["title"])


def told(subject: Subject, offer: PartOffer, say: Callable[[str], str] = str) -> list[str]:
    """What an offer means, in sentences for the customer."""
    said = [
        names.of(subject.service).say(
            _("套餐改为“%(plan)s”，%(this)s不受影响。"), plan=case_rules.title_of(offer.offering)
        )
    ]
    if offer.joining is None:
        return said + explained(subject, offer.plan, say)
    said.append(
        _("开通验证当天起每月 %(sum)s，当月按天折算。")
        % {"sum": money.yuan(offer.plan.monthly_fen)}
    )
    if not offer.visit:
        said.append(_("不用上门，话机由客户自己接上。"))
    elif offer.visit_fen:
        said.append(
            _("须上门安装，收上门费 %(sum)s，装好之前撤单全退。")
            % {"sum": money.yuan(offer.visit_fen)}
        )
    else:
        said.append(_("须上门安装，不另收费。"))
    # the sentences of a changed plan that are not about when it begins
    return said + explained(subject, offer.plan, say)[2:]


def range_of_part(subject: Subject, offer: PartOffer) -> NumberRange | None:
    """The range a new part's telephone number is picked from; None where it has none."""
    if offer.joining is None:
        return None
    services = frozenset({str(offer.joining["service"])})
    return range_of(offer.offering, subject.procedure.parameters, services)


def range_in(subject: Subject) -> NumberRange | None:
    """The range of whatever could be added to a line, where any of that has a number."""
    ranges = (range_of_part(subject, offer) for offer in additions_of(subject))
    return next((one for one in ranges if one is not None), None)


def needs_of(offering: Offering, service: str) -> Mapping[str, Any]:
    """What a further service of a plan needs, by its specification."""
    found: Mapping[str, Any] = catalog.service_specification(
        service, playbook=offering.playbook, version=offering.version
    ).needs
    return found


# ---- answers and checks --------------------------------------------------------------------------


def _leave(subject: Subject, value: Any) -> str:
    return ending_named(subject, str(value)).offering.key


def _join(subject: Subject, value: Any) -> str:
    return addition_named(subject, str(value)).offering.key


def _now_has(subject: Subject) -> str:
    terms = terms_of(subject) or {}
    return str(terms.get("title", ""))


def _will_have(key: Any) -> str:
    found = catalog.offerings([str(key)]).get(str(key))
    return found.title if found is not None else str(key)


def _telephone(_subject: Subject, value: Any) -> str:
    digits = digits_of(str(value))
    if not digits:
        raise wrong(_("没有选号码。"), _("请按尾号找，从列出的号码里选。"))
    return digits


def _picked(subject: Subject, kept: Kept, key: str) -> None:
    """The number is one of the new part's range, and held for it from now on."""
    chosen = range_of_part(subject, addition_named(subject, str(kept.get(JOIN) or "")))
    if chosen is None:
        raise at(TELEPHONE, _("加装的这一项没有电话号码。"), _("请清空号码。"))
    try:
        kept[TELEPHONE] = chosen.hold(
            actor=subject.actor,
            branch_id=subject.service.branch_id,
            number=kept[TELEPHONE],
            holder=page_of(key, subject.actor.id),
            customer_id=subject.service.customer_id,
        )
    except NumberGone as gone:
        raise at(TELEPHONE, str(gone.what), str(gone.remedy)) from None


ANSWERS: dict[str, Answer] = {
    TELEPHONE: Answer(gettext_noop("电话号码"), _telephone, nothing, str),
    LEAVE: Answer(gettext_noop("套餐"), _leave, _now_has, _will_have),
    JOIN: Answer(gettext_noop("套餐"), _join, _now_has, _will_have),
}
WHOLE: tuple[Whole, ...] = (Whole(frozenset({TELEPHONE}), _picked),)


def nothing_to_end(subject: Subject) -> Found:
    """拆分: the line has no part that may leave alone."""
    if not endings_of(subject):
        said = names.of(subject.service)
        remedy = said.say(_("要把%(this)s整个停掉，请办理销户。"))
        yield said.say(_("%(this)s没有可以单独退订的业务。")), remedy


def nothing_to_add(subject: Subject) -> Found:
    """加装: no plan has one part more, or the branch has no element for it."""
    if not additions_of(subject):
        remedy = _(
            "请改办变更套餐；套餐里有而这里没有的，请网络岗位查看有没有为这项业务服务的网元。"
        )
        yield names.of(subject.service).say(_("%(this)s没有可以加装的业务。")), remedy


# ---- inside --------------------------------------------------------------------------------------


def _plans(subject: Subject) -> Iterable[tuple[Offering, PlanOffer]]:
    """Plans that leave the line as it is, each with what it costs."""
    service = subject.service
    terms = terms_of(subject)
    if terms is None:
        return
    term, day = term_of(service), timezone.localdate(subject.at)
    for plan in catalog.current_offerings(
        subject.actor, playbook=service.playbook, kind=OfferingKind.PLAN
    ):
        if service.specification in plan.services and _has(service, plan.characteristics):
            yield plan, plan_offer(subject, terms, plan, term, day, way=leaving.rules.PART)


def _parts(subject: Subject) -> list[ServiceView]:
    return list(inventory.parts_of([subject.service.id]).get(subject.service.id, []))


def _has(service: ServiceView, values: Mapping[str, Any]) -> bool:
    """Whether it is as a plan says; what was never said of it is no difference."""
    return all(service.characteristics.get(key, value) == value for key, value in values.items())


def _without(parts: Sequence[ServiceView], kept: Sequence[Mapping[str, Any]]) -> ServiceView | None:
    """The one part that a plan with these lacks; None where that is not the difference."""
    left = list(parts)
    for one in kept:
        mine = next(
            (
                part
                for part in left
                if part.specification == one["service"]
                and _has(part, one.get("characteristics", {}))
            ),
            None,
        )
        if mine is None:
            return None
        left.remove(mine)
    return left[0] if len(left) == 1 else None


def _new(
    parts: Sequence[ServiceView], wanted: Sequence[Mapping[str, Any]]
) -> Mapping[str, Any] | None:
    """The one part of a plan that the line lacks; None where that is not the difference."""
    more = Counter(one["service"] for one in wanted)
    more.subtract(part.specification for part in parts)
    if any(count < 0 for count in more.values()) or more.total() != 1:
        return None
    (service,) = [key for key, count in more.items() if count]
    mine = [one for one in wanted if one["service"] == service]
    has = [part for part in parts if part.specification == service]
    for one in wanted:
        if one["service"] == service:
            continue
        there = [part for part in parts if part.specification == one["service"]]
        if not any(_has(part, one.get("characteristics", {})) for part in there):
            return None
    # of several of one service the one that is not there yet
    return next(
        (
            one
            for one in mine
            if not any(_has(part, one.get("characteristics", {})) for part in has)
        ),
        mine[-1],
    )


def _named(offers: Sequence[PartOffer], key: str, nothing: str) -> PartOffer:
    found = next((one for one in offers if one.offering.key == key), None)
    if found is None:
        known = wording.several(f"{title_of(o)}（{o.offering.key}）" for o in offers)
        raise wrong(_("不能这样办。"), _("可以办的：%s。") % known if known else nothing)
    if found.plan.refusal:
        raise wrong(found.plan.refusal, _("请等合约到期再办。"))
    return found

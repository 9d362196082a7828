"""营销案变更: a line joins a marketing case, leaves it, or goes from one to another (BB-15).

Told before anybody decides, for each choice: what a month costs then, from today, what is paid at
once, how long the contract is, what leaving the present case early costs (`ordering.leaving`), what
becomes of the bound number. A case that costs no less by the month than the present one may be had
at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kaitong.catalog import queries as catalog
from kaitong.catalog.models import Offering
from kaitong.charging import queries as money
from kaitong.core import wording
from kaitong.ordering import bindings, case_rules, leaving
from kaitong.ordering.life_answer import Answer, wrong
from kaitong.ordering.life_checks import Found, Subject, Term, term_of
from kaitong.ordering.life_numbers import monthly_of, price_with, terms_of

CASE = "change.case_to"
NONE = "none"  # the answer of who leaves his case for none


@dataclass(frozen=True, slots=True)
class CaseOffer:
    """A case a line may have, or none, and what it means: all money in fen."""

    case: Offering | None
    before_fen: int  # by the month
    monthly_fen: int
    fee_fen: int  # for leaving the present case early
    months_left: int
    leaves: str  # title of the case that ends
    carried: str = ""  # the bound number that goes on, masked
    voided: str = ""  # the one that is set free
    refusal: str = ""

    @property
    def key(self) -> str:
        return self.case.key if self.case is not None else NONE

    @property
    def paid_at_once(self) -> list[dict[str, Any]]:
        """What the case adds to be paid when it begins."""
        charges = self.case.charges if self.case is not None else ()
        return [dict(one) for one in charges if one["when"] == "accepted"]


def offers_of(subject: Subject) -> list[CaseOffer]:
    """The cases that go with the line's plan today but the one it has, and none where it has one.

    A case with a bound number needs one that is bound: the first is bound by 号码绑定.
    """
    terms = terms_of(subject)
    if terms is None:
        return []
    service, day = subject.service, timezone.localdate(subject.at)
    now = str((terms.get("case") or {}).get("key") or "")
    living = bindings.living_of(service.id)
    found = [
        one
        for one in catalog.cases(day, [terms["offering"]])
        if one.key != now and (living or not one.bound_number)
    ]
    refused = case_rules.against(
        subject.actor, found, customer_id=service.customer_id, service_id=service.id
    )
    choices: list[Offering | None] = [*found, *([None] if now else [])]
    masked = living[0].masked if living else ""
    return [
        _offer(subject, terms, one, now, masked, refused.get(one.key, "") if one else "")
        for one in choices
    ]


def offer_named(subject: Subject, key: str) -> CaseOffer:
    """The offer of a case; BadInput where there is none, or it is refused."""
    offers = offers_of(subject)
    found = next((one for one in offers if one.key == key), None)
    if found is None:
        known = wording.several(f"{_title(one)}（{one.key}）" for one in offers)
        raise wrong(
            _("不能改成这个营销案。"),
            _("可以选：%s。") % known if known else _("这个套餐没有可办的营销案。"),
        )
    if found.refusal:
        raise wrong(found.refusal, _("请另选，或先办理原来的营销案变更。"))
    return found


def explained(subject: Subject, offer: CaseOffer, say: Callable[[str], str] = str) -> list[str]:
    """What an offer means, in sentences for the customer; `say` has the playbook's words."""
    told = [
        _("今日起月费由 %(now)s 变为 %(then)s，当月按天折算。")
        % {"now": money.yuan(offer.before_fen), "then": money.yuan(offer.monthly_fen)}
    ]
    for one in offer.paid_at_once:
        told.append(_("另收%(what)s %(sum)s。") % {"what": say(one["title"]), "sum": _sum(one)})
    number, _space, unit = (offer.case.term if offer.case is not None else "").partition(" ")
    if number.isdigit() and unit.startswith("month"):
        told.append(_("合约 %(n)s 个月，自生效之日重新计算。") % {"n": number})
    elif (bound := _bound_by_plan(subject)) is not None:
        told.append(_("套餐的合约仍到 %s。") % bound.until.isoformat())
    if offer.case is not None:
        told += leaving.told(offer.case.leaving)
    if offer.leaves:
        told.append(_("原营销案“%s”失效。") % offer.leaves)
    if offer.fee_fen:
        told.append(
            _("原营销案还有 %(n)s 个月，提前退出须付 %(sum)s。")
            % {"n": offer.months_left, "sum": money.yuan(offer.fee_fen)}
        )
    if offer.carried:
        told.append(_("绑定的号码 %s 转入新营销案。") % offer.carried)
    if offer.voided:
        told.append(_("绑定的号码 %s 随之解绑。") % offer.voided)
    if offer.refusal:
        told.append(offer.refusal)
    return told


def price_of(subject: Subject, offer: CaseOffer, item: str) -> dict[str, Any]:
    """The price as an order pins it."""
    terms = terms_of(subject)
    assert terms is not None
    return price_with(terms, item, offer.case.key if offer.case else "", offer.carried)


# ---- answers and checks --------------------------------------------------------------------------


def _case(subject: Subject, value: Any) -> str:
    return offer_named(subject, str(value)).key


def _has_now(subject: Subject) -> str:
    terms = terms_of(subject) or {}
    title = str((terms.get("case") or {}).get("title") or _("没有营销案"))
    return f"{title}，{_('月租 %s') % money.yuan(monthly_of(terms.get('charges', ())))}"


def _will_have(key: Any) -> str:
    if key == NONE:
        return str(_("退出营销案"))
    found = catalog.offerings([str(key)]).get(str(key))
    return found.title if found is not None else str(key)


ANSWERS: dict[str, Answer] = {CASE: Answer(gettext_noop("营销案"), _case, _has_now, _will_have)}


def no_case(subject: Subject) -> Found:
    """可办的营销案: the plan has none this line could join or leave."""
    if not offers_of(subject):
        yield (
            _("这个套餐没有可办的营销案。"),
            _("需要绑定号码的营销案请办理号码绑定；也可以变更套餐。"),
        )


# ---- inside --------------------------------------------------------------------------------------


def _offer(
    subject: Subject,
    terms: dict[str, Any],
    case: Offering | None,
    now: str,
    masked: str,
    refusal: str,
) -> CaseOffer:
    before = monthly_of(terms["charges"])
    monthly = monthly_of(price_with(terms, "1", case.key if case else "")["charges"])
    # who leaves gives up what he paid less; who goes to a cheaper case, what he would pay less
    left = leaving.left(
        subject,
        terms,
        leaving.rules.CHANGE,
        monthly_fen=monthly if case is not None else None,
        cheaper_fen=before - monthly if case is not None else None,
    )
    carries = case is not None and case.bound_number
    return CaseOffer(
        case=case,
        before_fen=before,
        monthly_fen=monthly,
        fee_fen=left.fee_fen if left is not None else 0,
        months_left=left.months if left is not None else 0,
        leaves=str((terms.get("case") or {}).get("title") or "") if now else "",
        carried=masked if carries else "",
        voided="" if carries else masked,
        refusal=refusal or (left.refusal if left is not None else ""),
    )


def _bound_by_plan(subject: Subject) -> Term | None:
    """The contract of the plan itself, which goes on when a case with one of its own ends."""
    term = term_of(subject.service, without_case=True)
    return term if term is not None and timezone.localdate(subject.at) < term.until else None


def _title(offer: CaseOffer) -> str:
    return case_rules.title_of(offer.case) if offer.case is not None else str(_("退出营销案"))


def _sum(charge: Mapping[str, Any]) -> str:
    return money.yuan(int(charge["amount"]))

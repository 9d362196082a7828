"""变更套餐: which plans a line may change to, what each means for the customer, and the change.

Told before anybody decides: what this month costs, what every later month costs, how long the new
contract is, what leaving the old one early costs, and what becomes of the marketing case. The rule
of the contract is the playbook's parameter `plan_change`: `down` (fee, refuse, free) says what a
lower rent within the term means; a fee is `percent` of the difference for the months left, at
most `most` fen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kaitong.catalog import queries as catalog
from kaitong.catalog.choices import OfferingKind
from kaitong.catalog.errors import NotOffered
from kaitong.catalog.models import Offering
from kaitong.catalog.pricing import priced
from kaitong.charging import queries as money
from kaitong.charging.proration import first_of, month_due, next_month
from kaitong.core import wording
from kaitong.inventory import queries as inventory
from kaitong.ordering import bindings, bundles, case_rules, customers, leaving
from kaitong.ordering.life_answer import Answer, nothing, wrong
from kaitong.ordering.life_checks import Found, Subject, Term, months_left, term_of, title_of

OFFERING, EFFECTIVE = "change.offering", "change.effective"
NOW, NEXT_MONTH = "now", "next-month"
RULES = "plan_change"
EARLY = "early-change"  # the charge for a lower plan within the contract
MONTHLY = "monthly"
WITH = "@"  # between a plan and the case that is chosen with it


@dataclass(frozen=True, slots=True)
class PlanOffer:
    """A plan a line may change to, and what it means: all money in fen."""

    offering: Offering
    case: Offering | None  # the marketing case that goes on with it
    monthly_fen: int
    this_month_fen: int  # what this month comes to when changed today, old and new days together
    old_days_fen: int
    new_days_fen: int
    fee_fen: int  # for leaving the contract early
    months_left: int
    case_lost: str  # title of the case that ends
    of_case: bool = False  # the fee is the case's, which asks for more than the plan's contract
    refusal: str = ""
    chosen: bool = False  # the case is joined with the plan, not one that goes on with it

    @property
    def key(self) -> str:
        """How it is named in an answer: the plan, and the case that is chosen with it."""
        if not self.chosen or self.case is None:
            return self.offering.key
        return f"{self.offering.key}{WITH}{self.case.key}"

    @property
    def charges(self) -> list[dict[str, Any]]:
        return charges_of(self.offering, self.case)


def offers_of(subject: Subject) -> list[PlanOffer]:
    """Every plan of the same service but the one the line has, in the catalogue's order; of a line
    with further services, those that come with the same."""
    terms = terms_of(subject)
    if terms is None:
        return []
    service = subject.service
    plans = catalog.current_offerings(
        subject.actor, playbook=service.playbook, kind=OfferingKind.PLAN
    )
    term, day = term_of(service), timezone.localdate(subject.at)
    parts = inventory.parts_of([service.id]).get(service.id, [])
    found = []
    for one in plans:
        if (
            service.specification in one.services
            and one.key != terms["offering"]
            and bundles.same_parts(one, parts)
        ):
            alone = plan_offer(subject, terms, one, term, day)
            found += [alone, *_with_cases(subject, terms, alone, term, day)]
    return found


def _with_cases(
    subject: Subject, terms: dict[str, Any], alone: PlanOffer, term: Term | None, day: date
) -> list[PlanOffer]:
    """The plan with each case that may be joined with it; one with a bound number takes over the
    line's (BB-15)."""
    service, plan = subject.service, alone.offering
    goes_on = alone.case.key if alone.case is not None else ""
    cases = [one for one in catalog.cases(day, [plan.key]) if one.key != goes_on]
    if not cases:
        return []
    bound = bool(bindings.living_of(service.id))
    refused = case_rules.against(
        subject.actor, cases, customer_id=service.customer_id, service_id=service.id
    )
    return [
        replace(made, refusal=made.refusal or refused.get(one.key, ""))
        for one in cases
        if bound or not one.bound_number
        for made in [plan_offer(subject, terms, plan, term, day, chosen=one)]
    ]


def plan_offer(
    subject: Subject,
    terms: dict[str, Any],
    offering: Offering,
    term: Term | None,
    day: date,
    *,
    chosen: Offering | None = None,
    way: str = leaving.rules.PLAN,
) -> PlanOffer:
    """What a plan would mean to a line whose plan and contract are these, from a day on; with a
    case that is chosen instead of the one that would go on."""
    case, lost = _case(terms, offering, day)
    if chosen is not None:
        case, lost = chosen, str((terms.get("case") or {}).get("title") or "")
    charges = charges_of(offering, case)
    old, new = _monthly(terms["charges"]), _monthly(charges)
    months = months_left(term, day)
    fee, refusal = 0, ""
    if months and new < old:
        rules = _rules(subject)
        if rules["down"] == "refuse":
            refusal = _("合约到 %s 才满，期内不能降档。") % (term.until if term else "")
        elif rules["down"] == "fee":
            fee = min((old - new) * months * rules["percent"] // 100, rules["most"])
    left = leaving.left(subject, terms, way, monthly_fen=new) if lost else None
    of_case = left is not None and left.fee_fen > fee
    if left is not None:
        fee, refusal = max(fee, left.fee_fen), refusal or left.refusal
    month = first_of(day)
    before = _days(terms["charges"], month, day, month)
    after = _days(charges, day, None, month)
    return PlanOffer(
        offering=offering,
        case=case,
        monthly_fen=new,
        this_month_fen=before + after,
        old_days_fen=before,
        new_days_fen=after,
        fee_fen=fee,
        months_left=months,
        case_lost=lost,
        of_case=of_case,
        refusal=refusal,
        chosen=chosen is not None,
    )


def terms_of(subject: Subject) -> dict[str, Any] | None:
    """Plan, case and prices of a line as its newest order says them."""
    service = subject.service
    return customers.terms_of(subject.actor, [service.id]).get(service.id)


def charges_of(offering: Offering, case: Offering | None) -> list[dict[str, Any]]:
    if case is None:
        return priced(offering.charges)
    return priced(offering.charges, case.prices, ())


def price_of(offer: PlanOffer, item: str) -> dict[str, Any]:
    """The price as an order pins it; one-off charges of opening are none of a change."""
    offering, case = offer.offering, offer.case
    return {
        "item": item,
        "offering": offering.key,
        "title": offering.title,
        "description": offering.description,
        "term": (case.term if case is not None else "") or offering.term,
        "charges": [one for one in offer.charges if one["when"] == MONTHLY],
        "case": case_rules.pinned(case) if case is not None else None,
    }


def offer_named(subject: Subject, key: str) -> PlanOffer:
    """The offer of a plan; BadInput where there is none, or the contract forbids it."""
    offers = offers_of(subject)
    found = next((one for one in offers if one.key == key), None)
    if found is None:
        known = wording.several(f"{o.offering.title}（{o.key}）" for o in offers)
        raise wrong(
            _("不能改成这个套餐。"), _("可以改成：%s。") % known if known else _("没有别的套餐。")
        )
    if found.refusal:
        raise wrong(found.refusal, _("请等合约到期，或改选月租不低于现在的套餐。"))
    return found


def starts(subject: Subject, effective: str) -> date:
    """From which day the new plan counts."""
    day = timezone.localdate(subject.at)
    return day if effective == NOW else next_month(first_of(day))


def beginning_of(day: date) -> datetime:
    """The first instant of a day here."""
    return timezone.make_aware(datetime.combine(day, time.min))


def explained(subject: Subject, offer: PlanOffer, say: Callable[[str], str] = str) -> list[str]:
    """What an offer means, in sentences for the customer; `say` has the playbook's words."""
    told = [
        _("现在生效：本月 %(sum)s（原套餐 %(old)s，新套餐 %(new)s）。")
        % {
            "sum": money.yuan(offer.this_month_fen),
            "old": money.yuan(offer.old_days_fen),
            "new": money.yuan(offer.new_days_fen),
        },
        _("次月生效：%(day)s 起每月 %(sum)s。")
        % {"day": f"{starts(subject, NEXT_MONTH):%m-%d}", "sum": money.yuan(offer.monthly_fen)},
    ]
    number, _space, unit = price_of(offer, "1")["term"].partition(" ")
    if number.isdigit() and unit.startswith("month"):
        told.append(_("合约 %(n)s 个月，自生效之日重新计算。") % {"n": number})
    if offer.fee_fen and offer.of_case:
        told.append(
            _("原营销案还有 %(n)s 个月，提前退出须付 %(sum)s。")
            % {"n": offer.months_left, "sum": money.yuan(offer.fee_fen)}
        )
    elif offer.fee_fen:
        told.append(
            _("原合约还有 %(n)s 个月，提前降档须付 %(sum)s。")
            % {"n": offer.months_left, "sum": money.yuan(offer.fee_fen)}
        )
    if offer.chosen and offer.case is not None:
        told.append(_("参加营销案“%s”。") % case_rules.title_of(offer.case))
        told += [
            _("另收%(what)s %(sum)s。")
            % {"what": say(one["title"]), "sum": money.yuan(one["amount"])}
            for one in offer.case.charges
            if one["when"] == "accepted"
        ]
        if offer.case.bound_number:
            told.append(_("绑定的号码转入新营销案。"))
        told += leaving.told(offer.case.leaving)
    if offer.case_lost and offer.chosen:
        told.append(_("原营销案“%s”失效。") % offer.case_lost)
    elif offer.case_lost:
        told.append(_("营销案“%s”失效，绑定的号码随之解绑。") % offer.case_lost)
    if offer.refusal:
        told.append(offer.refusal)
    return told


# ---- answers and checks --------------------------------------------------------------------------


def _offering(subject: Subject, value: Any) -> str:
    return offer_named(subject, str(value)).key


def _effective(_subject: Subject, value: Any) -> str:
    if value not in (NOW, NEXT_MONTH):
        raise wrong(_("没有这种生效时间。"), _("请选现在生效或次月生效。"))
    return str(value)


def _now_has(subject: Subject) -> str:
    terms = terms_of(subject) or {}
    return f"{terms.get('title', '')} {_monthly_text(terms.get('charges', ()))}".strip()


def _will_have(key: Any) -> str:
    keys = str(key).split(WITH)
    found = catalog.offerings(keys)
    return " + ".join(found[one].title if one in found else one for one in keys)


def _when(value: Any) -> str:
    return str(_("次月生效") if value == NEXT_MONTH else _("现在生效"))


ANSWERS: dict[str, Answer] = {
    OFFERING: Answer(gettext_noop("套餐"), _offering, _now_has, _will_have),
    EFFECTIVE: Answer(gettext_noop("生效"), _effective, nothing, _when),
}


def early_change(subject: Subject) -> Found:
    """合约期内降档: the contract still runs, and what a lower plan costs then."""
    term = term_of(subject.service)
    day = timezone.localdate(subject.at)
    if term is None or day >= term.until:
        return
    rules = _rules(subject)
    remedy = {
        "fee": _("降档按剩余月数差额的 %(percent)s%% 收费，最多 %(most)s；升档不收。")
        % {"percent": rules["percent"], "most": money.yuan(rules["most"])},
        "refuse": _("合约期内只能升档。"),
        "free": _("提前变更不收费。"),
    }[rules["down"]]
    yield (
        _("“%(title)s”的合约到 %(day)s 才满。")
        % {"title": title_of(term), "day": term.until.isoformat()},
        remedy,
    )


# ---- inside --------------------------------------------------------------------------------------


def _rules(subject: Subject) -> dict[str, Any]:
    given: Mapping[str, Any] = subject.procedure.parameters.get(RULES) or {}
    return {
        "down": str(given.get("down", "free")),
        "percent": int(given.get("percent", 0)),
        "most": int(given.get("most", 0)),
    }


def _case(terms: dict[str, Any], offering: Offering, day: date) -> tuple[Offering | None, str]:
    """The case that goes on with another plan; else the title of the one that ends (LIM-23)."""
    key = str((terms.get("case") or {}).get("key") or "")
    if not key:
        return None, ""
    try:
        return catalog.case(key, plan=offering.key, on=day), ""
    except NotOffered:
        entry = catalog.offerings([key]).get(key)
        english = wording.english()
        title = entry.title_en if english and entry is not None else ""
        return None, title or str(terms["case"].get("title") or key)


def _monthly(charges: Sequence[Mapping[str, Any]]) -> int:
    return sum(int(one["amount"]) for one in charges if one["when"] == MONTHLY)


def _monthly_text(charges: Sequence[Mapping[str, Any]]) -> str:
    return _("月租 %s") % money.yuan(_monthly(charges)) if _monthly(charges) else ""


def _days(
    charges: Sequence[Mapping[str, Any]], since: date, until: date | None, month: date
) -> int:
    total = 0
    for one in charges:
        if one["when"] == MONTHLY:
            due = month_due(int(one["amount"]), one.get("prorate", ""), since, until, (), month)
            total += due.amount_fen if due is not None else 0
    return total

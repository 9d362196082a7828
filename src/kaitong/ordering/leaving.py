"""What leaving a line's marketing case within its term means (营销案违约, BB-15), by the way out.

The rules are the case's own (`leaving:`, `catalog.leaving`), as the order pinned them when the
customer signed; they are told where a case is chosen, before a way out is taken, and on its papers.
A way that costs no less by the month than the line pays now is free: nobody pays for paying more.
Where the plan's own rule asks for more, that is asked for instead: one contract, one fee.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from kaitong.catalog import leaving as rules
from kaitong.charging import queries as money
from kaitong.core import wording
from kaitong.ordering import life_money
from kaitong.ordering.life_checks import Found, Refusal, Subject, months_left, term_of, title_of
from kaitong.ordering.life_numbers import monthly_of, price_with, terms_of
from kaitong.ordering.models import Order, OrderItem
from kaitong.org.actor import Actor

CODE, TITLE = "leave-case", "营销案违约金"  # one of life_checks.LEAVING
PARAMETER = "case_change"  # what leaving for another case means where a case says nothing of it

_WAYS = {
    rules.CHANGE: gettext_lazy("退出或改办营销案"),
    rules.PLAN: gettext_lazy("降档换套餐"),
    rules.PART: gettext_lazy("退订子业务"),
    rules.UNBIND: gettext_lazy("解绑号码"),
    rules.TRANSFER: gettext_lazy("过户"),
    rules.CANCEL: gettext_lazy("销户"),
}


@dataclass(frozen=True, slots=True)
class Left:
    """A case that is left within its term."""

    title: str
    until: date
    months: int  # begun ones whole
    fee_fen: int
    refused: bool
    along: bool  # it is not left: it stays with the line

    @property
    def refusal(self) -> str:
        if not self.refused:
            return ""
        return _("营销案的合约到 %s 才满，期内不能退出。") % self.until

    @property
    def note(self) -> str:
        return f"营销案剩余 {self.months} 个月"


def left(
    subject: Subject,
    terms: Mapping[str, Any] | None,
    way: str,
    *,
    monthly_fen: int | None = None,
    cheaper_fen: int | None = None,
) -> Left | None:
    """What a way out means; None where the line has no case, or its term is over.

    `monthly_fen` is what the line costs afterwards where something is chosen instead, and
    `cheaper_fen` what that is less than now, where a share is taken of that.
    """
    case = (terms or {}).get("case") or {}
    term = term_of(subject.service) if case.get("key") else None
    months = months_left(term, timezone.localdate(subject.at))
    if terms is None or term is None or term.case != case["key"] or not months:
        return None
    rule = _rule(subject, case, way)
    now = monthly_of(terms["charges"])
    if monthly_fen is not None and monthly_fen >= now:
        rule = rules.NOTHING
    less = monthly_of(price_with(dict(terms), "1")["charges"]) - now
    return Left(
        title=title_of(term),
        until=term.until,
        months=months,
        fee_fen=rules.fee_of(
            rule, less_fen=less if cheaper_fen is None else cheaper_fen, months=months
        ),
        refused=rule == rules.REFUSE,
        along=rule == rules.ALONG,
    )


def goes_along(terms: Mapping[str, Any] | None, *, bound: bool) -> bool:
    """Whether a line's case stays with it when it is given to somebody else; one with a number that
    is bound never does."""
    case = (terms or {}).get("case") or {}
    if not case.get("key") or bound:
        return False
    given = case.get("leaving") or {}
    return bool(given.get(rules.TRANSFER, rules.ALONG) == rules.ALONG)


def raise_fee(actor: Actor, order: Order, item: OrderItem, found: Left | None) -> None:
    """The fee is a charge of the order, once."""
    if found is None or not found.fee_fen:
        return
    life_money.owed(
        actor=actor,
        order=order,
        item_id=item.item_id,
        code=CODE,
        title=TITLE,
        fen=found.fee_fen,
        note=found.note,
    )


def told(case: Mapping[str, Any]) -> list[str]:
    """The rules of a case in sentences, for who is about to sign it: ways that mean the same are
    told together, what costs nothing is not told."""
    ways: dict[str, list[str]] = {}
    for way, rule in (case or {}).items():
        said = _said(rule)
        if said:
            ways.setdefault(said, []).append(str(_WAYS[way]))
    return [
        _("合约期内%(ways)s：%(what)s。") % {"ways": wording.several(one), "what": said}
        for said, one in ways.items()
    ]


# ---- checks --------------------------------------------------------------------------------------


def _check(way: str) -> Callable[[Subject], Found]:
    def check(subject: Subject) -> Found:
        """提前退出营销案: what this way out costs, or that the case forbids it."""
        found = left(subject, terms_of(subject), way)
        if found is None:
            return
        if found.refused:
            yield Refusal(found.refusal), _("请等合约到期再办。")
        elif found.fee_fen:
            yield (
                _("营销案“%(title)s”还有 %(n)s 个月，提前退出须付 %(sum)s。")
                % {"title": found.title, "n": found.months, "sum": money.yuan(found.fee_fen)},
                _("请先告知客户，客户同意再办。"),
            )
        elif found.along and way == rules.TRANSFER:
            yield (
                _("营销案“%(title)s”随业务转给新机主，合约到 %(day)s。")
                % {"title": found.title, "day": found.until.isoformat()},
                _("请告知新机主。"),
            )

    return check


CHECKS: dict[str, Callable[[Subject], Found]] = {
    "leaving-unbind": _check(rules.UNBIND),
    "leaving-transfer": _check(rules.TRANSFER),
}


# ---- inside --------------------------------------------------------------------------------------


def _rule(subject: Subject, case: Mapping[str, Any], way: str) -> rules.Rule:
    given = case.get("leaving") or {}
    if way in given:
        found: rules.Rule = given[way]
        return found
    if way != rules.CHANGE:
        return rules.NOTHING
    general = subject.procedure.parameters.get(PARAMETER) or {}
    match general.get("leave", "free"):
        case "refuse":
            return rules.REFUSE
        case "fee":
            return {rules.SHARE: int(general["percent"]), rules.MOST: int(general["most"])}
    return rules.NOTHING


def _said(rule: Any) -> str:
    if rule == rules.REFUSE:
        return _("不能办理")
    if rule == rules.ALONG:
        return _("营销案随业务转给新机主")
    if rule == rules.NOTHING:
        return ""
    if rules.FIXED in rule:
        return _("须付 %s") % money.yuan(int(rule[rules.FIXED]))
    return _("须付剩余月数优惠额的 %(share)s%%，最多 %(most)s") % {
        "share": rule[rules.SHARE],
        "most": money.yuan(int(rule[rules.MOST])),
    }

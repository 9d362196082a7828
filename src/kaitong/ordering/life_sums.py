"""What a change costs, as it was told on its page: what the customer agrees to is what is charged.

The page carries the sums of everything that may be chosen beside the plan's fingerprint; the
request hands them back, and they are counted again inside its transaction. What has changed
meanwhile (a new version of the playbook, a day of the month, months of a contract) is refused with
both sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from kaitong.catalog import leaving as rules
from kaitong.charging import queries as money
from kaitong.core import wording
from kaitong.ordering import case_change, leaving, life_costs, moving, part_change, plan_change
from kaitong.ordering.errors import PlanChanged
from kaitong.ordering.life_checks import Subject

AFTER = "~"  # between the fingerprint of a plan and its sums
FLAT = ""  # the key of what is not chosen
_CHOICES = (plan_change.OFFERING, case_change.CASE, part_change.LEAVE, part_change.JOIN)


@dataclass(frozen=True, slots=True)
class Sums:
    """All in fen: by the month from now on, what this month comes to, and what is due at once.

    `since` is the month a plan begins with where it is chosen for the next one (202612): a page of
    the last evening of a month told another than the morning after does.
    """

    monthly: int = 0
    this_month: int = 0
    once: int = 0
    since: int = 0


def sums_of(subject: Subject, targets: Iterable[str]) -> dict[str, Sums]:
    """The sums of everything that may be answered to these targets, by the answer."""
    asked, found = set(targets), {}
    if plan_change.OFFERING in asked:
        found |= {one.key: _plan(subject, one) for one in plan_change.offers_of(subject)}
    if case_change.CASE in asked:
        for case in case_change.offers_of(subject):
            once = case.fee_fen + sum(int(c["amount"]) for c in case.paid_at_once)
            found[case.key] = Sums(case.monthly_fen, 0, once)
    if part_change.LEAVE in asked:
        for part in part_change.endings_of(subject):
            found[part.offering.key] = _plan(subject, part.plan)
    if part_change.JOIN in asked:  # paid from the day it works
        for part in part_change.additions_of(subject):
            plan = part.plan
            found[part.offering.key] = Sums(plan.monthly_fen, 0, plan.fee_fen + part.visit_fen)
    flat = _flat(subject, asked)
    return found | ({FLAT: Sums(once=flat)} if flat else {})


def written(sums: Mapping[str, Sums]) -> str:
    """As a page carries them, behind the fingerprint: also that nothing costs anything."""
    told = [f"{key}={s.monthly}.{s.this_month}.{s.once}.{s.since}" for key, s in sums.items()]
    return f"{AFTER}{';'.join(told)}"


def read(expected: str) -> tuple[str, dict[str, Sums] | None]:
    """The fingerprint and the sums of what a page has sent back; None of who was told none."""
    fingerprint, after, text = expected.partition(AFTER)
    if not after:
        return fingerprint, None
    found = {}
    for one in text.split(";"):
        key, _is, numbers = one.rpartition("=")
        parts = numbers.split(".")
        if len(parts) == 4 and all(p.isascii() and p.isdigit() and len(p) < 16 for p in parts):
            found[key] = Sums(*map(int, parts))
    return fingerprint, found


def require(subject: Subject, told: Mapping[str, Sums] | None, answers: Mapping[str, Any]) -> None:
    """What was told of the answers given still holds. Raises PlanChanged with both sums."""
    chosen = [str(answers[one]) for one in _CHOICES if answers.get(one)]
    if told is None:
        return
    now = sums_of(subject, answers)
    later = answers.get(plan_change.EFFECTIVE) == plan_change.NEXT_MONTH
    for key in (*chosen, FLAT):
        was, is_now = (_counted(one.get(key), later) for one in (told, now))
        if was != is_now and (key == FLAT or (key in told and key in now)):
            raise PlanChanged(
                _("金额有变化：刚才告知的是%(was)s，现在是%(now)s。")
                % {"was": _said(was), "now": _said(is_now)},
                _("请重新告知客户，客户同意再办。"),
            )


# ---- inside --------------------------------------------------------------------------------------


def _plan(subject: Subject, offer: plan_change.PlanOffer) -> Sums:
    added = offer.case.charges if offer.chosen and offer.case is not None else ()
    once = offer.fee_fen + sum(int(c["amount"]) for c in added if c["when"] == "accepted")
    since = int(f"{plan_change.starts(subject, plan_change.NEXT_MONTH):%Y%m}")
    return Sums(offer.monthly_fen, offer.this_month_fen, once, since)


def _flat(subject: Subject, asked: set[str]) -> int:
    """What is due whatever is answered, by the checks and the form of the procedure."""
    checks, fen = subject.procedure.counter.get("checks", {}), 0
    if life_costs.EXIT in checks:
        fee = life_costs.fee_of(subject)
        fen += fee.fen if fee is not None else 0
    for way in (rules.UNBIND, rules.TRANSFER):
        if f"leaving-{way}" in checks:
            left = leaving.left(subject, leaving.terms_of(subject), way)
            fen += left.fee_fen if left is not None else 0
    if moving.ADDRESS in asked:
        fen += int(subject.procedure.parameters.get(moving.FEE) or 0)
    return fen


def _counted(sums: Sums | None, later: bool) -> Sums:
    found = sums or Sums()
    return replace(found, this_month=0) if later else replace(found, since=0)


def _said(sums: Sums) -> str:
    year, month = divmod(sums.since, 100)
    parts = [_("%s 起") % f"{year}-{month:02d}"] if sums.since else []
    parts += [_("每月 %s") % money.yuan(sums.monthly)] if sums.monthly else []
    parts += [_("本月 %s") % money.yuan(sums.this_month)] if sums.this_month else []
    parts += [_("一次性 %s") % money.yuan(sums.once)] if sums.once else []
    return wording.several(parts) if parts else str(_("不收费"))

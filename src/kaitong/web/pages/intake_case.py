"""Marketing cases (营销案, BB-15) at the counter: which go with the plan, and the number bound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils.translation import gettext as _

from kaitong.catalog.models import Offering
from kaitong.core.masking import mask_phone
from kaitong.ordering import bindings, case_rules, counter, leaving
from kaitong.playbooks import queries as playbooks
from kaitong.web import format as fmt

Data = Mapping[str, Any]
Faults = dict[str, list[str]]

# What the page sends for a number that stands masked on it: the one kept in the draft.
KEPT = "kept"
INPUTS = ("case", "bound_number")


@dataclass(frozen=True, slots=True)
class Case:
    """One case as a card; the first, without key, is to take none."""

    key: str
    title: str
    monthly: int | None
    lines: tuple[str, ...]
    chosen: bool


@dataclass(frozen=True, slots=True)
class Bound:
    """The number bound to the chosen case; masked once it can be bound."""

    masked: str
    typed: str
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cases:
    cards: tuple[Case, ...] = ()
    bound: Bound | None = None  # None where the chosen case binds no number


def chosen(
    offer: counter.Offer | None, cases: Sequence[Offering], data: Data
) -> counter.Offer | None:
    """The plan with the case chosen for it; a case of another plan does not count."""
    if offer is None:
        return None
    case = next((c for c in _fitting(offer, cases) if c.key == data.get("case")), None)
    return replace(offer, case=case)


def check(found: Faults, offer: counter.Offer | None, data: Data) -> None:
    """Faults of the number that the chosen case needs."""
    if offer is None or offer.case is None or not offer.case.bound_number:
        return
    text = str(data.get("bound_number", ""))
    number = bindings.mobile(text)
    if number is None:
        what = _("绑定号码不是手机号码。") if text else _("没有填绑定号码。")
        found["bound_number"] = [what, _("请填 11 位手机号码。")]
    elif bindings.taken(number):
        found["bound_number"] = [
            _("这个号码已绑定在另一项业务上。"),
            _("请换一个号码，或先办理原来那条的营销案变更。"),
        ]


def cards(
    offer: counter.Offer | None,
    cases: Sequence[Offering],
    data: Data,
    wrong: Faults,
    shown: Faults,
) -> Cases:
    """The cases of the chosen plan as cards, none where it has none."""
    fitting = _fitting(offer, cases) if offer is not None else []
    if offer is None or not fitting:
        return Cases()
    plain = Case("", _("不办营销案"), None, (_("按套餐标准资费"),), offer.case is None)
    made = [_card(replace(offer, case=case), case is offer.case) for case in fitting]
    bound = None
    if offer.case is not None and offer.case.bound_number:
        typed = str(data.get("bound_number", ""))
        good = typed and "bound_number" not in wrong
        number = bindings.mobile(typed) if good else None
        bound = Bound(
            mask_phone(number.digits) if number is not None else "",
            typed,
            tuple(shown.get("bound_number", ())),
        )
    return Cases((plain, *made), bound)


# ---- inside --------------------------------------------------------------------------------------


def _fitting(offer: counter.Offer, cases: Sequence[Offering]) -> list[Offering]:
    return [case for case in cases if offer.offering.key in case.requires]


def _card(offer: counter.Offer, is_chosen: bool) -> Case:
    case = offer.case
    assert case is not None
    say = playbooks.words(case.playbook, case.version)
    lines = []
    number, _space, unit = offer.term.partition(" ")
    if number.isdigit() and unit.startswith("month"):
        lines.append(_("合约 %(n)s 个月") % {"n": number})
    if case.bound_number:
        lines.append(_("绑定一个手机号码"))
    lines += [
        f"{say(str(one['title']))} {fmt.yuan(one['amount'])}"
        for one in offer.charges
        if one["when"] == counter.NOW
    ]
    lines += leaving.told(case.leaving)
    return Case(case.key, case_rules.title_of(case), offer.monthly_fen, tuple(lines), is_chosen)

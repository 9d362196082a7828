"""Every check a playbook may name (`counter: checks`), in one place."""

from __future__ import annotations

from collections.abc import Callable

from kaitong.ordering import (
    case_change,
    leaving,
    life_checks,
    life_costs,
    life_numbers,
    part_change,
    plan_change,
)
from kaitong.ordering.life_checks import Found, Subject

CHECKS: dict[str, Callable[[Subject], Found]] = {
    **life_checks.CHECKS,
    "case-void": life_numbers.case_void,
    **leaving.CHECKS,
    "exit-fee": life_costs.exit_fee,
    "last-rent": life_costs.last_rent,
    "early-change": plan_change.early_change,
    "no-case": case_change.no_case,
    "nothing-to-end": part_change.nothing_to_end,
    "nothing-to-add": part_change.nothing_to_add,
}

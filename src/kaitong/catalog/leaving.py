"""Leaving a marketing case within its term (营销案违约, BB-15): what each way out costs. Pure.

    leaving:
      change: {share: 30, most: 30000}   # 30 % of what is saved in the months left
      unbind: {fixed: 20000}             # a sum
      part: nothing
      transfer: along                    # the case stays with the line; or refuse, or a sum

A share is taken of the whole once, and what is less than a fen is not asked for. What a case does
not say of a way costs nothing. An order pins the rules with the case, as the customer signed them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

# The ways out: another case or none, another plan, a plan with one part fewer, the bound number
# set free, another owner, the end of the line.
CHANGE, PLAN, PART, UNBIND, TRANSFER, CANCEL = (
    "change", "plan", "part", "unbind", "transfer", "cancel",
)  # fmt: skip
WAYS = (CHANGE, PLAN, PART, UNBIND, TRANSFER, CANCEL)
NOTHING, REFUSE, ALONG = "nothing", "refuse", "along"
FIXED, SHARE, MOST = "fixed", "share", "most"

Rule = str | Mapping[str, int]


def schema() -> dict[str, Any]:
    """The JSON Schema of `leaving:`."""
    fen = {"type": "integer", "minimum": 0}

    def closed(**properties: Any) -> dict[str, Any]:
        required = list(properties)
        return {
            "type": "object",
            "additionalProperties": False,
            "required": required,
            "properties": properties,
        }

    sums = [
        closed(fixed=fen),
        closed(share={"type": "integer", "minimum": 1, "maximum": 100}, most=fen),
    ]
    words = {TRANSFER: [NOTHING, REFUSE, ALONG], CANCEL: [NOTHING]}
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            way: {"anyOf": [{"enum": words.get(way, [NOTHING, REFUSE])}, *sums]} for way in WAYS
        },
    }


def faults(case: Mapping[str, Any]) -> Iterator[tuple[list[Any], str, str]]:
    """What is wrong with `leaving:` of a case: where, what, remedy."""
    rules = case.get("leaving", {})
    if rules and not case.get("term"):
        yield ["leaving"], "The case has no term to be left within.", "Write term: 24 months."
    if rules.get(TRANSFER) == ALONG and case.get("bound-number"):
        yield (
            ["leaving", TRANSFER],
            "A case with a bound number cannot go along: the number is its owner's.",
            "Write nothing, refuse or a sum.",
        )
    if UNBIND in rules and not case.get("bound-number"):
        yield ["leaving", UNBIND], "The case binds no number.", "Leave it out."


def fee_of(rule: Rule, *, less_fen: int, months: int) -> int:
    """What a way out costs: `less_fen` is what is paid less by the month because of the case.

    >>> fee_of({"share": 30, "most": 30000}, less_fen=2005, months=7)
    4210
    >>> fee_of({"fixed": 20000}, less_fen=2000, months=7), fee_of("nothing", less_fen=9, months=9)
    (20000, 0)
    """
    if isinstance(rule, str):
        return 0
    if FIXED in rule:
        return int(rule[FIXED])
    return min(max(less_fen, 0) * months * int(rule[SHARE]) // 100, int(rule[MOST]))

"""Rules about money in a playbook: every fault at its place, refused before deployment."""

from __future__ import annotations

import pytest

from kaitong.charging.policies import read
from kaitong.playbooks.money import money_faults

GOOD = [
    {"after": 1, "act": "notice", "title": "提醒", "text": "【{branch}】欠费{sum}，{days}天。"},
    {"after": 15, "act": "suspend", "title": "停机"},
]


def faults(name, default):
    content = {"parameters": {name: {"kind": "table", "default": default}}}
    return [(fault.element, fault.what) for fault in money_faults(content, lambda path: 1)]


@pytest.mark.parametrize(
    ("name", "default", "where", "what"),
    [
        ("bill_due_days", 0, "default", "whole number"),
        ("card_tries", "5", "default", "whole number"),
        ("suspended_rent", [], "default", "Not a table"),
        ("suspended_rent", {"holiday": {}}, "holiday", "No suspension"),
        ("suspended_rent", {"request": {"percent": 101}}, "request", "Not a price"),
        ("suspended_rent", {"request": {"keep": -1}}, "request", "Not a price"),
        ("dunning_levels", {}, "default", "Not a list"),
        ("dunning_levels", [{"after": 1, "act": "shout", "title": "x"}], "0", "Not a level"),
        ("dunning_levels", [{"after": 1, "act": "notice", "title": "x"}], "0", "Not a level"),
        ("dunning_levels", [GOOD[1], GOOD[1]], "1", "twice"),
        ("dunning_levels", [{**GOOD[0], "text": "{password}"}], "text", "no place password"),
        ("dunning_levels", [{**GOOD[0], "text": "{sum!r}"}], "text", "no place"),
    ],
)
def test_what_a_playbook_may_not_say_of_money(name, default, where, what):
    found = faults(name, default)
    assert len(found) == 1, found
    assert where in found[0][0]
    assert what in found[0][1]


def test_what_it_may_say_is_read_as_it_is_meant():
    assert faults("dunning_levels", GOOD) == []
    assert faults("suspended_rent", {"request": {"percent": 20, "keep": 500}}) == []
    rules = read({"dunning_levels": GOOD[::-1], "suspended_rent": {"request": {"keep": 500}}})
    assert [(lv.number, lv.after_days, lv.act) for lv in rules.levels] == [
        (1, 1, "notice"),
        (2, 15, "suspend"),
    ]
    assert rules.paused("request") == (0, 500)
    assert rules.paused("arrears") == (0, 0)

"""What a plan costs with a marketing case."""

from kaitong.catalog.pricing import priced, unmatched

PLAN = [
    {"when": "accepted", "amount": 10000, "title": "安装费", "refund": "full-until-installed"},
    {"when": "monthly", "amount": 9900, "title": "月租费", "prorate": "daily"},
]


def test_without_a_case_a_plan_costs_what_it_says():
    assert priced(PLAN) == PLAN


def test_a_case_changes_what_it_names_keeps_the_list_price_and_adds_its_own():
    prepaid = {"when": "accepted", "amount": 24000, "title": "预存话费"}
    free = {"when": "accepted", "title": "安装费", "amount": 0}
    fee, monthly, added = priced(PLAN, [free], [prepaid])
    assert (fee["amount"], fee["listed"], fee["refund"]) == (0, 10000, "full-until-installed")
    assert monthly == PLAN[1]
    assert added == prepaid
    assert PLAN[0]["amount"] == 10000  # the plan itself is as it was


def test_a_price_for_a_charge_the_plan_has_not_is_named():
    wrong = {"when": "monthly", "title": "安装费", "amount": 0}
    assert unmatched(PLAN, [wrong, {"when": "monthly", "title": "月租费", "amount": 1}]) == [wrong]

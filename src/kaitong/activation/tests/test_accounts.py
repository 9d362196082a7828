"""The statements between the rows of the AAA database and a desired state."""

import dataclasses

import pytest

from kaitong.activation import plan
from kaitong.activation.adapters import accounts
from kaitong.activation.adapters.accounts import Held
from kaitong.activation.adapters.base import AccountChange, AccountState, Attribute
from kaitong.activation.adapters.sqltext import transaction_text
from kaitong.activation.errors import ElementProblem

CHANGE = AccountChange(
    account="xn0001@kd",
    password="pa'ss-word",
    plan="home-300",
    plan_attributes=(Attribute("Service-Type", "Framed-User"),),
    attributes=(Attribute("Framed-IP-Address", "100.64.0.9"),),
)
STANDING = Held(
    check=[(1, "Cleartext-Password", ":=", "pa'ss-word")],
    reply=[(2, "Framed-IP-Address", ":=", "100.64.0.9")],
    groups=[(3, "home-300", 10)],
    plan=[(4, "Service-Type", ":=", "Framed-User")],
)


def shown(change, held):
    return [str(s) for s in accounts.statements(change, held, "suspended")]


def test_a_new_account_is_inserted_whole():
    assert shown(CHANGE, Held()) == [
        "INSERT INTO radgroupreply (groupname, attribute, op, value)"
        " VALUES ('home-300', 'Service-Type', ':=', 'Framed-User');",
        "INSERT INTO radcheck (username, attribute, op, value)"
        " VALUES ('xn0001@kd', 'Cleartext-Password', ':=', '••••••');",
        "INSERT INTO radreply (username, attribute, op, value)"
        " VALUES ('xn0001@kd', 'Framed-IP-Address', ':=', '100.64.0.9');",
        "INSERT INTO radusergroup (username, groupname, priority)"
        " VALUES ('xn0001@kd', 'home-300', 10);",
    ]


def test_what_stands_already_is_left_alone():
    assert shown(CHANGE, STANDING) == []


def test_another_password_replaces_the_old_one():
    assert shown(dataclasses.replace(CHANGE, password="second"), STANDING) == [
        "DELETE FROM radcheck WHERE username = 'xn0001@kd' AND id IN (1);",
        "INSERT INTO radcheck (username, attribute, op, value)"
        " VALUES ('xn0001@kd', 'Cleartext-Password', ':=', '••••••');",
    ]


def test_doubles_somebody_left_are_taken_away():
    held = dataclasses.replace(STANDING, groups=[(3, "home-300", 10), (9, "home-300", 10)])
    assert shown(CHANGE, held) == [
        "DELETE FROM radusergroup WHERE username = 'xn0001@kd' AND id IN (9);"
    ]


def test_a_barred_account_meets_the_reject_group_first():
    assert shown(dataclasses.replace(CHANGE, state=AccountState.BARRED), STANDING) == [
        "INSERT INTO radusergroup (username, groupname, priority)"
        " VALUES ('xn0001@kd', 'suspended', 0);"
    ]
    held = dataclasses.replace(STANDING, groups=[*STANDING.groups, (5, "suspended", 0)])
    assert shown(CHANGE, held) == [
        "DELETE FROM radusergroup WHERE username = 'xn0001@kd' AND id IN (5);"
    ]


def test_an_absent_account_leaves_no_row_and_the_plan_stays():
    absent = AccountChange(account="xn0001@kd", state=AccountState.ABSENT)
    assert [s.split()[2] for s in shown(absent, STANDING)] == [
        "radcheck",
        "radreply",
        "radusergroup",
    ]
    assert shown(absent, Held()) == []


def test_the_password_is_sent_and_never_shown():
    statements = accounts.statements(CHANGE, Held(), "suspended")
    assert any("pa'ss-word" in s.values() for s in statements)
    assert "pa'ss-word" not in transaction_text(statements)
    assert "pa'ss-word" not in repr(statements)
    assert "pa'ss-word" not in repr(CHANGE)


def test_what_rows_mean():
    assert accounts.reading(Held(), "suspended").state is AccountState.ABSENT
    found = accounts.reading(STANDING, "suspended")
    assert (found.state, found.has_password, found.plan) == (AccountState.OPEN, True, "home-300")
    barred = dataclasses.replace(STANDING, groups=[(1, "suspended", 0), (3, "home-300", 10)])
    found = accounts.reading(barred, "suspended")
    assert (found.state, found.plan) == (AccountState.BARRED, "home-300")


@pytest.mark.parametrize(
    "change",
    [
        dataclasses.replace(CHANGE, account=""),
        dataclasses.replace(CHANGE, account="x'; DROP TABLE radcheck; --"),
        dataclasses.replace(CHANGE, account="账号"),
        dataclasses.replace(CHANGE, password=""),
        dataclasses.replace(CHANGE, plan=""),
        dataclasses.replace(CHANGE, attributes=(Attribute("Bad Name", "1"),)),
        dataclasses.replace(CHANGE, attributes=(Attribute("Filter-Id", "1", "!!"),)),
        dataclasses.replace(CHANGE, attributes=(Attribute("User-Password", "1"),)),
    ],
)
def test_what_the_aaa_server_could_not_hold_is_refused(change):
    with pytest.raises(ElementProblem):
        accounts.check(change)


def test_a_plan_is_spelled_as_the_element_says():
    wanted = {"down_mbps": 300, "up_mbps": 50, "pool": "home"}
    assert plan.plan_group(wanted, "home-broadband") == "home-broadband-300-50"
    assert plan.plan_group({"plan": "gold"}, "home-broadband") == "gold"
    assert plan.plan_group({}, "home-broadband") == ""
    assert Attribute("WISPr-Bandwidth-Max-Down", "300000000") in plan.plan_attributes(wanted)
    assert plan.plan_attributes(wanted, {"Rate": "{down_kbps}k/{up_mbps}M"}) == (
        Attribute("Rate", "300000k/50M"),
    )
    assert plan.own_attributes(wanted) == (Attribute("Framed-Pool", "home"),)


def test_a_plan_without_rates_has_no_rate_attributes():
    assert {a.name for a in plan.plan_attributes({})} == {
        "Service-Type",
        "Framed-Protocol",
        "Acct-Interim-Interval",
    }


@pytest.mark.parametrize("rate", ["fast", -1, "NaN", float("inf"), 10**9])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ElementProblem):
        plan.plan_attributes({"down_mbps": rate})


@pytest.mark.parametrize("text", ["{down_mbps.real}", "{", "{0}"])
def test_a_bad_spelling_on_the_element_is_refused(text):
    with pytest.raises(ElementProblem):
        plan.plan_attributes({"down_mbps": 100}, {"Rate": text})

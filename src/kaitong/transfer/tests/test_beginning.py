"""The first organisation: from nothing to a first sign-in, and again without harm."""

from __future__ import annotations

import pytest
from django.test import Client

from kaitong.org import services as org
from kaitong.org.models import Branch, Department, Staff
from kaitong.org.queries import actor_of
from kaitong.playbooks import queries as playbooks
from kaitong.process import definitions
from kaitong.transfer.beginning import BranchRow, begin
from kaitong.worktime import queries as worktime

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_kept():
    for keeper in (playbooks, definitions, worktime):
        keeper.forget()
    yield
    for keeper in (playbooks, definitions, worktime):
        keeper.forget()


def first(**changes):
    given = {
        "branch": BranchRow("YX", "黟县分公司", "county"),
        "above": [BranchRow("HS", "黄山市分公司", "city")],
        "supervisor": "fang",
        "supervisor_name": "方明",
        "playbook_names": ["home-broadband"],
        **changes,
    }
    return begin(**given)


def test_from_nothing_to_an_organisation_and_again():
    begun = first()
    again = first()

    branch = Branch.objects.get(code="YX")
    assert branch.path == "HS.YX"
    assert set(begun.departments) == set(
        Department.objects.filter(branch=branch).values_list("key", flat=True)
    )
    assert {"clerk", "installer", "supervisor"} <= set(begun.posts)
    assert actor_of("fang").is_supervisor
    assert Staff.objects.get(username="fang").department.branch == branch
    assert (begun.supervisor, again.password) == ("fang", "")
    assert len(begun.password) == 19
    assert Branch.objects.count() == 2
    assert Staff.objects.count() == 1


def test_a_one_time_password_opens_only_the_way_to_an_own_one():
    password = first().password
    client = Client()
    assert client.login(username="fang", password=password)

    turned = client.get("/work/")
    assert (turned.status_code, turned.url) == (302, "/accounts/password/change/")
    assert client.get(turned.url).status_code == 200
    mine = "an own and long password 7"
    changed = client.post(
        turned.url, {"oldpassword": password, "password1": mine, "password2": mine}
    )

    assert (changed.status_code, changed.url) == (302, "/")
    assert client.get("/work/").status_code == 200
    assert not Client().login(username="fang", password=password)


def test_staff_is_hired_once_and_elsewhere_refused():
    first()
    branch = Branch.objects.get(code="YX")
    other = org.ensure_branch(code="QM", name="祁门分公司", kind="county")

    row, password = org.hire(username="li", name="李丽", branch=branch, posts=["clerk"])
    _row, none = org.hire(username="li", name="李丽", branch=branch, posts=["installer"])

    assert row.check_password(password)
    assert none == ""
    assert actor_of("li").posts == {"clerk", "installer"}
    with pytest.raises(org.OrgError):
        org.hire(username="li", name="李丽", branch=other, posts=["clerk"])
    with pytest.raises(org.OrgError):
        org.hire(username="wu", name="吴", branch=branch, posts=["nobody"])
    assert not Staff.objects.filter(username="wu").exists()
    new = org.reset_password(username="li")
    row.refresh_from_db()
    assert row.check_password(new)
    assert row.must_change_password

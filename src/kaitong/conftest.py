"""Fixtures every package's tests may use: a small organisation, and what the machine lacks."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REQUIRE_ALL = os.environ.get("KAITONG_REQUIRE_ALL") == "1"


def lacking(what: str, remedy: str) -> None:
    """Skip because the machine lacks something; fail instead where everything is required."""
    message = f"lacks {what}: {remedy}"
    if REQUIRE_ALL:
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of third-party contracts and test cases (KAITONG_SHARED)."""
    repository = Path(__file__).resolve().parents[2]
    folder = Path(os.environ.get("KAITONG_SHARED") or repository.parent / "shared")
    if not (folder / "README.md").exists():
        lacking("the shared folder of contracts", "set KAITONG_SHARED to it")
    return folder


@pytest.fixture
def county(db):
    """休宁分公司 below a province and a city, with the posts that home broadband needs."""
    from kaitong.org import services

    province = services.ensure_branch(code="AH", name="安徽省公司", kind="province")
    city = services.ensure_branch(code="HS", name="黄山市分公司", kind="city", parent=province)
    branch = services.ensure_branch(code="XN", name="休宁分公司", kind="county", parent=city)
    for key, name in [
        ("clerk", "营业员"),
        ("resource", "资源配置岗"),
        ("network", "网络部门"),
        ("monitor", "网管监控"),
        ("installer", "装维班组"),
        ("service", "客服回访"),
        ("supervisor", "班长"),
    ]:
        services.ensure_post(key=key, name=name)
    return branch


@pytest.fixture
def other_county(county):
    """A sibling branch whose staff must not see the first one's rows."""
    from kaitong.org import services

    return services.ensure_branch(code="SX", name="歙县分公司", kind="county", parent=county.parent)


@pytest.fixture
def staff_of():
    """Make a member of staff: `staff_of(branch, "username", "clerk", ...)` -> Actor."""
    from kaitong.org import services
    from kaitong.org.actor import actor_for

    def make(branch, username, *posts):
        user = services.ensure_staff(
            username=username, name=username, branch=branch, password="x", posts=posts
        )
        return actor_for(user)

    return make

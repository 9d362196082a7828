"""The demo's organisation: a county branch with somebody at every post."""

from __future__ import annotations

from dataclasses import dataclass

from kaitong.org import services as org
from kaitong.org.models import Branch

# Known to everybody who reads this. The demo listens on the loopback interface only.
PASSWORD = "kaitong-demo"  # noqa: S105


@dataclass(frozen=True, slots=True)
class Account:
    username: str
    name: str
    department: str
    posts: tuple[str, ...]
    phone: str
    admin: bool = False


DEPARTMENTS = {
    "营业厅": "Counter",
    "网络部": "Network",
    "装维": "Field",
    "客服": "Customer care",
}

ACCOUNTS = (
    Account("clerk", "胡雅琴", "营业厅", ("clerk",), "13955900101"),
    Account("clerk2", "吴晓蓉", "营业厅", ("clerk",), "13955900102"),
    Account("resource", "程晓燕", "网络部", ("resource",), "13955900103"),
    Account("network", "汪海洋", "网络部", ("network",), "13955900104"),
    Account("monitor", "朱志远", "网络部", ("monitor",), "13955900105"),
    Account("installer", "汪志强", "装维", ("installer",), "13955900106"),
    Account("installer2", "余建华", "装维", ("installer",), "13955900107"),
    Account("service", "刘芸", "客服", ("service",), "13955900108"),
    Account("supervisor", "方建国", "装维", ("supervisor",), "13955900109"),
    Account("admin", "管理员", "网络部", ("supervisor",), "13955900110", admin=True),
)


def seed() -> Branch:
    """Province, city, county and their staff; doing it again changes nothing."""
    province = org.ensure_branch(code="AH", name="安徽省公司", name_en="Anhui", kind="province")
    city = org.ensure_branch(
        code="HS", name="黄山市分公司", name_en="Huangshan", kind="city", parent=province
    )
    county = org.ensure_branch(
        code="XN", name="休宁分公司", name_en="Xiuning", kind="county", parent=city
    )
    departments = {
        name: org.ensure_department(branch=county, key=name, name=name, name_en=english)
        for name, english in DEPARTMENTS.items()
    }
    for account in ACCOUNTS:
        org.ensure_staff(
            username=account.username,
            name=account.name,
            branch=county,
            department=departments[account.department],
            password=PASSWORD,
            posts=account.posts,
            phone=account.phone,
            admin=account.admin,
        )
    # A second county, whose staff must see nothing of the first.
    other = org.ensure_branch(
        code="SX", name="歙县分公司", name_en="Shexian", kind="county", parent=city
    )
    org.ensure_staff(
        username="shexian", name="洪芳", branch=other, password=PASSWORD, posts=("clerk",)
    )
    return county

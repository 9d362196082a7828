"""The demo's organisation: a county branch with somebody at every post, its city, a neighbour."""

from __future__ import annotations

from dataclasses import dataclass

from kaitong.org import services as org
from kaitong.org.models import Branch

# Known to everybody who reads this. The demo listens on the loopback interface only.
PASSWORD = "kaitong-demo"  # noqa: S105
COUNTY, CITY, NEIGHBOUR = "XN", "HS", "SX"
BRANCHES = {COUNTY: "休宁分公司", CITY: "黄山市分公司", NEIGHBOUR: "歙县分公司"}


@dataclass(frozen=True, slots=True)
class Account:
    username: str
    name: str
    department: str
    posts: tuple[str, ...]
    phone: str
    admin: bool = False
    branch: str = COUNTY


DEPARTMENTS = {
    "营业厅": "Counter",
    "网络部": "Network",
    "装维": "Field",
    "海阳网格": "Haiyang grid",
    "万安网格": "Wan'an grid",
    "商山网格": "Shangshan grid",
    "皖通代维": "Wantong (subcontractor)",
    "客服": "Customer care",
    "综合部": "Office",
    "市场": "Marketing",
    "业务支撑": "Business support",
}

ACCOUNTS = (
    Account("clerk", "胡雅琴", "营业厅", ("clerk",), "13955900101"),
    Account("clerk2", "吴晓蓉", "营业厅", ("clerk",), "13955900102"),
    Account("clerk3", "江静怡", "营业厅", ("clerk",), "13955900111"),
    Account("resource", "程晓燕", "网络部", ("resource",), "13955900103"),
    Account("network", "汪海洋", "网络部", ("network",), "13955900104"),
    Account("monitor", "朱志远", "网络部", ("monitor",), "13955900105"),
    Account("installer", "汪志强", "海阳网格", ("installer",), "13955900106"),
    Account("installer2", "余建华", "海阳网格", ("installer",), "13955900107"),
    Account("installer3", "方根水", "万安网格", ("installer",), "13955900112"),
    Account("installer4", "许卫平", "商山网格", ("installer",), "13955900113"),
    Account("partner", "戴鹏飞", "皖通代维", ("installer",), "13955900114"),
    Account("service", "刘芸", "客服", ("service",), "13955900108"),
    Account("service2", "查欣怡", "客服", ("service",), "13955900115"),
    Account("hotline", "洪秀英", "客服", ("hotline",), "13955900120"),
    Account("hotline2", "孙丽", "客服", ("hotline",), "13955900121"),
    Account("community", "叶志勇", "市场", ("community",), "13955900122"),
    Account("support", "凌芳", "网络部", ("support",), "13955900123"),
    Account("maintenance", "俞建军", "网络部", ("maintenance",), "13955900124"),
    Account("transmission", "曹卫东", "网络部", ("transmission",), "13955900125"),
    Account("data", "姚立新", "网络部", ("data",), "13955900126"),
    Account("greeter", "许静", "营业厅", ("greeter",), "13955900128"),
    Account("it", "戴志明", "业务支撑", ("it",), "13955900127"),
    Account("supervisor", "方建国", "装维", ("supervisor",), "13955900109"),
    Account("manager", "洪立新", "综合部", ("supervisor",), "13955900116"),
    Account("admin", "管理员", "综合部", ("supervisor",), "13955900110", admin=True),
    # The city sees its counties; a county's staff see nothing of another.
    Account("city", "曹文静", "", ("supervisor",), "13955900117", branch=CITY),
    Account("shexian", "洪芳", "", ("clerk",), "13955900118", branch=NEIGHBOUR),
    Account("shexian2", "鲍学文", "", ("installer",), "13955900119", branch=NEIGHBOUR),
)


def top() -> Branch:
    """The branch all others lie below: processes that begin by themselves begin there."""
    return org.ensure_branch(code="AH", name="安徽省公司", name_en="Anhui", kind="province")


def seed() -> Branch:
    """Province, city, two counties and their staff; doing it again changes nothing."""
    province = top()
    city = org.ensure_branch(
        code=CITY, name=BRANCHES[CITY], name_en="Huangshan", kind="city", parent=province
    )
    county = org.ensure_branch(
        code=COUNTY, name=BRANCHES[COUNTY], name_en="Xiuning", kind="county", parent=city
    )
    neighbour = org.ensure_branch(
        code=NEIGHBOUR, name=BRANCHES[NEIGHBOUR], name_en="Shexian", kind="county", parent=city
    )
    branches = {branch.code: branch for branch in (city, county, neighbour)}
    departments = {
        name: org.ensure_department(branch=county, key=name, name=name, name_en=english)
        for name, english in DEPARTMENTS.items()
    }
    for account in ACCOUNTS:
        org.ensure_staff(
            username=account.username,
            name=account.name,
            branch=branches[account.branch],
            department=departments.get(account.department),
            password=PASSWORD,
            posts=account.posts,
            phone=account.phone,
            admin=account.admin,
        )
    return county

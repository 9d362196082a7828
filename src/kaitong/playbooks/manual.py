"""营业员手册: what a clerk may do under a playbook, as a Markdown text made from it.

Conditions, authentication, checks, reasons, fields, sheets and steps are the playbook's own words:
what stands here is what the counter does. Pictures of the pages stand beside it, where there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.utils.translation import override

from kaitong.ordering import codes
from kaitong.ordering.counter_rules import AUTHENTICATION, CHECKS, belongs
from kaitong.ordering.life_choices import AT_COUNTER, AuthenticationKind, Standing, Weight
from kaitong.party.choices import PartyKind
from kaitong.playbooks.forms import Form
from kaitong.playbooks.handbook import of_playbook
from kaitong.playbooks.handbook_rows import Rows, fields
from kaitong.playbooks.model import Playbook
from kaitong.process import layout
from kaitong.process.bpmn_xml import read

Picture = Callable[[str], str]  # a page's key -> its picture beside the text; empty without one
# Pages a clerk works on all day, before the changes: key, title, what for.
PAGES = (
    ("workbench", "工作台", "轮到自己的工单都在这里：领单、办结、退回、挂起。"),
    (
        "customers",
        "找客户",
        "输入账号、证件号码、手机、姓名加地址或订单号，都能找到。查看记录在案。",
    ),
    ("customer", "客户统一视图", "一位客户的全部业务、订单、账务、单据和经过。"),
    ("service", "一项业务", "状态和原因、套餐、合约、端口和光猫、会话和用量；能办的变更在这里点。"),
    ("intake", "新装受理", "一页办完：地址、套餐、客户、证件、收费。"),
)


def manual(book: Playbook, picture: Picture = lambda _key: "") -> str:
    """The clerk's manual of a playbook, in Chinese."""
    with override("zh-hans"):
        return "\n".join(_lines(book, picture)).rstrip() + "\n"


def _lines(book: Playbook, picture: Picture) -> Iterator[str]:
    content = book.content
    changes = {
        key: entry
        for key, entry in content["processes"].items()
        if "counter" in entry and not entry["counter"].get("machine")
    }
    yield f"# {book.title}　营业员手册"
    yield ""
    yield "本手册由业务流程包生成，流程包改了，手册跟着改；请勿手工修改。"
    yield ""
    yield from _pages(picture)
    yield from _proofs(content)
    yield from _acting(book)
    yield from _overview(content, changes)
    yield from _opening(book, picture)
    for key, entry in changes.items():
        yield from _change(book, key, entry, picture)


def _pages(picture: Picture) -> Iterator[str]:
    yield "## 常用页面"
    yield ""
    for key, title, text in PAGES:
        yield f"**{title}**：{text}"
        yield ""
        yield from _shown(picture(key), title)


def _shown(place: str, title: str) -> Iterator[str]:
    if place:
        yield f"![{title}]({place})"
        yield ""


def _proofs(content: Mapping[str, Any]) -> Iterator[str]:
    limits = content.get("parameters", {}).get(AUTHENTICATION, {}).get("default")
    if not limits:
        return
    yield "## 核对客户身份"
    yield ""
    yield "变更以前先核对来人是不是机主，一次核对只能办一笔业务："
    yield ""
    for kind in AT_COUNTER:
        yield f"- {kind.label}"
    yield ""
    yield (
        f"同一项业务 {limits['within_minutes']} 分钟内答错 {limits['tries']} 次，"
        f"锁定 {limits['locked_minutes']} 分钟；核对通过后 {limits['good_for_minutes']} 分钟内"
        "有效，只对办理的营业员有效。"
    )
    yield ""
    sent = content.get("parameters", {}).get(codes.PARAMETER, {}).get("default")
    if sent:
        yield (
            f"短信验证码由本页发送，{sent['good_for_minutes']} 分钟内有效，只能用一次，"
            f"只对发送的营业员有效；{sent['again_after_seconds']} 秒后可以重发，"
            f"{sent['within_minutes']} 分钟内最多 {sent['most']} 次，错 {sent['tries']} 次作废。"
            "验证码只有客户能看，营业员请客户念出来。"
        )
        yield ""


def _acting(book: Playbook) -> Iterator[str]:
    """Who may come for a holder, and what he shows (VER-03, VER-04)."""
    forms = book.content.get("acting", {})
    if not forms:
        return
    yield "## 谁来办理"
    yield ""
    yield "凡要核对客户的变更，都先问来人是谁；来人登记在订单和受理单上，证件影像加密保存。"
    yield ""
    for kind, file in forms.items():
        yield f"**机主是{PartyKind(kind).label}**"
        yield ""
        yield from _fields(book.forms[file])


def _fields(form: Form) -> Iterator[str]:
    yield "| 项目 | 必填 | 怎么填 | 说明 |"
    yield "|---|---|---|---|"
    for row in fields(form.content):
        yield f"| {row['title']} | {row['required']} | {row['kind']} | {row['help']} |"
    yield ""


def _overview(content: Mapping[str, Any], changes: Mapping[str, Any]) -> Iterator[str]:
    yield "## 业务一览"
    yield ""
    yield "| 业务 | 应处的状态 | 核对方式 | 单据 |"
    yield "|---|---|---|---|"
    for key, entry in changes.items():
        counter = entry["counter"]
        proofs = [str(AuthenticationKind(k).label) for k in counter.get("authenticate", ())]
        papers = "、".join(_papers(content, key, entry)) or "—"
        yield (
            f"| [{entry['title']}](#{entry['title']}) | {_standing(counter)}"
            f" | {'或'.join(proofs) or '不核对'} | {papers} |"
        )
    yield ""


def _standing(counter: Mapping[str, Any]) -> str:
    text = "或".join(str(Standing(s).label) for s in counter["from"])
    if counter.get("unless"):
        text += f"（{'、'.join(str(Standing(s).label) for s in counter['unless'])}时不办）"
    return text


def _papers(content: Mapping[str, Any], key: str, entry: Mapping[str, Any]) -> list[str]:
    return [
        f"{paper['title']}（{paper['form']}）"
        for paper in content.get("papers", {}).values()
        if belongs(paper, key, entry) and paper["when"] == "accepted"
    ]


def _opening(book: Playbook, picture: Picture) -> Iterator[str]:
    for key, entry in book.content["processes"].items():
        if entry["for"] != "add":
            continue
        yield f"## {entry['title']}"
        yield ""
        yield from _shown(picture(key), entry["title"])
        yield "### 受理以后"
        yield ""
        yield from _steps(book, key)
        cancel = entry.get("cancel")
        if cancel:
            yield "### 撤单"
            yield ""
            yield "竣工以前客户可以撤单，能退的费用在撤单以前逐笔列出。原因从下面选："
            yield ""
            yield from _reasons(cancel["reasons"])


def _change(book: Playbook, key: str, entry: Mapping[str, Any], picture: Picture) -> Iterator[str]:
    counter, content = entry["counter"], book.content
    yield f"## {entry['title']}"
    yield ""
    yield from _shown(picture(key), entry["title"])
    yield f"- **什么时候能办**：{_standing(counter)}。别的状态不能办，页面会说可以办什么。"
    kinds = [str(AuthenticationKind(k).label) for k in counter.get("authenticate", ())]
    yield f"- **核对客户**：{'，或'.join(kinds)}。" if kinds else "- **核对客户**：不需要。"
    for name, weight in counter.get("checks", {}).items():
        what = (CHECKS[name].__doc__ or name).partition(":")[0]
        means = "不能办理" if weight == Weight.REFUSE else "提示，问清再办"
        yield f"- **先查{what}**：有问题时{means}。"
    if counter.get("told"):
        yield f"- **先告知客户**：{counter['told']}"
    papers = _papers(content, key, entry)
    if papers:
        yield f"- **打印**：{'、'.join(papers)}，客户核对后签名。"
    notices = [
        notice["title"]
        for notice in content.get("notices", {}).values()
        if belongs(notice, key, entry) and notice["to"] == "customer"
    ]
    if notices:
        yield f"- **通知客户**：{'、'.join(notices)}。"
    yield ""
    form = book.forms.get(counter.get("form", ""))
    if form is not None:
        yield "**填写**"
        yield ""
        yield from _fields(form)
    if counter.get("reasons"):
        yield "**原因**"
        yield ""
        yield from _reasons(counter["reasons"])
    yield "**办理以后**"
    yield ""
    yield from _steps(book, key)


def _reasons(groups: list[Mapping[str, Any]]) -> Iterator[str]:
    for group in groups:
        yield f"- {group['title']}：{'、'.join(reason['title'] for reason in group['reasons'])}"
    yield ""


def _steps(book: Playbook, key: str) -> Iterator[str]:
    source = of_playbook(book, key)
    rows = Rows(source, read(source.bpmn), layout.picture(source.bpmn))
    yield "| 流程环节 | 责任角色 | 本环节具体工作及职责 | 时限 |"
    yield "|---|---|---|---|"
    bundled = any(offering.get("with") for offering in book.content["offerings"])
    idle = set() if bundled else rows.without_parts()  # a product without bundles has no such step
    for row in rows.steps():
        if row["id"] in idle:
            continue
        work = " ".join(row["work"].split())
        yield f"| {row['name']} | {row['post']} | {work} | {row['limit'] or '—'} |"
    yield ""

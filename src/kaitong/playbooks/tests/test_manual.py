"""营业员手册: made of the playbook, and the one in docs/ is what the playbook says today."""

from __future__ import annotations

from pathlib import Path

from kaitong.core.home import library
from kaitong.playbooks import manual, services

DOCS = Path(__file__).resolve().parents[4] / "docs"


def made() -> str:
    book = services.check(library() / "home-broadband", sheets=False)
    folder = DOCS / "clerk-manual"

    def picture(key: str) -> str:
        return f"clerk-manual/{key}.png" if (folder / f"{key}.png").is_file() else ""

    return manual.manual(book, picture)


def test_every_change_says_when_how_and_why():
    text = made()
    at = text.index("\n## 停机\n")
    part = text[at : text.index("\n## ", at + 5)]
    assert "在用或欠费停机（客户停机时不办）" in part
    assert "账号加开户证件号码，或绑定手机号码" in part
    assert "**先查欠费**：有问题时提示" in part
    assert "停/开机业务受理单（F-28）" in part
    assert "- 客户原因：外出一段时间、暂时不用、房屋装修" in part
    assert "| 断开在线会话 | 网络部门 |" in part


def test_machines_own_changes_are_not_the_clerks():
    book = services.check(library() / "home-broadband", sheets=False)
    machines = [
        entry["title"]
        for entry in book.content["processes"].values()
        if entry.get("counter", {}).get("machine")
    ]
    text = manual.manual(book)
    assert not [title for title in machines if f"\n## {title}\n" in text]


def test_the_manual_in_docs_is_todays():
    kept = (DOCS / "clerk-manual.zh-CN.md").read_text(encoding="utf-8")
    assert kept == made(), (
        "./run kaitong playbook manual home-broadband -o docs/clerk-manual.zh-CN.md"
    )


def test_a_product_without_bundles_has_no_steps_of_their_parts():
    book = services.check(library() / "fixed-line", sheets=False)
    text = manual.manual(book, lambda key: "")
    at = text.index("\n## 停机\n")
    part = text[at : text.index("\n## ", at + 5)]
    assert "| 停机未生效 |" in part
    assert "| 停融合业务 |" not in part
    assert "| 融合业务" not in text

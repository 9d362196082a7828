"""运营指标 on its page: numbers, targets, choices, the orders behind a figure, who may look."""

from __future__ import annotations

import io
import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from python_calamine import CalamineWorkbook

from kaitong.core.clock import frozen
from kaitong.core.models import AuditEntry
from kaitong.reporting import folding
from kaitong.reporting import services as reporting
from kaitong.web.tests import fault_world as faults
from kaitong.web.tests.test_changing import hidden, place, said

pytestmark = pytest.mark.django_db

THURSDAY = datetime(2026, 3, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def week(world):
    """Six orders of one week under way; the figures of their branch."""
    with frozen(THURSDAY):
        made = [world.order(n) for n in range(1, 7)]
    reporting.fold()
    return made


def text_of(answer):
    assert answer.status_code == 200
    return answer.content.decode()


def tile(html, title):
    """What a tile says under its title: figure and note."""
    part = html[html.index(f"<span>{title}</span>") :]
    return part[: part.index("</em>")]


def test_a_leader_sees_the_numbers_with_their_meaning(world, week, signed_in):
    html = text_of(signed_in("supervisor").get("/figures/?at=2026-03-05"))
    assert "2026 年第 10 周（03-02 起）" in html
    assert "<b>6</b>" in tile(html, "受理量")
    assert "<b>—</b>" in tile(html, "按时率")  # nothing has ended
    assert "目标 ≥ 95%" in tile(html, "按时率")
    assert "<b>6</b>" in tile(html, "在途")
    assert "其中超时 6" in tile(html, "在途")  # long ago
    assert "竣工不晚于客户时限的" in html  # what it means
    assert "300M 家庭宽带" in html


def test_choices_narrow_and_nonsense_is_passed_over(world, week, signed_in):
    client = signed_in("supervisor")
    html = text_of(client.get("/figures/?at=2026-03-05&plan=home-1000"))
    assert "这段时间没有订单" in html
    html = text_of(client.get("/figures/?at=2026-03-31&period=month&plan=home-300"))
    assert "2026 年 3 月" in html
    assert "<b>6</b>" in tile(html, "受理量")
    for nonsense in ("at=0001-01-01", "at=9999-99-99", "figure=x&plan=y&action=z&branch=1",
                     "period=year&at=", "figure=time_p90&at=2026-03-05&action=all"):  # fmt: skip
        text_of(client.get(f"/figures/?{nonsense}"))


def test_a_figure_leads_to_its_orders(world, week, signed_in):
    client = signed_in("supervisor")
    html = text_of(client.get("/figures/orders/?at=2026-03-05&figure=received"))
    for order in week:
        assert f'href="/orders/{order.id}/"' in html
    html = text_of(client.get("/figures/orders/?at=2026-03-05&figure=failed"))
    assert "没有这样的订单" in html
    html = text_of(client.get("/figures/orders/?at=2026-03-05&figure=received&page=9"))
    assert f'href="/orders/{week[0].id}/"' not in html


def test_who_does_not_lead_is_refused_and_not_led_there(world, week, signed_in):
    for who in ("clerk", "installer", "service"):
        client = signed_in(who)
        for path in ("/figures/", "/figures/orders/"):
            answer = client.get(path)
            assert answer.status_code == 403
            assert "运营指标由班长和经理查看" in answer.content.decode()
        assert 'href="/figures/"' not in text_of(client.get("/work/"))
    assert 'href="/figures/"' in text_of(signed_in("supervisor").get("/work/"))


def test_a_foreign_branch_has_no_figures_of_ours(world, week, signed_in):
    from kaitong.org import services as org
    from kaitong.web.tests.world import PASSWORD

    org.ensure_staff(
        username="stranger", name="外人", branch=world.other, password=PASSWORD,
        posts=["supervisor"],
    )  # fmt: skip
    client = signed_in("stranger")
    html = text_of(client.get(f"/figures/?at=2026-03-05&branch={world.branch.id}"))
    assert "这段时间没有订单" in html
    html = text_of(client.get(f"/figures/orders/?at=2026-03-05&branch={world.branch.id}"))
    assert str(week[0].id) not in html


def test_the_page_costs_the_same_whatever_the_number(world, week, signed_in, queries_of):
    client = signed_in("supervisor")
    few = queries_of(lambda: client.get("/figures/?at=2026-03-05"))
    with frozen(THURSDAY + HOUR):
        for n in range(7, 11):
            world.order(n)
    reporting.rebuild()
    assert folding.behind() == 0
    assert queries_of(lambda: client.get("/figures/?at=2026-03-05")) == few
    assert "<b>10</b>" in tile(text_of(client.get("/figures/?at=2026-03-05")), "受理量")


def test_in_english(world, week, signed_in):
    html = text_of(
        signed_in("supervisor").get("/figures/?at=2026-03-05", headers={"Accept-Language": "en"})
    )
    assert "Orders received" in html
    assert "300M home broadband" in html


def printed(data: bytes) -> str:
    """The words of a PDF."""
    done = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=data, capture_output=True, check=True
    )
    return done.stdout.decode()


def test_the_report_is_printed_with_the_numbers_of_the_page(world, week, signed_in):
    client = signed_in("supervisor")
    answer = client.get("/figures/report.pdf?at=2026-03-05&period=month")
    assert answer.status_code == 200
    text = "".join(printed(answer.content).split())
    assert "2026年3月" in text
    assert "受理量6" in text
    assert "按时率——目标≥95%" in text
    assert "竣工不晚于客户时限的" in text  # what it means
    for who in ("clerk", "installer"):
        for name in ("report.pdf", "report.xlsx"):
            assert signed_in(who).get(f"/figures/{name}").status_code == 403
    taken = AuditEntry.objects.filter(subject_type="export.figures")
    assert [entry.data["as"] for entry in taken] == ["pdf"]


def rows_of(path_or_bytes) -> list[list]:
    return CalamineWorkbook.from_object(path_or_bytes).get_sheet_by_index(0).to_python()


def test_the_workbook_has_numbers_as_numbers(world, week, signed_in):
    answer = signed_in("supervisor").get("/figures/report.xlsx?at=2026-03-05")
    rows = rows_of(io.BytesIO(b"".join(answer.streaming_content)))
    assert rows[0][:5] == ["分项", "项目", "期", "指标", "数值"]
    told = {(row[0], row[1], row[3]): row[4] for row in rows[1:]}
    assert told["按套餐", "300M 家庭宽带", "受理量"] == 6
    assert told["走势", "休宁分公司 · 新装", "受理量"] == 6


def test_a_fault_from_the_telephone_stands_in_the_figures(world, signed_in):
    """QA-04, QA-06: by the verbs and pages of assurance, nothing made up."""
    faults.menders(world)
    fault = faults.report(world, faults.line(world))
    item = faults.item(fault.pk, "PreHandle")
    answers = {"lights": "normal", "dial": "slow", "restarted": "works", "result": "solved"}
    signed_in("hotline").post(
        f"/faults/{fault.pk}/work/{item}", {**answers, "fault_cause": "customer.router"}
    )
    reporting.fold()
    html = text_of(signed_in("supervisor").get("/figures/"))
    part = html[html.index('id="t-ticket-fault"') :]
    part = part[: part.index("</section>")]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall("<tr>.*?</tr>", part)]
    told = {row[0]: row[1] for row in rows if row}
    assert (told["受理"], told["修复（办结）"]) == ("1", "1")
    assert told["按时率"] == "100.0%"
    assert "路由器" in html[html.index('id="t-ticket-cause"') :]


def test_a_change_asked_at_the_counter_counts_under_its_business(world, signed_in, part):
    """QA-03: from the counter's page to the manager's."""
    service, clerk = world.line(), signed_in("clerk")
    proven = clerk.post(place(service) + "prove", said(service), headers=part).content.decode()
    given = {**hidden(proven), "reason": "customer.away", "note": "出国两个月"}
    assert clerk.post(place(service), given, headers=part).headers["HX-Redirect"]
    reporting.fold()
    boss = signed_in("supervisor")
    assert "<b>1</b>" in tile(text_of(boss.get("/figures/?action=suspend")), "受理量")
    assert "这段时间没有订单" in text_of(boss.get("/figures/?action=cancel"))

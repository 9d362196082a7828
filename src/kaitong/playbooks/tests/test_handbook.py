"""流程说明书: says what the file says, in an order people read, and becomes a sheet."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kaitong.core.home import library
from kaitong.playbooks import handbook, services
from kaitong.playbooks.limit_words import limit_text

NOW = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def book():
    return services.check(library() / "home-broadband", sheets=False)


@pytest.fixture(scope="module")
def told(book):
    return handbook.contents(handbook.of_playbook(book, "open"), now=NOW)


def test_steps_are_those_of_the_process_with_post_duty_limit_and_what_follows(told, book):
    steps = {row["id"]: row for row in told["steps"]}
    names = [row["name"] for row in told["steps"]]
    assert names.index("证件核验") < names.index("预约派单") < names.index("竣工验收")
    assert len(names) == len(set(names)) == 34
    appoint = steps["Appoint"]
    assert appoint["post"] == "装维班组"
    assert appoint["limit"] == "2 个工作小时"
    assert appoint["work"].startswith("首次联系客户")
    assert appoint["next"] == ["上门安装"]
    assert "督办：班长" in appoint["notes"]
    assert steps["Install"]["limit"] == "48 小时"
    assert steps["Accept"]["limit"] == "1 个工作日"
    assert {row["name"]: row["steps"] for row in told["posts"]}["装维班组"] == 4


def test_every_way_out_of_a_decision_stands_with_its_condition(told):
    ways = {(row["name"], row["way"]): row for row in told["gateways"]}
    assert ways["“证件复核”之后的判断", "已补正"]["condition"] == 'decision = "corrected"'
    assert ways["“证件复核”之后的判断", "不能补正"]["condition"] == "其余情况"
    assert ways["“退单审核”之后的判断", "同意退单"]["to"] == "撤销网络数据"


def test_events_say_where_they_stand_and_what_they_wait_for(told):
    events = {row["name"]: row for row in told["events"]}
    assert events["会话上线"]["at"] == "开通验证异常（中断）"
    assert events["会话上线"]["when"] == "session-seen"
    assert events["无端口"]["next"] == ["判定无端口去向"]


def test_limits_are_told_with_their_reason_and_forms_with_their_words(told):
    limits = {row["name"]: row for row in told["parameters"]}
    assert limits["install_within"]["value"] == "48 小时"
    assert "BB-01" in limits["install_within"]["why"]
    forms = {form["title"]: form for form in told["forms"]}
    decision = forms["端口分配异常"]["fields"][0]
    assert decision["kind"] == "另配端口、重新配线、不具备条件，退单"
    assert decision["required"] == "是"


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("3 working days", "3 个工作日"),
        ({"kind": "working-days", "amount": 2, "unit": "days", "cutoff": "16:00"},
         "2 个工作日（16:00 后收到的顺延）"),
        ("8 working hours", "8 个工作小时"),
        ("1 month", "1 个月"),
        ("PT1H30M", "1 小时 30 分钟"),
        ("P2M", "2 个月"),
        ("whenever", "whenever"),
        (None, ""),
    ],
)  # fmt: skip
def test_limits_in_words(limit, words):
    assert limit_text(limit) == words


@pytest.mark.parametrize("key", ["open", "withdraw", "resend", "resource-check"])
def test_every_shipped_process_becomes_a_sheet(book, key):
    made = handbook.pdf(handbook.of_playbook(book, key), now=NOW)
    assert made.startswith(b"%PDF")
    assert made == handbook.pdf(handbook.of_playbook(book, key), now=NOW)


def test_a_process_drawn_nowhere_and_with_hardly_a_word_becomes_a_sheet():
    bpmn = (
        b'<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" id="D">'
        b'<process id="bare"><startEvent id="s"/><subProcess id="sub"><startEvent id="i"/>'
        b'<task id="inner"/><sequenceFlow id="g" sourceRef="i" targetRef="inner"/></subProcess>'
        b'<sequenceFlow id="f" sourceRef="s" targetRef="sub"/></process></definitions>'
    )
    source = handbook.Source(bpmn, "none", "无", "0" * 64, {}, {}, {})
    rows = handbook.contents(source, now=NOW)["steps"]
    assert [(row["id"], row["level"]) for row in rows] == [("sub", 0), ("inner", 1)]
    assert handbook.pdf(source, now=NOW).startswith(b"%PDF")

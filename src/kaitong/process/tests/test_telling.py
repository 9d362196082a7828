"""The history of events in words, in both languages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.utils.translation import override

from kaitong.process import telling
from kaitong.process.positions import HistoryRow

AT = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)


def row(kind: str, data: dict[str, Any]) -> HistoryRow:
    return HistoryRow(
        instance_id=UUID(int=1), seq=1, kind=kind, node="n", node_kind="", title="等待",
        token=None, actor_id=None, actor_name="", at=AT, data=data,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "data", "chinese", "english"),
    [
        ("started", {}, "流程开始", "rocess"),
        ("started", {"message": "1", "name": "m"}, "流程开始：消息 m", "by the message m"),
        ("started", {"signal": "s", "key": "k"}, "流程开始：信号 s", "by the signal s"),
        (
            "started",
            {"timer": "t", "due_at": AT.isoformat()},
            "流程开始：定时 03-02 09:30",
            "timer",
        ),
        ("signal", {"name": "s"}, "等待 收到信号 s", "heard the signal s"),
        ("signalled", {"name": "s"}, "等待 发出信号 s", "threw the signal s"),
        ("escalation", {"code": "late"}, "等待 上报 late", "raised the escalation late"),
    ],
)
def test_events_in_words(kind: str, data: dict[str, Any], chinese: str, english: str) -> None:
    assert kind in telling.TOLD
    told = {"say": str, "reasons": str, "posts": str, "names": {}}
    with override("zh-hans"):
        assert telling.sentence(row(kind, data), **told) == chinese
    with override("en"):
        assert english in telling.sentence(row(kind, data), **told)


def test_a_phase_is_named_in_the_readers_language() -> None:
    alarmed = replace(
        row("phase-alarmed", {"title": "上门阶段", "late": True, "tell": ["a", "b"]}), title=""
    )
    words = {"上门阶段": "Visit", "a": "Supervisor", "b": "Customer care"}
    with override("en"):
        text = telling.sentence(
            alarmed, say=lambda t: words.get(t, ""), posts=lambda key: words[key], names={}
        )
    assert text == "Visit overdue, escalated to Supervisor, Customer care"

"""The history of a process in words: one wording for drawers, timelines and the audit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.org import queries as org
from kaitong.process.positions import HistoryRow

Say = Callable[[str], str]  # a playbook's words in the reader's language

# What a reader of a drawer wants to know; tokens moving from node to node are the picture's.
TOLD = frozenset(
    {
        "started",
        "migrated",
        "claimed",
        "released",
        "dispatched",
        "redispatched",
        "transferred",
        "returned",
        "compensated",
        "proposed",
        "suspended",
        "resumed",
        "helped",
        "warned",
        "escalated",
        "agreed",
        "recounted",
        "suspension-corrected",
        "alarmed",
        "phase-alarmed",
        "phase-recounted",
        "urged",
        "feedback",
        "completed",
        "retried",
        "corrected",
        "incident-claimed",
        "incident-assigned",
        "done-by-hand",
        "cancelled",
        "error",
        "escalation",
        "fired",
        "signal",
        "signalled",
        "ended",
        "terminated",
    }
)


def people(rows: Iterable[HistoryRow]) -> dict[UUID, str]:
    """Names of those whom rows name besides who acted, in one query."""
    return org.staff_names(person for row in rows for person in _people(row.data))


def sentence(
    row: HistoryRow,
    *,
    say: Say = str,
    reasons: Say = str,
    posts: Say = str,
    names: dict[UUID, str],
    when: Callable[[datetime | None], str] | None = None,
    titled: bool = True,
) -> str:
    """A line of the history. Without `titled` the step's name is left out: it stands beside it."""
    title = say(row.title) if titled else ""
    phase = say(str(row.data.get("title", "")))  # what belongs to no step of its own names itself
    text = _verb(row, title, phase, reasons, posts, names, when or _plain).strip(" :：，,")
    if not titled:
        text = text[:1].upper() + text[1:]
    if (principal := _uuid(row.data.get("for"))) in names:
        text = _("%(text)s（代 %(who)s）") % {"text": text, "who": names[principal]}
    reason = str(row.data.get("reason", ""))
    if reason and row.kind not in ("suspended", "error"):
        text = _("%(text)s：%(reason)s") % {"text": text, "reason": wording.read(reason)}
    return text


def _person(data: Any) -> UUID | None:
    return _uuid(data.get("to")) or _uuid(data.get("second"))


def _people(data: Any) -> list[UUID | None]:
    """Everybody a line names besides who acted."""
    stand_ins = [_uuid(step.get("of")) for step in data.get("why", ()) if isinstance(step, dict)]
    return [_person(data), _uuid(data.get("for")), *stand_ins]


def _uuid(value: Any) -> UUID | None:
    try:
        return UUID(str(value))
    except ValueError:
        return None


def proposal(data: Any, names: dict[UUID, str]) -> str:
    """Why the system proposed this person: each step of the rule in words."""
    words = []
    for step in data.get("why", ()):
        told = {"n": step.get("people", 0), "grid": step.get("grid", "")}
        match step.get("by"):
            case "grid" if step.get("passed"):
                words.append(_("网格没有在岗的责任人"))
            case "grid":
                words.append(_("网格 %(grid)s 的责任人 %(n)s 位") % told)
            case "roster" if step.get("passed"):
                words.append(_("此时没有人当班"))
            case "roster":
                words.append(_("当班 %(n)s 位") % told)
            case "deputy":
                away = _uuid(step.get("of"))
                words.append(_("代 %(who)s") % {"who": names.get(away, "") if away else ""})
            case "absent":
                words.append(_("缺勤 %(n)s 位") % told)
            case "four-eyes":
                words.append(_("除去办过另一环节的人"))
            case "least-loaded":
                words.append(_("在办最少（%(n)s 张）") % {"n": step.get("load", 0)})
            case "round-robin":
                words.append(_("轮到"))
            case "nobody":
                words.append(_("没有人在岗"))
    return _listed(words, "，")


def _verb(
    row: HistoryRow,
    title: str,
    phase: str,
    reasons: Say,
    posts: Say,
    names: dict[UUID, str],
    when: Callable[[datetime | None], str],
) -> str:
    other = _person(row.data)
    words = {"title": title, "who": names.get(other, "") if other else ""}
    match row.kind:
        case "started" if row.data.get("message"):
            return _("流程开始：消息 %(name)s") % {"name": row.data.get("name", "")}
        case "started" if row.data.get("signal"):
            return _("流程开始：信号 %(name)s") % {"name": row.data["signal"]}
        case "started" if row.data.get("timer"):
            due_at = _moment(str(row.data.get("due_at", "")), when)
            return _("流程开始：定时 %(at)s") % {"at": due_at}
        case "started":
            return _("流程开始")
        case "migrated":
            return _("迁移到流程的新版本")
        case "claimed":
            return _("%(title)s 接单") % words
        case "released":
            return _("%(title)s 放回待接单") % words
        case "dispatched":
            return _("%(title)s 派给 %(who)s") % words
        case "redispatched":
            return _("%(title)s 改派给 %(who)s") % words
        case "transferred":
            words["post"] = posts(str(row.data.get("post", "")))
            return _("%(title)s 转派给 %(post)s") % words
        case "returned":
            return _("%(title)s 退回") % words
        case "proposed" if other:
            words["why"] = proposal(row.data, names)
            return _("%(title)s 系统提议 %(who)s（%(why)s）") % words
        case "proposed":
            words["why"] = proposal(row.data, names)
            return _("%(title)s 系统没有提议（%(why)s）") % words
        case "compensated":
            return _("%(title)s 已撤销") % words
        case "helped":
            return _("%(title)s 请 %(who)s 协办") % words
        case "warned":
            return _("%(title)s 临期预警") % words
        case "escalated":
            words["post"] = posts(str(row.data.get("post", "")))
            return _("%(title)s 超时，报 %(post)s 督办") % words
        case "suspended":
            words["reason"] = reasons(str(row.data.get("reason", "")))
            words["until"] = _moment(str(row.data.get("until", "")), when)
            return _("%(title)s 挂起至 %(until)s：%(reason)s") % words
        case "resumed":
            return _("%(title)s 解挂") % words
        case "recounted":
            words["was"] = _moment(str(row.data.get("was", "")), when) or "—"
            words["due"] = _moment(str(row.data.get("due_at", "")), when) or "—"
            return _("%(title)s 时限重算，%(was)s 改为 %(due)s") % words
        case "suspension-corrected":
            return _("%(title)s 更正挂起记录") % words
        case "phase-recounted":
            words["title"] = phase
            words["was"] = _moment(str(row.data.get("was", "")), when) or "—"
            words["due"] = _moment(str(row.data.get("due_at", "")), when) or "—"
            return _("%(title)s 时限重算，%(was)s 改为 %(due)s") % words
        case "alarmed" | "phase-alarmed":
            words["title"] = title or phase
            words["posts"] = _listed(posts(str(key)) for key in row.data.get("tell", ()))
            if row.data.get("late"):
                return _("%(title)s 超时督办，报 %(posts)s") % words
            return _("%(title)s 预警，告知 %(posts)s") % words
        case "agreed":
            return _("%(title)s 改约") % words
        case "urged":
            return _("%(title)s 催办") % words
        case "feedback":
            return _("%(title)s 阶段反馈") % words
        case "completed":
            return _("%(title)s 办结") % words
        case "left":
            return _("%(title)s 完成") % words
        case "retried":
            return _("%(title)s 重试") % words
        case "corrected":
            return _("%(title)s 改正后重试") % words
        case "incident-claimed":
            return _("%(title)s 认领异常单") % words
        case "incident-released":
            return _("%(title)s 放回异常单") % words
        case "incident-assigned":
            return _("%(title)s 异常单交给 %(who)s") % words
        case "done-by-hand":
            return _("%(title)s 已人工处理，%(who)s 核对") % words
        case "incident":
            return _("%(title)s 卡单") % words
        case "cancelled":
            return _("流程撤销")
        case "error":
            code = wording.read(str(row.data.get("message") or row.data.get("code") or ""))
            return _("%(title)s 没有通过：%(code)s") % {**words, "code": code}
        case "signal":
            return _("%(title)s 收到信号 %(name)s") % {**words, "name": row.data.get("name", "")}
        case "signalled":
            return _("%(title)s 发出信号 %(name)s") % {**words, "name": row.data.get("name", "")}
        case "escalation":
            return _("%(title)s 上报 %(code)s") % {**words, "code": row.data.get("code", "")}
        case "fired":
            return _("%(title)s，往下走") % words
        case "terminated":
            return _("流程终止")
    return _("流程结束")


def _listed(words: Iterable[str], chinese: str = "、") -> str:
    return (chinese if (get_language() or "zh").startswith("zh") else ", ").join(words)


def _moment(text: str, when: Callable[[datetime | None], str]) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return when(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _plain(moment: datetime | None) -> str:
    return f"{timezone.localtime(moment):%m-%d %H:%M}" if moment else ""

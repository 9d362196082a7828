"""An instance's history replayed (令牌回放): each line of it, and where tokens stand after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core.errors import NotFound
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.process import replay, telling
from kaitong.process.model import NodeKind
from kaitong.process.standing import family
from kaitong.web import format as fmt
from kaitong.web.pages.names import post_names
from kaitong.web.pages.reading import Reading

MOST = 5000  # lines of one instance
_TONES = {
    "completed": "ok",
    "ended": "ok",
    "done-by-hand": "ok",
    "incident": "late",
    "error": "late",
    "interrupted": "soon",
    "returned": "soon",
    "cancelled": "late",
    "terminated": "late",
    "suspended": "wait",
}


@dataclass(frozen=True, slots=True)
class Line:
    index: int
    seq: int
    at: datetime
    text: str
    who: str
    tone: str
    moves: bool  # only a token moved: quieter than what somebody did
    child: UUID | None  # the process that was called with this line


@dataclass(frozen=True, slots=True)
class Run:
    """One instance of the order that can be replayed."""

    id: UUID
    title: str
    level: int
    current: bool


@dataclass(frozen=True, slots=True)
class ReplayPage:
    order_id: UUID
    number: str
    title: str
    definition_id: UUID
    version: str
    runs: tuple[Run, ...]
    lines: tuple[Line, ...]
    start: int  # the line to begin with
    cut: bool
    began: datetime | None
    ended: datetime | None
    frames: list[dict[str, Any]]


def replay_page(actor: Actor, order_id: UUID, query: QueryDict) -> ReplayPage:
    reading = Reading(actor, order_id)
    members = family(reading.instances)
    if not members:
        raise NotFound(_("这张订单没有流程。"), _("被拒绝的订单没有开始流程。"))
    order = {one: at for at, one in enumerate(reading.instances)}
    members.sort(key=lambda m: (order.get(m.root, 0), m.depth, m.id))
    asked = next((m for m in members if str(m.id) == query.get("instance", "")), members[0])
    say = reading.facts.say
    rows = process.history(asked.id, limit=MOST + 1)
    frames = replay.frames(rows[:MOST])
    names, posts = telling.people(rows), post_names()
    called = {m.node: m.id for m in members if m.parent_id == asked.id}
    shown = tuple(
        Line(
            index=at,
            seq=frame.row.seq,
            at=frame.row.at,
            text=_told(frame.row, say, names, lambda key: posts.get(key, key)),
            who=frame.row.actor_name if frame.row.kind not in _MOVES else "",
            tone=_TONES.get(frame.row.kind, ""),
            moves=frame.row.kind in _MOVES,
            child=called.get(frame.row.node) if frame.row.kind == "entered" else None,
        )
        for at, frame in enumerate(frames)
    )
    start = _start(query.get("at", ""), shown)
    return ReplayPage(
        order_id=order_id,
        number=reading.facts.number,
        title=say(asked.model.name),
        definition_id=asked.definition_id,
        version=asked.model.hash[:8],
        runs=tuple(Run(m.id, say(m.model.name), m.depth, m.id == asked.id) for m in members),
        lines=shown,
        start=start,
        cut=len(rows) > MOST,
        began=rows[0].at if rows else None,
        ended=rows[-1].at if rows else None,
        frames=[
            {
                "seq": frame.row.seq,
                "at": f"{timezone.localtime(frame.row.at):%Y-%m-%d %H:%M:%S}",
                "text": line.text,
                "who": line.who,
                "node": frame.row.node,
                "tokens": list(frame.tokens),
                "flow": frame.flow,
                "done": frame.done,
                "gone": frame.gone,
                "failed": frame.row.node if frame.row.kind == "incident" else "",
            }
            for frame, line in zip(frames, shown, strict=True)
        ],
    )


# ---- inside --------------------------------------------------------------------------------------

_MOVES = frozenset(
    {"entered", "left", "joined", "interrupted", "timer", "message", "child", "command"}
)


def _unnamed(row: process.HistoryRow) -> str:
    """A gateway has no name of its own."""
    match row.node_kind:
        case NodeKind.PARALLEL | NodeKind.INCLUSIVE:
            return _("分支或汇合")
        case NodeKind.EXCLUSIVE:
            return _("判断")
    return row.node


def _start(text: str, lines: tuple[Line, ...]) -> int:
    """The line `?at=` names; nonsense is the last: where the instance stands, or ended."""
    if text.isascii() and text.isdecimal() and len(text) < 12:
        return next((line.index for line in lines if line.seq >= int(text)), len(lines) - 1)
    return max(0, len(lines) - 1)


def _told(
    row: process.HistoryRow,
    say: Callable[[str], str],
    names: dict[UUID, str],
    posts: Callable[[str], str],
) -> str:
    title = say(row.title) or _unnamed(row)
    words = {"title": title}
    match row.kind:
        case "entered":
            return _("到 %(title)s") % words
        case "left":
            return _("%(title)s 完成") % words
        case "joined":
            return _("%(title)s 汇合") % words
        case "interrupted":
            return _("%(title)s 被打断") % words
        case "incident":
            return _("%(title)s 卡单") % words
        case "timer":
            return _("%(title)s 到时") % words
        case "message" | "signalled" | "signal":
            return _("%(title)s 收到消息") % words
        case "child":
            return _("%(title)s 调用的流程结束") % words
        case "command":
            failed = row.data.get("outcome") == "failed"
            return (_("%(title)s 没有做成") if failed else _("%(title)s 做成")) % words
        case "fired" if not row.title:
            return _("%(title)s 触发") % words
        case kind if kind in telling.TOLD or kind in ("incident-released", "compensated"):
            return telling.sentence(row, say=say, posts=posts, names=names, when=fmt.when)
    return f"{title} {row.kind}".strip()

"""The question before work is returned (退回): what is undone, what stands, who has it next."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core import wording
from kaitong.messaging import queries as messaging
from kaitong.messaging.choices import NoticeState, To
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.process.model import WaitKind
from kaitong.process.queries import ReturnPlan
from kaitong.web import format as fmt
from kaitong.web.pages.facts import facts_of
from kaitong.web.pages.names import post_names


@dataclass(frozen=True, slots=True)
class Effect:
    """One thing that will happen: a number, and what it counts."""

    number: str
    text: str


@dataclass(frozen=True, slots=True)
class ReturnPage:
    item_id: UUID
    title: str
    refusal: str
    target: str
    targets: tuple[tuple[str, str], ...]
    effects: tuple[Effect, ...]
    told: tuple[str, ...]
    hand: str
    plan: str  # fingerprint of what is shown
    reason: str = ""
    fault: str = ""
    error: str = ""  # at the reason


def page(
    actor: Actor,
    item_id: UUID,
    *,
    node: str = "",
    reason: str = "",
    fault: str = "",
    error: str = "",
    refusal: str = "",
) -> ReturnPage:
    """`refusal`: why it cannot be returned at all; then nothing else is shown."""
    if refusal:
        return ReturnPage(item_id, "", refusal, "", (), (), (), "", "")
    plan = process.return_plan(actor, item_id, node)
    order_id = plan.business_id
    facts = facts_of(actor, [order_id]).get(order_id) if order_id else None
    say: Callable[[str], str] = facts.say if facts else str
    return ReturnPage(
        item_id=item_id,
        title=say(plan.title),
        refusal="",
        target=plan.target,
        targets=tuple((node, say(title)) for node, title in plan.targets),
        effects=tuple(effects(plan, say)),
        told=tuple(told(actor, plan)),
        hand=hand(plan),
        plan=plan.fingerprint,
        reason=reason,
        fault=fault,
        error=error,
    )


def hand(plan: ReturnPlan) -> str:
    """Whose hands it goes to."""
    post = post_names().get(plan.post, plan.post)
    if plan.person_name:
        return _("%(post)s，上次办理的%(who)s") % {"post": post, "who": plan.person_name}
    return post


def effects(plan: ReturnPlan, say: Callable[[str], str]) -> Iterable[Effect]:
    """What is done again, what ends, what stays, what is undone: each with its number."""
    people = [line for line in plan.again if not line.machine]
    machines = [line for line in plan.again if line.machine]
    posts = post_names()

    def listed(words: Iterable[str]) -> str:
        return fmt.mark("、").join(words)

    def person(title: str, who: str) -> str:
        named = {"work": say(title), "who": who}
        return _("%(work)s（%(who)s）") % named if who else say(title)

    def waits(lines: Iterable[process.ReturnOpen]) -> list[str]:
        return [person(w.title, w.person_name or posts.get(w.post, w.post)) for w in lines]

    if people:
        text = listed(person(line.title, line.person_name) for line in people)
        yield Effect(_("%(n)s 步") % {"n": len(people)}, _("由人重办：%(list)s") % {"list": text})
    undone = {line.node for line in plan.effects if line.undone_by}
    if undone:
        text = listed(say(line.title) for line in plan.effects if line.undone_by)
        yield Effect(
            _("%(n)s 步") % {"n": len(undone)}, _("先撤销再重做：%(list)s") % {"list": text}
        )
    already = {line.node for line in plan.effects if line.already}
    if already:
        text = listed(say(line.title) for line in plan.effects if line.already)
        yield Effect(
            _("%(n)s 步") % {"n": len(already)},
            _("先前已撤销，到时重做：%(list)s") % {"list": text},
        )
    stands = [line for line in machines if line.node not in undone | already]
    if stands:
        text = listed(say(line.title) for line in stands)
        yield Effect(
            _("%(n)s 步") % {"n": len(stands)},
            _("已做的保留，到时由系统再做一遍：%(list)s") % {"list": text},
        )
    work = [line for line in plan.ends if line.kind == WaitKind.WORK]
    if work:
        text = _("并行的在办工单取消：%(list)s") % {"list": listed(waits(work))}
        yield Effect(_("%(n)s 张") % {"n": len(work)}, text)
    other = [line for line in plan.ends if line.kind not in (WaitKind.WORK, WaitKind.JOIN)]
    if other:
        text = listed(say(line.title) for line in other)
        yield Effect(
            _("%(n)s 项") % {"n": len(other)}, _("系统正在做的停下：%(list)s") % {"list": text}
        )
    if plan.undoing:
        text = listed(say(title) for title in plan.undoing)
        yield Effect(
            _("%(n)s 项") % {"n": len(plan.undoing)},
            _("还没撤销完的停下，留待以后撤销：%(list)s") % {"list": text},
        )
    stays = [line for line in plan.stays if line.kind != WaitKind.JOIN]
    if stays:
        text = _("并行的不受影响：%(list)s") % {"list": listed(waits(stays))}
        yield Effect(_("%(n)s 项") % {"n": len(stays)}, text)


def told(actor: Actor, plan: ReturnPlan) -> list[str]:
    """What the customer has been told since the step was reached: it may no longer be true."""
    if plan.business_id is None:
        return []
    english = wording.english()
    found = []
    for row in messaging.of_order(actor, plan.business_id):
        sent = row.state == NoticeState.SENT
        if row.to != To.CUSTOMER or row.state in (NoticeState.FAILED, NoticeState.SKIPPED):
            continue
        if plan.since is not None and row.created_at < plan.since:
            continue
        title = row.title_en if english and row.title_en else row.title
        words = {"title": title, "at": fmt.short(row.sent_at or row.created_at)}
        found.append(
            _("%(title)s（%(at)s 已发）") % words if sent else _("%(title)s（待发）") % words
        )
    return list(dict.fromkeys(found))

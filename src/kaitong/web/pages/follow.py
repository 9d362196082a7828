"""What will follow (办结后): read from the process model, said in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from django.utils.translation import gettext as _

from kaitong.process.model import ENDS, QUIET_ENDS, Model, Node, NodeKind
from kaitong.web import format as fmt

_MACHINES = (NodeKind.SERVICE, NodeKind.RULE, NodeKind.SCRIPT, NodeKind.SEND)
_CHOICES = (NodeKind.EXCLUSIVE, NodeKind.INCLUSIVE)
_JOINS = (NodeKind.PARALLEL, NodeKind.INCLUSIVE)
_TASKS = (NodeKind.USER, NodeKind.MANUAL, NodeKind.RECEIVE, *_MACHINES)
_MOST = 4
# Answers that say nothing without their question.
_BARE = frozenset({"是", "不是", "否", "有", "没有", "能", "不能", "要", "不要", "Yes", "No"})


def after(
    model: Model, node_id: str, *, say: Callable[[str], str], posts: Mapping[str, str]
) -> str:
    """The next tasks in words; a choice names its branches."""
    found: list[str] = []
    _walk(model, model.nodes[node_id], "", say, posts, found, {node_id})
    return fmt.mark("；").join(dict.fromkeys(found[:_MOST]))


def _walk(
    model: Model,
    node: Node,
    branch: str,
    say: Callable[[str], str],
    posts: Mapping[str, str],
    found: list[str],
    seen: set[str],
) -> None:
    for flow in node.outgoing:
        target = _inside(model, model.nodes[flow.target])
        named = _answer(node, flow.name, say) if flow.name and node.kind in _CHOICES else branch
        if target.id in seen and target.kind not in _TASKS:
            continue
        seen.add(target.id)
        if target.kind in QUIET_ENDS and target.parent:
            _walk(model, model.nodes[target.parent], named, say, posts, found, seen)
        elif target.kind in _TASKS or target.kind in ENDS:
            found.append(_phrase(target, named, say, posts))
        elif target.kind in _JOINS and target.incoming > 1 and len(target.outgoing) == 1:
            rest: list[str] = []
            _walk(model, target, named, say, posts, rest, seen)
            waits = (
                _("等并行环节都完成，再%(next)s") % {"next": fmt.mark("；").join(rest)}
                if rest
                else ""
            )
            found.extend([waits] if waits else [])
        else:
            _walk(model, target, named, say, posts, found, seen)


def _answer(choice: Node, answer: str, say: Callable[[str], str]) -> str:
    """What a branch is taken for: a bare yes or no says nothing without what was asked."""
    asked = choice.name.strip()
    if answer.strip() not in _BARE or not asked:
        return say(answer)
    words = {"question": say(asked).rstrip("？? "), "answer": say(answer)}
    return _("%(question)s？%(answer)s") % words


def _inside(model: Model, node: Node) -> Node:
    """What a sub-process begins with."""
    while node.kind is NodeKind.SUB:
        node = model.nodes[node.begin]
    return node


def _phrase(target: Node, branch: str, say: Callable[[str], str], posts: Mapping[str, str]) -> str:
    if target.kind in ENDS:
        text = say(target.name) if target.name else _("流程结束")
    elif target.kind in _MACHINES:
        text = _("%(title)s（自动）") % {"title": say(target.name)}
    else:
        post = posts.get(target.lane, target.lane)
        text = _("%(title)s（%(post)s）") % {"title": say(target.name), "post": post}
    return _("%(branch)s：%(text)s") % {"branch": branch, "text": text} if branch else text

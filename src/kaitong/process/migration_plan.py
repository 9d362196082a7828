"""What it would mean to carry a running instance over to another version of its process. Pure.

A token keeps its identity; only the node it stands at may have another name there. So whatever
watches it (work item with its claim and clock, timer, subscription, command, called process,
incident) goes on as it is. What a token waits for must mean the same in both versions: a kind of
node does not change, nor the action of a command, the name of a message, the process called.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kaitong.process.model import Model, Node, NodeKind, Token, WaitKind

Names = Mapping[str, str]  # nodes (and flows) of the old version by their names in the new one
_ALIKE = frozenset({NodeKind.USER, NodeKind.MANUAL})  # work items both: a form may come or go

_HEARING = frozenset({WaitKind.MESSAGE, WaitKind.SIGNAL, WaitKind.CONDITION, WaitKind.LISTEN})


@dataclass(frozen=True, slots=True)
class Move:
    """One token: from where to where, and which of its boundary events stay, end, begin."""

    token: Token
    node: str
    arrived_by: str
    kept: tuple[tuple[str, str], ...] = ()  # boundary events or events awaited: old name, new name
    ended: tuple[str, ...] = ()  # boundary events the new version has not, by their old names
    begun: tuple[str, ...] = ()  # boundary events the old version had not


@dataclass(frozen=True, slots=True)
class MigrationFault:
    """Why an instance cannot be carried over: at which node, what, and what would help."""

    node: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.node}: {self.what} {self.remedy}"


@dataclass(slots=True)
class MigrationPlan:
    """`moves` for every token, or `faults`. `notes` tell what else changes."""

    moves: list[Move] = field(default_factory=list)
    faults: list[MigrationFault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    scopes: dict[str, str] = field(default_factory=dict)  # nodes of open scopes that change names


def plan(
    old: Model, new: Model, tokens: Iterable[Token], scopes: Iterable[str], names: Names
) -> MigrationPlan:
    """What becomes of tokens at rest; `scopes` are the nodes that open scopes speak of."""
    made = MigrationPlan()
    for token in tokens:
        _move(made, old, new, token, names)
    _joins(made, old, new)
    scopes = set(scopes)
    for container in sorted({"", *scopes}):
        name = old.nodes[container].name or container if container else old.name
        made.notes += [
            f"{name}：从现在起监视 {e}。" for e in new_events(old, new, container, names)
        ]
    for node in sorted(scopes):
        to = names.get(node, node)
        target = new.nodes.get(to)
        if target is None:
            made.faults.append(_missing(old.nodes[node], to, node in names))
        elif target.kind is not old.nodes[node].kind or _parent(target) != names.get(
            _parent(old.nodes[node]), _parent(old.nodes[node])
        ):
            made.faults.append(_fault(old.nodes[node], "在新版本里不是同一层的同一种环节。"))
        elif _repeated_unlike(old.nodes[node], target):
            if all(fault.node != node for fault in made.faults):  # its token said so
                made.faults.append(
                    _fault(old.nodes[node], _repeated_unlike(old.nodes[node], target))
                )
        elif to != node:
            made.scopes[node] = to
    return made


def new_events(old: Model, new: Model, container: str, names: Names) -> list[str]:
    """The event sub-processes of the process itself ("") or of a sub-process, named as in the old
    version, that the old version had not."""
    there = new.nodes.get(names.get(container, container))
    if container and there is None:
        return []
    events = new.events if there is None else there.events
    had = {names.get(id_, id_) for id_ in old.nodes}
    return [event for event in events if event not in had]


def to_undo(old: Model, new: Model, document: Any, names: Names) -> list[MigrationFault]:
    """What a compensation under way has still to undo must have a handler in the new version."""
    rows = (document or {}).get("scopes", {}).values()
    waiting = {_innermost(old, one) for row in rows for one in row.get("pending", ())}
    found = ((old.nodes[name], new.nodes.get(names.get(name, name))) for name in sorted(waiting))
    return [
        _fault(node, "还要撤销，而它在新版本里没有补偿环节。")
        for node, there in found
        if there is not None and not there.handler
    ]


def _innermost(old: Model, one: list[Any]) -> str:
    """The activity whose handler runs, in the sub-processes around it that have none."""
    while not old.nodes[one[0]].handler and one[2]:
        one = one[2][0]
    return str(one[0])


def unknown(names: Names, old: Model, new: Model) -> list[MigrationFault]:
    """Entries of a mapping that name what neither version has: most likely slips of the pen."""
    flows = {f.id for node in old.nodes.values() for f in node.outgoing}
    later = {f.id for node in new.nodes.values() for f in node.outgoing}
    faults = []
    for source, target in names.items():
        if source not in old.nodes and source not in flows:
            faults.append(MigrationFault(source, "旧版本里没有这个环节或流向。", "请核对对应表。"))
        if target not in new.nodes and target not in later:
            faults.append(MigrationFault(target, "新版本里没有这个环节或流向。", "请核对对应表。"))
    return faults


def _move(made: MigrationPlan, old: Model, new: Model, token: Token, names: Names) -> None:
    node = old.nodes[token.node]
    to = names.get(token.node, token.node)
    target = new.nodes.get(to)
    if target is None:
        made.faults.append(_missing(node, to, token.node in names))
        return
    problem = _unlike(token, node, target, names, old, new)
    if problem:
        made.faults.append(_fault(node, problem))
        return
    arrived = token.arrived_by
    if token.wait is WaitKind.JOIN:
        found = _arrival(token, target, old, new, names)
        if found is None:
            made.faults.append(_fault(node, "汇合处对不上这个令牌来时的流向。"))
            return
        arrived = found
    kept, ended, begun = _boundaries(node, target, old, new, names)
    if token.wait is WaitKind.EVENT:
        events = {f.target: names.get(f.target, f.target) for f in node.outgoing}
        kept += tuple(events.items())
    made.moves.append(Move(token, to, arrived, tuple(kept), tuple(ended), tuple(begun)))
    _note(made, node, target, ended, begun)


def _unlike(token: Token, node: Node, target: Node, names: Names, old: Model, new: Model) -> str:
    """Why the wait of a token would mean something else at the new node; "" if it would not."""
    if node.kind is not target.kind and not {node.kind, target.kind} <= _ALIKE:
        return f"在新版本里是另一种环节（{node.kind} 变为 {target.kind}）。"
    if _repeated_unlike(node, target):
        return _repeated_unlike(node, target)
    if _parent(target) != names.get(_parent(node), _parent(node)):
        return "在新版本里属于另一个子流程。"
    if token.wait in (WaitKind.COMMAND, WaitKind.INCIDENT) and node.kind is NodeKind.SERVICE:
        if node.action != target.action:
            return f"正在办的动作不同（{node.action} 变为 {target.action}）。"
        if node.id != target.id:
            return "有动作在办，幂等键里有环节名，不能改名。"
    if token.wait in _HEARING and _heard(node) != _heard(target):
        return f"等待的不同（{_heard(node)} 变为 {_heard(target)}）。"
    if token.wait is WaitKind.CHILD and node.called != target.called:
        return f"调用的流程不同（{node.called} 变为 {target.called}）。"
    if token.wait is WaitKind.EVENT:
        mine = {names.get(f.target, f.target): old.nodes[f.target] for f in node.outgoing}
        theirs = {f.target: new.nodes[f.target] for f in target.outgoing}
        if mine.keys() != theirs.keys():
            return "等待的事件不同。"
        for name, event in mine.items():
            if event.kind is not theirs[name].kind or _heard(event) != _heard(theirs[name]):
                return f"等待的事件 {name} 不同。"
    return ""


def _repeated_unlike(node: Node, target: Node) -> str:
    """Why a repeated activity under way cannot go on as the new version repeats it."""
    mine, theirs = node.repeat, target.repeat
    if mine is None or theirs is None:
        if mine is theirs:
            return ""
        return "在新版本里不再重复。" if theirs is None else "在新版本里要重复多次。"
    if mine.many is not theirs.many:
        if mine.many:
            return "由多实例改成了循环，办到一半接不上。"
        return "由循环改成了多实例，办到一半接不上。"
    if mine.item != theirs.item:
        return f"多实例的取值变量由 {_or_none(mine.item)} 改为 {_or_none(theirs.item)}，接不上。"
    if mine.result != theirs.result:
        return (
            f"多实例的结果变量由 {_or_none(mine.result)} 改为 {_or_none(theirs.result)}，接不上。"
        )
    return ""


def _or_none(name: str) -> str:
    return name or "（无）"


def _joins(made: MigrationPlan, old: Model, new: Model) -> None:
    """Joins at which branches wait: whether they are complete by the new version's flows."""
    waiting: dict[tuple[str, str], list[Move]] = {}
    for move in made.moves:
        if move.token.wait is WaitKind.JOIN and new.nodes[move.node].kind is NodeKind.PARALLEL:
            waiting.setdefault((move.token.scope, move.node), []).append(move)
    for (_scope, at), moves in waiting.items():
        join, was = new.nodes[at], old.nodes[moves[0].token.node]
        came = {move.arrived_by for move in moves}
        if len(came) < len({move.token.arrived_by for move in moves}):
            made.faults.append(_fault(was, "等着的几个分支在新版本里从同一个流向来。"))
        elif len(came) >= join.incoming:
            made.notes.append(f"{was.name or was.id}：要等的分支已经齐了，迁移后接着往下走。")
        elif join.incoming != was.incoming:
            made.notes.append(
                f"{was.name or was.id}：由等 {was.incoming} 个分支改为等 {join.incoming} 个，"
                f"还差 {join.incoming - len(came)} 个。"
            )


def _arrival(token: Token, join: Node, old: Model, new: Model, names: Names) -> str | None:
    """The flow of the new version by which a parked token came to its join."""
    incoming = [
        (source.id, flow.id)
        for source in new.nodes.values()
        for flow in source.outgoing
        if flow.target == join.id
    ]
    wanted = names.get(token.arrived_by, token.arrived_by)
    if any(flow == wanted for _source, flow in incoming):
        return wanted
    source = next(
        (n.id for n in old.nodes.values() for f in n.outgoing if f.id == token.arrived_by), ""
    )
    same = [flow for came, flow in incoming if came == names.get(source, source)]
    return same[0] if len(same) == 1 else None


def _boundaries(
    node: Node, target: Node, old: Model, new: Model, names: Names
) -> tuple[tuple[tuple[str, str], ...], list[str], list[str]]:
    kept: list[tuple[str, str]] = []
    ended: list[str] = []
    taken = set()
    for id_ in node.boundaries:
        event, to = old.nodes[id_], names.get(id_, id_)
        there = new.nodes.get(to)
        if to in target.boundaries and there is not None and _same_watch(event, there):
            kept.append((id_, to))
            taken.add(to)
        else:
            ended.append(id_)
    begun = [id_ for id_ in target.boundaries if id_ not in taken]
    return tuple(kept), ended, begun


def _same_watch(event: Node, there: Node) -> bool:
    return event.kind is there.kind and _heard(event) == _heard(there)


def _heard(node: Node) -> str:
    """What an event listens to: a message, a signal, or the text of a condition."""
    return node.message or node.signal or (node.condition.text if node.condition else "")


def _note(
    made: MigrationPlan, node: Node, target: Node, ended: list[str], begun: list[str]
) -> None:
    name = node.name or node.id
    if node.id != target.id or node.name != target.name:
        made.notes.append(f"{name}（{node.id}）→ {target.name or target.id}（{target.id}）")
    if node.lane != target.lane:
        made.notes.append(f"{name}：岗位由 {node.lane} 改为 {target.lane}，已接单的放回待接单。")
    if node.form != target.form:
        made.notes.append(f"{name}：表单由 {node.form or '无'} 改为 {target.form or '无'}。")
    if node.extension.get("budget", "") != target.extension.get("budget", ""):
        made.notes.append(f"{name}：时限参数已改，这一环节仍按原来的时限。")
    was, phase = node.extension.get("phase", ""), target.extension.get("phase", "")
    if was != phase:
        made.notes.append(
            f"{name}：阶段由 {_or_none(was)} 改为 {_or_none(phase)}，阶段时限从首次到达起重算。"
        )
    made.notes += [f"{name}：不再监视 {event}。" for event in ended]
    made.notes += [f"{name}：从现在起监视 {event}。" for event in begun]


def _missing(node: Node, to: str, mapped: bool) -> MigrationFault:
    what = f"新版本里没有环节 {to}。"
    remedy = "请改对应表。" if mapped else f"请用 --map {node.id}=新环节 说明它对应哪个环节。"
    return MigrationFault(node.id, what, remedy)


def _fault(node: Node, what: str) -> MigrationFault:
    return MigrationFault(node.id, what, "让这个实例在旧版本上办完，或先办结这一环节再迁移。")


def _parent(node: Node) -> str:
    return node.parent


def renamed(document: Any, names: Names) -> Any:
    """The stored scopes of an instance with the nodes they speak of renamed."""
    if not document:
        return document
    scopes = {id_: _scope(row, names) for id_, row in document["scopes"].items()}
    return {**document, "scopes": scopes}


def _scope(row: Mapping[str, Any], names: Names) -> dict[str, Any]:
    made = {**row, "node": names.get(row["node"], row["node"])}
    for part in ("done", "pending"):
        if part in row:
            made[part] = [_done(one, names) for one in row[part]]
    return made


def _done(one: list[Any], names: Names) -> list[Any]:
    node, variables, inner, *more = one
    return [names.get(node, node), variables, [_done(other, names) for other in inner], *more]


def spoken_of(document: Any) -> set[str]:
    """The nodes that the stored scopes of an instance speak of."""
    found: set[str] = set()

    def walk(one: list[Any]) -> None:
        found.add(one[0])
        for inner in one[2]:
            walk(inner)

    for row in (document or {}).get("scopes", {}).values():
        if row["node"]:
            found.add(row["node"])
        for one in (*row.get("done", ()), *row.get("pending", ())):
            walk(one)
    return found

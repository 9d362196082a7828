"""Questions about the shape of a process: what can be reached, what lies on the way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from kaitong.process.model import ENDS, QUIET_ENDS, SUB_PROCESSES, Flow, Model, Node, NodeKind


def successors(model: Model, node: Node, *, boundaries: bool) -> list[str]:
    """The nodes one flow further; with `boundaries` also what events may lead to.

    A sub-process leads to its start event, and its ends lead out of it: its own flows are theirs.
    Inside it, boundary events of the sub-process and its event sub-processes may come.
    """
    outside = model.nodes.get(node.parent)
    if node.kind in SUB_PROCESSES and node.begin:
        found = [node.begin]
    elif node.kind in ENDS and outside is not None:
        found = _after(model, outside)
    else:
        found = [flow.target for flow in node.outgoing]
    if not boundaries:
        return found
    found += node.boundaries
    if node.handler:
        found.append(node.handler)
    if node.kind is NodeKind.SUB:
        found += node.events
    if outside is not None and outside.kind is NodeKind.SUB:
        found += [*outside.boundaries, *outside.events]
    elif outside is None:
        found += model.events
    return found


def _after(model: Model, node: Node) -> list[str]:
    """What follows when a sub-process ends; an event sub-process ends what it lies in."""
    outside = model.nodes.get(node.parent)
    if node.kind is not NodeKind.EVENT_SUB or outside is None:
        return [flow.target for flow in node.outgoing]
    return _after(model, outside)


def around(model: Model, node_id: str) -> list[str]:
    """The sub-processes a node lies in, from the inside out."""
    found = []
    parent = model.nodes[node_id].parent
    while parent:
        found.append(parent)
        parent = model.nodes[parent].parent
    return found


def can_return(model: Model, target: str, current: str) -> bool:
    """Whether work may go back (退回) from a node to an earlier one.

    Never into one instance of a repeated activity from outside it, nor into the handling of an
    event that is over: which of them it was, nobody could say.
    """
    inside = {*around(model, current), current}
    if any(model.nodes[id_].undo for id_ in inside):
        return False  # what is being undone is not done again
    closed = [model.nodes[id_] for id_ in around(model, target) if id_ not in inside]
    if any(node.repeat is not None or node.kind is NodeKind.EVENT_SUB for node in closed):
        return False
    return target != current and is_upstream(model, target, current)


def reach(
    model: Model,
    starts: Iterable[str],
    *,
    avoid: Collection[str] = (),
    boundaries: bool = True,
) -> set[str]:
    """The nodes reachable from `starts` (they included) without entering a node of `avoid`."""
    waiting = [start for start in starts if start not in avoid]
    seen = set(waiting)
    while waiting:
        node = model.nodes[waiting.pop()]
        for target in successors(model, node, boundaries=boundaries):
            if target not in seen and target not in avoid and target in model.nodes:
                seen.add(target)
                waiting.append(target)
    return seen


def unavoidable_joins(model: Model, node_id: str) -> set[str]:
    """The joins every way from the node to an end leads through, aborting ends not counted.

    A join is its own: a token parked there has not passed it yet.
    """
    ends = {n.id for n in model.nodes.values() if n.kind in QUIET_ENDS and _last(model, n)}
    return {
        join.id
        for join in model.nodes.values()
        if join.kind in (NodeKind.PARALLEL, NodeKind.INCLUSIVE)
        and join.incoming > 1
        and not ends & reach(model, [node_id], avoid={join.id}, boundaries=False)
    }


def _last(model: Model, end: Node) -> bool:
    """Whether the process itself may end with this end event."""
    outside = model.nodes.get(end.parent)
    return outside is None or not _after(model, outside)


def is_upstream(model: Model, earlier: str, later: str) -> bool:
    """Whether `later` follows `earlier` in one passage of its parallel block.

    A step of a sibling branch that leads here only through the join of both (and a loop back) is
    not upstream: going there would run that branch twice.
    """
    starts = successors(model, model.nodes[earlier], boundaries=True)
    return later in reach(model, starts, avoid=unavoidable_joins(model, later) - {later})


def siblings_region(model: Model, target: str, current: str) -> set[str]:
    """Where tokens may stand that sprang from the same passage of `target` as one at `current`.

    Taking a token back from `current` to `target` takes these siblings with it, else the parallel
    work would be done twice. The joins still before `current` limit the region.
    """
    starts = successors(model, model.nodes[target], boundaries=True)
    return reach(model, starts, avoid=unavoidable_joins(model, current) | {current, target})


def flows_already_in(model: Model, target: str, current: str) -> list[Flow]:
    """What a token going back from `current` into a branch of a completed parallel block needs.

    Each join that lies behind `current` and before `target` waits again, for the branch of
    `target` only: the flows of its other branches, whose work is done and stays done.
    """
    found: list[Flow] = []
    passed = unavoidable_joins(model, target) - unavoidable_joins(model, current)
    for join in sorted(passed):
        if model.nodes[join].kind is not NodeKind.PARALLEL:
            continue  # an inclusive join waits for what is under way only
        again = reach(model, [target], avoid={join}, boundaries=False)
        found += [
            flow
            for node in model.nodes.values()
            if node.id not in again
            for flow in node.outgoing
            if flow.target == join
        ]
    return found


def inclusive_paths(nodes: Mapping[str, Node]) -> dict[str, dict[str, frozenset[str]]]:
    """For each inclusive join and each of its incoming flows: the nodes a token of which can come
    by that flow without visiting the join first (BPMN 2.0.2, 13.4.3). Boundary events count as
    ways out of their hosts: a token at a task may yet leave by one.
    """
    backward: dict[str, list[str]] = {}
    for node in nodes.values():
        for flow in node.outgoing:
            backward.setdefault(flow.target, []).append(node.id)
        for boundary in node.boundaries:
            backward.setdefault(boundary, []).append(node.id)
    return {
        join.id: {
            flow.id: _behind(node.id, join.id, backward)
            for node in nodes.values()
            for flow in node.outgoing
            if flow.target == join.id
        }
        for join in nodes.values()
        if join.kind is NodeKind.INCLUSIVE and join.incoming > 1
    }


def _behind(source: str, join: str, backward: Mapping[str, list[str]]) -> frozenset[str]:
    """`source` and every node from which it can be reached without visiting the join."""
    seen = {source} - {join}
    waiting = list(seen)
    while waiting:
        for earlier in backward.get(waiting.pop(), ()):
            if earlier not in seen and earlier != join:
                seen.add(earlier)
                waiting.append(earlier)
    return frozenset(seen)

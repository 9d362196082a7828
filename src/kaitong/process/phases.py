"""阶段时限: a budget over several steps, beside the steps' own.

Tasks name their phase (`kaitong:phase`); the parameters' table `phases` says what it is:

    phases:
      site: {title: 现场阶段, budget: site_within, levels: site_levels}

A phase begins when a token first comes to one of its tasks, and lasts while one stands there; come
back to, it runs on from its first beginning. Its clock stands while work of its tasks is suspended
by a reason that stops the step's clock. Levels of warning are told as those of a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from kaitong.core.ids import uuid7
from kaitong.process import due, planned
from kaitong.process.model import Model, Token
from kaitong.process.store import Change, Loaded

TABLE = "phases"
_named: dict[str, dict[str, str]] = {}


def of_model(model: Model) -> dict[str, str]:
    """Phases by task; empty for most processes, at the cost of one look-up."""
    found = _named.get(model.hash)
    if found is None:
        nodes = model.nodes.values()
        found = {n.id: n.extension["phase"] for n in nodes if n.extension.get("phase")}
        _named[model.hash] = found
    return found


def entry(parameters: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """What the playbook's snapshot says of a phase."""
    table = parameters.get(TABLE)
    found = table.get(key) if isinstance(table, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def track(
    model: Model,
    loaded: Loaded,
    change: Change,
    before: Iterable[Token],
    after: Iterable[Token],
    now: datetime,
) -> None:
    """Begin the phases that tokens came to in this step, end those they left."""
    phases = of_model(model)
    if not phases:
        return
    stood = {phases[token.node] for token in before if token.node in phases}
    stands = {phases[token.node] for token in after if token.node in phases}
    for key in sorted(stands - stood):
        change.phases_begun.append(begun(loaded, key, now))
    change.phases_ended += [{"key": key, "at": now} for key in sorted(stood - stands)]


def begun(loaded: Loaded, key: str, now: datetime) -> dict[str, Any]:
    """A phase that begins now."""
    given = entry(loaded.parameters, key)
    found = due.due(
        str(given.get("budget", "")),
        parameters=loaded.parameters,
        branch_id=loaded.branch_id,
        department="",
        start=now,
    )
    timed = planned.plan_of(
        loaded.parameters.get(str(given.get("levels", ""))), basis=found.basis, due_at=found.at
    )
    return {
        "id": uuid7(),
        "created_at": now,
        "branch_id": loaded.branch_id,
        "business_id": loaded.business_id,
        "key": key,
        "title": str(given.get("title") or key),
        "due_at": found.at,
        "due_basis": found.basis,
        "provisional": found.provisional,
        "alarm_at": planned.following(timed, ()),
    }


def nodes_of(model: Model, key: str) -> list[str]:
    """The tasks of a phase."""
    return sorted(node for node, phase in of_model(model).items() if phase == key)

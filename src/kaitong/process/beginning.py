"""An instance begins: its first step, written by one insert."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from kaitong.core.clock import now as clock_now
from kaitong.process import model
from kaitong.process.choices import InstanceState
from kaitong.process.shell import Play
from kaitong.process.store import Loaded


def begin(
    *,
    instance_id: UUID,
    definition_id: UUID,
    business_id: UUID | None,
    branch_id: UUID,
    variables: Mapping[str, Any],
    parameters: Mapping[str, Any],
    actor_id: UUID | None,
    parent_id: UUID | None = None,
    catches: Iterable[str] = (),
    last: bool = False,
    node: str = "",
    why: Mapping[str, Any] | None = None,
) -> Play:
    """Begin an instance within the caller's transaction: it plays until everything waits.

    `last`: as in `Play.save`. `node` is the start event whose message, signal or timer came
    (`why`); "": the none start.
    """
    now = clock_now()
    loaded = Loaded(
        id=instance_id,
        definition_id=definition_id,
        branch_id=branch_id,
        business_id=business_id,
        state=InstanceState.RUNNING,
        variables={},
        parameters=dict(parameters),
        version=0,
        seq=0,
        open_waits=0,
        started_at=now,
        tokens=(),
        new=True,
        parent_id=parent_id,
        catches=frozenset(catches),
    )
    play = Play(loaded, actor_id=actor_id, now=now)
    play.note("started", data={"definition": definition_id, **(why or {})})
    play.advance(model.Started(now=now, variables=dict(variables), node=node))
    play.change.variables = dict(play.state.variables)
    play.save(last=last)
    return play

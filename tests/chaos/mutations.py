"""Faults put into the runtime on purpose: the chaos must find them, or it proves nothing.

Each replaces one piece in the workers by what a careless hand might have written.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from django.db import transaction

from kaitong.core import db
from kaitong.process import commands, model
from kaitong.process.shell import Play


def split() -> None:
    """The command is recorded as done in one transaction, the step it causes in another."""
    whole = commands._step

    def step(leased: commands.Leased, result: commands.Result, now: datetime) -> None:
        if not isinstance(result, dict):
            whole(leased, result, now)
            return
        db.execute(
            "update process_command set state = 'done', lease_until = null, ended_at = now()"
            " where id = %s and worker = %s and state = 'running'",
            [leased.id, leased.worker],
        )
        time.sleep(0.4)  # where a kill may fall, also where the machine is busy
        with transaction.atomic():
            play = Play.on_row("command", leased.id, actor_id=None)
            if play is None or not play.holds(leased.context.token_id):
                return
            node = leased.context.node
            facts = {"command": leased.id, "outcome": "done"}
            play.note("command", node, leased.context.token_id, facts)
            play.advance(model.Returned(now=now, token=leased.context.token_id, values=result))
            play.save()

    commands._step = step  # type: ignore[assignment]


def keys() -> None:
    """The idempotency key is another one at each attempt."""
    take = commands.lease

    def lease(limit: int = commands.CHUNK) -> list[commands.Leased]:
        return [
            replace(
                one,
                context=replace(one.context, key=f"{one.context.key}/{one.context.attempt}"),
            )
            for one in take(limit)
        ]

    commands.lease = lease


MUTATIONS: dict[str, Callable[[], None]] = {"split": split, "keys": keys}

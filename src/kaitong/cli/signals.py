"""`process signal` and `process starts`: what is said to processes, and what begins by itself."""

from __future__ import annotations

import argparse
import json
from typing import Any

from django.utils import timezone

from kaitong.core.errors import BadInput, InputFault
from kaitong.org import queries as org
from kaitong.process import queries as process
from kaitong.process import services as verbs


def process_signal(asked: argparse.Namespace) -> int:
    """Throw a signal in a branch and below it; the same identifier again throws nothing."""
    told: Any = {}
    if asked.data:
        try:
            told = json.loads(asked.data)
        except ValueError as error:
            raise BadInput([InputFault("--data", f"{error}.", "Write a JSON object.")]) from None
    if not isinstance(told, dict):
        raise BadInput([InputFault("--data", "This is no object.", "Write a JSON object.")])
    heard = verbs.signal(
        actor=org.actor_of(asked.user),
        name=asked.name,
        branch_id=org.branch_by_code(asked.branch).pk,
        sender_id=asked.id,
        told=told,
    )
    print("thrown" if heard else "thrown before: nothing happened")
    return 0


def process_starts(asked: argparse.Namespace) -> int:
    """The start events in force: what messages, signals and timers begin, where, and when next."""
    rows = process.starts()
    if asked.json:
        print(json.dumps([row.as_dict() for row in rows], ensure_ascii=False, indent=2))
        return 0
    for row in rows:
        when = f"{timezone.localtime(row.due_at):%Y-%m-%d %H:%M}" if row.due_at else row.name
        print(f"{row.kind}  {when}  {row.playbook}/{row.process}  {row.node}  {row.branch}")
    return 0

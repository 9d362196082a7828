"""`./run kaitong process ...`: files of processes, and the processes that run."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from uuid import UUID

from kaitong.core import wording
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, InputFault, NotFound
from kaitong.ordering import queries as orders
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.playbooks import carrying, handbook, manual
from kaitong.playbooks import services as playbooks
from kaitong.process import layout
from kaitong.process.bpmn_xml import MalformedXml
from kaitong.process.migrating import InstancePlan
from kaitong.process.migration_plan import MigrationFault


def process_layout(asked: argparse.Namespace) -> None:
    """Give a BPMN file without a diagram one, lanes and all; one that has a diagram stays."""
    path = Path(asked.file)
    try:
        data = path.read_bytes()
    except OSError as error:
        fault = InputFault(str(path), f"{error.strerror}.", "Name a BPMN file.")
        raise BadInput([fault]) from None
    try:
        done = layout.complete(data)
    except MalformedXml as error:
        raise BadInput([InputFault(f"{path}:{error.line}", error.what, error.remedy)]) from None
    if asked.output:
        Path(asked.output).write_bytes(done)
        print(asked.output)
    else:
        sys.stdout.buffer.write(done)


def process_handbook(asked: argparse.Namespace) -> None:
    """流程说明书 of a process of a playbook's folder, as PDF."""
    book = playbooks.check(playbooks.find(asked.playbook))
    known = [*book.processes, *book.called]
    key = asked.process or (known[0] if len(known) == 1 else "")
    if not key:
        fault = InputFault("process", "There are several.", f"Name one: {', '.join(known)}.")
        raise BadInput([fault])
    if key not in known:
        raise NotFound(f"{book.key} has no process {key}.", f"Known are: {', '.join(known)}.")
    made = handbook.pdf(handbook.of_playbook(book, key), now=now())
    Path(asked.output).write_bytes(made)
    print(asked.output)


def playbook_manual(asked: argparse.Namespace) -> None:
    """营业员手册 of a playbook's folder, as Markdown; pictures of a folder beside it are shown."""
    book = playbooks.check(playbooks.find(asked.playbook), sheets=False)
    out = Path(asked.output)
    folder = out.with_name(out.name.partition(".")[0])

    def picture(key: str) -> str:
        return f"{folder.name}/{key}.png" if (folder / f"{key}.png").is_file() else ""

    out.write_text(manual.manual(book, picture), encoding="utf-8")
    print(asked.output)


def process_migrate(asked: argparse.Namespace) -> int:
    """Say for each running instance what carrying it over would do; with --apply, do it."""
    actor = org.actor_of(asked.user)
    names = _names(asked.map)
    wanted = [orders.order_by_text(actor, text).id for text in asked.order]
    if asked.apply:
        return _carry(actor, asked, names, wanted)
    possible = Counter[bool]()
    for plan in carrying.plans(
        actor, asked.playbook, process=asked.process, names=names, orders=wanted
    ):
        possible[plan.possible] += 1
        if asked.json:
            print(json.dumps(_told(plan), ensure_ascii=False))
            continue
        mark = "✓" if plan.possible else "✗"
        at = ", ".join(sorted({move.node for move in plan.plan.moves}))
        print(f"{mark} {plan.instance_id}  {plan.title} {plan.version[:8]}  {at}")
        for line in [*map(_read, plan.plan.faults), *map(wording.read, plan.plan.notes)]:
            print(f"    {line}")
    if not asked.json:
        print(
            f"{possible[True]} can be carried over, {possible[False]} cannot; nothing was changed."
            + (" Add --apply --reason TEXT to do it." if possible[True] else "")
        )
    return 1 if possible[False] else 0


def _carry(
    actor: Actor, asked: argparse.Namespace, names: dict[str, str], wanted: list[UUID]
) -> int:
    done = Counter[bool]()
    for outcome in carrying.carry_all(
        actor=actor,
        playbook=asked.playbook,
        process=asked.process,
        names=names,
        orders=wanted,
        reason=asked.reason,
    ):
        done[not outcome.refused] += 1
        if asked.json:
            fact = {"instance": str(outcome.instance_id), "refused": outcome.refused}
            print(json.dumps(fact, ensure_ascii=False))
        else:
            mark = "✗" if outcome.refused else "✓"
            print(f"{mark} {outcome.instance_id}  {wording.read(outcome.refused)}".rstrip())
    if not asked.json:
        print(f"{done[True]} carried over, {done[False]} left on their version.")
    return 1 if done[False] else 0


def _read(fault: MigrationFault) -> str:
    return f"{fault.node}: {wording.read(fault.what)} {wording.read(fault.remedy)}"


def _names(pairs: list[str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for pair in pairs:
        old, sign, new = pair.partition("=")
        if not (old and sign and new):
            fault = InputFault("--map", f"{pair!r} is no pair.", "Write OLD=NEW, ids of steps.")
            raise BadInput([fault])
        if names.get(old, new) != new:
            raise BadInput([InputFault("--map", f"{old} is named twice.", "Give it one name.")])
        names[old] = new
    return names


def _told(plan: InstancePlan) -> dict[str, object]:
    return {
        "instance": str(plan.instance_id),
        "order": str(plan.business_id) if plan.business_id else None,
        "process": plan.title,
        "version": plan.version,
        "possible": plan.possible,
        "moves": [{"from": m.token.node, "to": m.node} for m in plan.plan.moves],
        "faults": [_read(fault) for fault in plan.plan.faults],
        "notes": [wording.read(note) for note in plan.plan.notes],
    }

"""The command of reconciliation: what AAA servers hold beside the services in operation."""

from __future__ import annotations

import argparse
import json
import signal
import threading
from dataclasses import asdict
from uuid import UUID

from kaitong.activation import carrying, reconciling
from kaitong.core.errors import BadInput, InputFault
from kaitong.core.masking import mask_account
from kaitong.org import queries as org
from kaitong.org.actor import Actor


def reconcile(asked: argparse.Namespace) -> None:
    """Run it over every AAA server in service, list what stands, or repair one difference."""
    actor = org.actor_of(asked.user) if asked.user else Actor.system()
    if asked.resend or asked.remove:
        _repair(actor, asked)
        return
    runs = [] if asked.list else reconciling.reconcile_all()
    rows = list(reconciling.open_differences(actor))
    if asked.json:
        print(
            json.dumps(
                {
                    "runs": [
                        {"compared": r.compared, "found": r.found, "closed": r.closed} for r in runs
                    ],
                    "differences": [
                        {
                            "id": str(row.pk),
                            "account": reconciling.called(row),
                            "kind": row.kind,
                            "fields": row.fields,
                            "since": row.created_at.isoformat(),
                        }
                        for row in rows
                    ],
                },
                ensure_ascii=False,
            )
        )
        return
    for run in runs:
        print(f"{run.compared} accounts compared, {run.found} differ, {run.closed} agree again")
    for row in rows:
        print(f"{row.pk}  {row.kind:<9}  {reconciling.called(row)}  {reconciling.told(row)}")


def carry(asked: argparse.Namespace) -> int:
    """Say what an element still holds of lines that others serve now, or take it over; Ctrl-C stops
    after the batch, and the same command goes on."""
    actor = org.actor_of(asked.user) if asked.user else Actor.system()
    if asked.plan:
        shares = carrying.plan(actor=actor, key=asked.element)
        told = [
            {"from": s.old.key, "to": s.new.key, "lines": s.lines, "left": s.left} for s in shares
        ]
        if asked.json:
            print(json.dumps(told, ensure_ascii=False))
        for one in () if asked.json else told:
            left = "does not answer" if one["left"] is None else f"still holds {one['left']}"
            print(f"{one['from']} -> {one['to']}: {one['lines']} lines; the old one {left}")
        return 0
    stopping = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: stopping.set())
    try:
        report = carrying.carry(
            actor=actor, key=asked.element, batch=asked.batch, stop=stopping.is_set
        )
    finally:
        signal.signal(signal.SIGINT, before)
    if asked.json:
        print(json.dumps(asdict(report), ensure_ascii=False, default=str))
    else:
        print(f"{report.carried} lines carried, {report.left} left at the old one as work")
        for name, what in report.troubles.items():
            print(f"{mask_account(name)}: {what}")
        if report.stopped:
            print("stopped; the same command goes on")
    return 1 if report.troubles or report.stopped else 0


def _repair(actor: Actor, asked: argparse.Namespace) -> None:
    if not asked.user:
        raise BadInput([InputFault("--as", "A repair is somebody's.", "Add --as USER.")])
    if asked.resend:
        reconciling.resend(actor=actor, difference_id=_id(asked.resend))
        print("sent again: both agree")
        return
    difference = _id(asked.remove)
    row = reconciling.open_differences(actor).filter(pk=difference).first()
    if row is not None and not asked.sure:
        seen = reconciling.fingerprint(row)
        print(f"{reconciling.called(row)}: {reconciling.told(row)}\nTo take it out: --sure {seen}")
        return
    reconciling.remove(actor=actor, difference_id=difference, seen=asked.sure)
    print("removed: both agree")


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise BadInput([InputFault("ID", f"{text!r} is no difference.", "See --list.")]) from None

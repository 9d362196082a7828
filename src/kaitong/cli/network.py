"""The command of reconciliation: what AAA servers hold beside the services in operation."""

from __future__ import annotations

import argparse
import json
from uuid import UUID

from kaitong.activation import reconciling
from kaitong.core.errors import BadInput, InputFault
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

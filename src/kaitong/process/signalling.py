"""The verb by which the world throws a signal (信号): an element is down, a campaign ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.org.actor import Actor
from kaitong.process import signals, values, wakeup
from kaitong.process.errors import ProcessForbidden, ProcessNotFound, ProcessRefused
from kaitong.process.models import Signal


def signal(
    *,
    actor: Actor,
    name: str,
    branch_id: UUID,
    sender_id: str,
    told: Mapping[str, Any],
) -> bool:
    """Throw a signal in a branch and below it: everybody who listens now hears it, once.

    False when this sender's id was heard before. A signal may take away the work of many: a machine
    or a supervisor throws it. No personal data in `told`.
    """
    if not actor.sees(branch_id):
        raise ProcessNotFound(_("没有这个分公司。"))
    if not actor.is_supervisor:
        raise ProcessForbidden(_("信号由班长发出。"), _("请由班长办理。"))
    if not name.strip():
        raise ProcessRefused(_("信号没有名字。"), _("请填写信号的名字。"), field="name")
    row = Signal(
        created_at=clock_now(),
        branch_id=branch_id,
        name=name,
        sender_id=sender_id,
        values=json.loads(values.dump(told)),
        actor_id=actor.id,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            document = values.dump([signals.row_of(row.pk, row.created_at, name, branch_id, told)])
            for table, text in (
                ("process_inbox", signals.FAN_OUT),
                ("process_beginning", signals.START_OUT),
            ):
                db.execute(f"insert into {table} {text.format('', '%s::jsonb')}", [document])
            wakeup.notify()
    except IntegrityError:
        if Signal.objects.filter(name=name, sender_id=sender_id).exists():
            return False
        raise
    return True

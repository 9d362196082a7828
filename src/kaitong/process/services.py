"""The public verbs of the process runtime.

Every verb runs in one transaction, takes the instance's lock first, and may be tried twice at once:
one wins, the other gets a Conflict. Verbs never talk to anything outside the database.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from kaitong.core import db
from kaitong.core.clock import now as clock_now
from kaitong.core.ids import uuid7
from kaitong.org.actor import Actor
from kaitong.process import definitions, model, starting, store, wakeup
from kaitong.process import values as jsonb
from kaitong.process.beginning import begin
from kaitong.process.bpmn import parse
from kaitong.process.bulk import Outcome, many
from kaitong.process.choices import InstanceState
from kaitong.process.dmn import parse as parse_decisions
from kaitong.process.errors import ProcessConflict, ProcessNotFound, ProcessRefused
from kaitong.process.fallout import (
    add_note,
    agree_proposal,
    assign_incident,
    claim_incident,
    correct_incident,
    decline_proposal,
    done_by_hand,
    propose,
    release_incident,
    retry_incident,
)
from kaitong.process.ledger import correct_suspension
from kaitong.process.models import Definition, Inbox, Instance, Message
from kaitong.process.returning import return_to
from kaitong.process.shell import Play
from kaitong.process.signalling import signal
from kaitong.process.suspension import agree, resume, suspend
from kaitong.process.sweeping import mend
from kaitong.process.thrown import KEEP_MESSAGES
from kaitong.process.work import (
    Opened,
    Progress,
    StepContext,
    ask_help,
    claim,
    complete,
    dispatch,
    feedback,
    held,
    progress,
    progress_of,
    release,
    transfer,
    urge,
)

__all__ = [
    "Opened",
    "Outcome",
    "Progress",
    "StepContext",
    "add_note",
    "agree",
    "agree_proposal",
    "ask_help",
    "assign_incident",
    "cancel",
    "claim",
    "claim_incident",
    "complete",
    "correct_incident",
    "correct_suspension",
    "decline_proposal",
    "deploy",
    "dispatch",
    "done_by_hand",
    "feedback",
    "forget_messages",
    "held",
    "hold",
    "launch",
    "many",
    "mend",
    "progress_of",
    "propose",
    "publish",
    "release",
    "release_incident",
    "resume",
    "retire",
    "retry_incident",
    "return_to",
    "signal",
    "start",
    "stop_machines",
    "suspend",
    "tell",
    "transfer",
    "urge",
]

# Work for people, or a call, behind which there may be some.
_NOT_BY_ITSELF = frozenset({model.NodeKind.USER, model.NodeKind.MANUAL, model.NodeKind.CALL})


def deploy(
    *,
    playbook: str,
    key: str,
    data: bytes,
    file: str,
    decisions: Mapping[str, bytes] | None = None,
    calls: Mapping[str, UUID] | None = None,
    branch_id: UUID | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Definition:
    """Deploy a process; the same bytes again give the same definition.

    `decisions` are DMN files by the names that business rule tasks use; those a process names are
    kept with it. `calls` are deployed definitions by the names that call activities use: a process
    stays with those it was deployed with. Raises `model.RefusedProcess` with every fault.

    What messages, signals and timers begin by it from now on runs in `branch_id` (else the topmost
    branch) with these `parameters`; the start events of the version before are withdrawn.
    """
    tables = {name: parse_decisions(text, name) for name, text in (decisions or {}).items()}
    process = parse(data, file, tables, calls or {})
    used = {name: (decisions or {})[name] for name in sorted(process.decisions)}
    wanted = {node.called for node in process.nodes.values() if node.called}
    pinned = {name: id_ for name, id_ in (calls or {}).items() if name in wanted}
    with transaction.atomic():
        row, _made = Definition.objects.get_or_create(
            playbook=playbook,
            key=key,
            hash=definitions.fingerprint(process.hash, used, pinned),
            defaults={
                "title": process.name or key,
                "bpmn": data,
                "file": file,
                "calls": {name: str(id_) for name, id_ in pinned.items()},
                "decisions": {name: text.decode("utf-8") for name, text in used.items()},
            },
        )
        later = Definition.objects.filter(
            playbook=playbook, key=key, deployed_at__gt=row.deployed_at
        )
        if row.retired_at is not None or later.exists():  # an earlier version is current again
            row.retired_at, row.deployed_at = None, clock_now()
            row.save(update_fields=["retired_at", "deployed_at"])
        starting.put(row, process, branch_id=branch_id, parameters=parameters or {})
    return row


def retire(*, definition_id: UUID) -> None:
    """No longer offered for new instances; running ones stay on it, and it is never deleted."""
    with transaction.atomic():
        if not Definition.objects.filter(pk=definition_id, retired_at=None).update(
            retired_at=clock_now()
        ):
            raise ProcessConflict(_("这个流程定义不存在或已停用。"))
        starting.withdraw(definition_id)


def start(
    *,
    actor: Actor,
    definition_id: UUID,
    business_id: UUID | None,
    branch_id: UUID,
    variables: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> UUID:
    """Start an instance (`launch`); its identifier."""
    return launch(
        actor=actor,
        definition_id=definition_id,
        business_id=business_id,
        branch_id=branch_id,
        variables=variables,
        parameters=parameters,
    ).instance_id


def launch(
    *,
    actor: Actor,
    definition_id: UUID,
    business_id: UUID | None,
    branch_id: UUID,
    variables: Mapping[str, Any],
    parameters: Mapping[str, Any],
) -> Progress:
    """Start an instance and play until everything waits; where it stands, and the work it opened.

    `parameters` are the operator's figures as they stand now: budgets by name, and optionally
    `calendar` (a key), `posts` ({post: {department, branch_id, pick}}), `suspend-reasons`.
    """
    with db.whole():
        play = begin(
            instance_id=uuid7(),
            definition_id=definition_id,
            business_id=business_id,
            branch_id=branch_id,
            variables=variables,
            parameters=parameters,
            actor_id=actor.id,
            last=True,
        )
    return progress(play, play.model.start)


def hold(*, instances: Sequence[UUID]) -> None:
    """Lock these instances, by primary key, to the end of the caller's transaction: nothing moves
    in them while the caller looks where they stand."""
    for instance_id in sorted(instances):
        store.lock(instance_id)


def cancel(*, actor: Actor, instance_id: UUID, reason: str) -> Progress:
    """Take the whole instance back (撤单, 退单): every wait is closed, nothing is undone here."""
    with transaction.atomic():
        play = Play.on_instance(instance_id, actor_id=actor.id)
        if not actor.sees(play.loaded.branch_id):
            raise ProcessNotFound(_("没有这个流程实例。"), _("请核对编号和所在分公司。"))
        if not play.loaded.running:
            raise ProcessConflict(_("流程已经结束。"), _("请刷新页面。"))
        if play.loaded.parent_id is not None:
            raise ProcessRefused(_("这是被调用的流程。"), _("请撤销调用它的流程。"))
        play.note("cancelled", data={"reason": reason})
        play.advance(model.Cancelled(now=play.now, reason=reason))
        play.save()
    return progress(play, "")


def stop_machines(
    *, business_id: UUID, about: tuple[str, str], but: UUID, reason: str
) -> list[UUID]:
    """Take back what only machines do for an order about one thing; which instances that were.

    `about` is a variable and its value. A process with work for people goes on, but where that work
    is only what a machine could not do (`kaitong:falls-with`); so does the one that asks (`but`).
    Each in a transaction of its own; again finds nothing left to stop.
    """
    name, value = about
    rows = Instance.objects.filter(
        business_id=business_id,
        parent=None,
        state=InstanceState.RUNNING,
        **{f"variables__{name}": value},
    )
    stopped = []
    for row in rows.exclude(pk=but).order_by("pk").only("pk", "definition_id"):
        nodes = definitions.model_of(row.definition_id).nodes.values()
        if any(n.kind in _NOT_BY_ITSELF and not n.extension.get("falls-with") for n in nodes):
            continue
        try:
            cancel(actor=Actor.system(), instance_id=row.pk, reason=reason)
        except ProcessConflict:  # it ended meanwhile
            continue
        stopped.append(row.pk)
    return stopped


# ---- what the world and other instances say ------------------------------------------------------


def publish(
    *,
    name: str,
    key: str,
    sender_id: str,
    values: Mapping[str, Any],
    branch_id: UUID | None = None,
    scope: str = "",
    keep_until: datetime | None = None,
) -> bool:
    """Say something to whoever waits for (name, key), now or later; a worker delivers it.

    False when this sender's id was heard before. `scope` is the operator whose processes may hear
    it, empty where there is one. No personal data in `values`.
    """
    now = clock_now()
    row = Message(
        branch_id=branch_id,
        scope=scope,
        name=name,
        key=key,
        sender_id=sender_id,
        values=_plain(values),
        keep_until=keep_until or now + KEEP_MESSAGES,
        next_attempt_at=now,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
            wakeup.notify()
    except IntegrityError:
        if Message.objects.filter(scope=scope, name=name, sender_id=sender_id).exists():
            return False
        raise
    return True


def tell(*, instance_id: UUID, key: str, event: Mapping[str, Any]) -> bool:
    """Put an event in another instance's inbox, instead of taking a second lock.

    `event` is `{"kind": "message", "name": ..., "values": {...}}` or
    `{"kind": "cancel", "reason": ...}`. False when this key was told before.
    """
    if event.get("kind") not in ("message", "cancel"):
        raise ProcessRefused(f"There is no inbox event {event.get('kind')!r}.")
    with transaction.atomic():
        _row, made = Inbox.objects.get_or_create(
            instance_id=instance_id,
            key=key,
            defaults={"event": _plain(event), "next_attempt_at": clock_now()},
        )
        if made:
            wakeup.notify()
    return made


def forget_messages() -> int:
    """Expire kept messages nobody came for; how many. A periodic job calls it."""
    return Message.objects.filter(state="kept", keep_until__lt=clock_now()).update(
        state="expired", values={}
    )


def _plain(document: Mapping[str, Any]) -> Any:
    """What a JSONField takes, with the rules of variables."""
    return json.loads(jsonb.dump(document))

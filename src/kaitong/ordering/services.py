"""The public verbs of ordering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from kaitong.core.clock import now
from kaitong.core.errors import Conflict
from kaitong.ordering.amending import amend
from kaitong.ordering.authenticating import authenticate
from kaitong.ordering.choices import ItemAction
from kaitong.ordering.describing import describe, keep_document
from kaitong.ordering.intake import submit
from kaitong.ordering.life import ChangeRequest, request_change
from kaitong.ordering.models import Order, OrderItem, Procedure
from kaitong.ordering.papers import pay
from kaitong.ordering.states import note
from kaitong.ordering.withdrawals import withdraw, withdrawn_under
from kaitong.org.actor import Actor

__all__ = [
    "ChangeRequest",
    "ProcedureEntry",
    "amend",
    "authenticate",
    "carried",
    "carry_over",
    "deploy_procedures",
    "describe",
    "keep_document",
    "note",
    "parameters_of",
    "pay",
    "request_change",
    "submit",
    "withdraw",
    "withdrawn_under",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcedureEntry:
    """A procedure of a playbook as ordering is told of it."""

    key: str
    title: str
    title_en: str
    action: str
    service: str
    definition_id: UUID
    parameters: Mapping[str, Any]
    budget: str
    number_rule: Mapping[str, str]
    papers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    cancel: Mapping[str, Any] = field(default_factory=dict)
    counter: Mapping[str, Any] = field(default_factory=dict)


@transaction.atomic
def carry_over(*, actor: Actor, instance_id: UUID, definition_id: UUID) -> None:
    """The item an instance runs for follows it to another version of its procedure.

    What was accepted stays: prices, and parameters by the names they had. Sheets, notices and
    rules of withdrawal are the new version's from now on, and parameters the old one had not.
    """
    procedure = (
        Procedure.objects.filter(definition_id=definition_id)
        .order_by(F("retired_at").desc(nulls_first=True))
        .first()
    )
    item = OrderItem.objects.filter(instance_id=instance_id).first()
    if procedure is None or item is None:
        return  # a small process beside the order's own
    order = Order.objects.select_for_update().get(pk=item.order_id)
    item.procedure = procedure
    item.save(update_fields=["procedure"])
    order.parameters = carried(procedure.parameters, order.parameters)
    order.playbook_hash = procedure.playbook_hash
    order.save(update_fields=["parameters", "playbook_hash"])


def carried(version: Mapping[str, Any], pinned: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters of a later version for what was accepted under an earlier one: what was pinned
    stands, what is new is added (posts, phases, reasons too); the version is the later one."""
    tables = {
        name: {**version.get(name, {}), **pinned.get(name, {})}
        for name in ("posts", "phases", "suspend-reasons")
        if name in version or name in pinned
    }
    return {**version, **pinned, **tables, "playbook": version["playbook"]}


def parameters_of(definition_id: UUID) -> Mapping[str, Any]:
    """The parameters of the procedure that runs a definition; empty where none does."""
    rows = Procedure.objects.filter(definition_id=definition_id)
    found = rows.order_by(F("retired_at").desc(nulls_first=True)).first()
    return found.parameters if found is not None else {}


@transaction.atomic
def deploy_procedures(
    *, actor: Actor, playbook: str, playbook_hash: str, procedures: Sequence[ProcedureEntry]
) -> None:
    """Make these the current procedures of a playbook; its others retire and stay readable."""
    Procedure.objects.filter(playbook=playbook, retired_at=None).exclude(
        playbook_hash=playbook_hash
    ).update(retired_at=now())
    for entry in procedures:
        try:
            with transaction.atomic():
                _put_procedure(playbook, playbook_hash, entry)
        except IntegrityError:
            others = Procedure.objects.filter(specification=entry.service, retired_at=None)
            others = others.filter(key=entry.key) if entry.counter else others.filter(counter={})
            other = others.exclude(playbook=playbook).filter(action=entry.action).first()
            if other is None:
                raise
            raise Conflict(
                _("服务 %(service)s 的%(action)s已由业务流程包 %(playbook)s 办理。")
                % {
                    "service": entry.service,
                    "action": ItemAction(entry.action).label,
                    "playbook": other.playbook,
                },
                _("请在 services: 里给这个服务另起一个键，流程和商品里一起改。"),
            ) from None


def _put_procedure(playbook: str, playbook_hash: str, entry: ProcedureEntry) -> None:
    Procedure.objects.update_or_create(
        playbook=playbook,
        playbook_hash=playbook_hash,
        key=entry.key,
        defaults={
            "title": entry.title,
            "title_en": entry.title_en,
            "action": entry.action,
            "specification": entry.service,
            "definition_id": entry.definition_id,
            "parameters": dict(entry.parameters),
            "budget": entry.budget,
            "number_rule": dict(entry.number_rule),
            "papers": {kind: dict(paper) for kind, paper in entry.papers.items()},
            "notices": {key: dict(notice) for key, notice in entry.notices.items()},
            "cancel": dict(entry.cancel),
            "counter": dict(entry.counter),
            "retired_at": None,
        },
    )

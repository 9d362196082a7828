"""The public verbs of ordering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction

from kaitong.core.clock import now
from kaitong.ordering.intake import submit
from kaitong.ordering.models import Procedure
from kaitong.ordering.papers import pay
from kaitong.ordering.states import note
from kaitong.ordering.withdrawals import withdraw
from kaitong.org.actor import Actor

__all__ = ["ProcedureEntry", "deploy_procedures", "note", "pay", "submit", "withdraw"]


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


@transaction.atomic
def deploy_procedures(
    *, actor: Actor, playbook: str, playbook_hash: str, procedures: Sequence[ProcedureEntry]
) -> None:
    """Make these the current procedures of a playbook; its others retire and stay readable."""
    Procedure.objects.filter(playbook=playbook, retired_at=None).exclude(
        playbook_hash=playbook_hash
    ).update(retired_at=now())
    for entry in procedures:
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
                "retired_at": None,
            },
        )

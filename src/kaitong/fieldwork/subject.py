"""What work at the customer's is about: an order, or a ticket of assurance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaitong.assurance import services as assurance
from kaitong.ordering import services as ordering
from kaitong.process.services import StepContext


def owner_type(variables: Mapping[str, Any]) -> str:
    """Whose photos those of the work are."""
    return "fault" if "fault_id" in variables or "cause_id" in variables else "order"


def note(step: StepContext, kind: str, data: Mapping[str, Any]) -> None:
    """A line of the timeline of what the work is about."""
    if step.business_id is None:
        return
    if owner_type(step.variables) == "order":
        ordering.note(step.business_id, kind, actor_id=step.actor.id, data=data)
    else:
        assurance.note(step.business_id, kind, actor_id=step.actor.id, data=data)

"""Answers already given: a completion sent again by the same key is not done again.

A phone in a stairwell sends, loses the answer, and sends again. The receipt is written in the
transaction that completes, so either both stand or neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from kaitong.core.errors import Conflict
from kaitong.fieldwork.models import Receipt
from kaitong.org.actor import Actor

LONGEST_KEY = 80


@dataclass(frozen=True, slots=True)
class Answered:
    """What a completion was answered: where the instance stood after it."""

    instance_id: UUID
    business_id: UUID | None
    node: str


def answered(actor: Actor, key: str, item_id: UUID) -> Answered | None:
    """The answer given before to this key; Conflict when it was another work item's."""
    if not key or actor.id is None:
        return None
    row = Receipt.objects.filter(actor_id=actor.id, key=key[:LONGEST_KEY]).first()
    if row is None:
        return None
    if row.item_id != item_id:
        raise _used()
    business = row.answer.get("business_id")
    return Answered(
        UUID(row.answer["instance_id"]), UUID(business) if business else None, row.answer["node"]
    )


def _used() -> Conflict:
    return Conflict(_("这个回单键已用于另一张工单。"), _("请刷新页面后再提交。"))


def keep(actor: Actor, key: str, item_id: UUID, answer: dict[str, Any]) -> None:
    """Remember an answer, inside the completing transaction; Conflict when the key was used for
    another item at this very instant."""
    if not key or actor.id is None:
        return
    try:
        with transaction.atomic():  # a savepoint: what is asked next is not in vain
            Receipt.objects.create(
                actor_id=actor.id, key=key[:LONGEST_KEY], item_id=item_id, answer=answer
            )
    except IntegrityError:
        raise _used() from None

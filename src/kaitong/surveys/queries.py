"""Reading who was asked and what was answered: the quality desk's lists, a person's history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext as _

from kaitong.core.clock import now
from kaitong.org.actor import Actor
from kaitong.org.queries import visible_to
from kaitong.surveys import rules as tables
from kaitong.surveys.choices import State, Way
from kaitong.surveys.errors import NoSuchSurvey, NotAllowed
from kaitong.surveys.models import Invitation
from kaitong.surveys.rules import asks, at_desk, reasons_of, say

# The desk's lists, by name.
LISTS: Mapping[str, Q] = {
    "call": Q(state=State.OPEN, way=Way.CALL),
    "bad": Q(answer__bad=True),
    "answered": Q(state=State.ANSWERED),
    "waiting": Q(state=State.OPEN) & ~Q(way=Way.CALL),
    "none": Q(state__in=[State.EXPIRED, State.UNREACHED, State.REFUSED]),
}


def desk(
    actor: Actor, name: str, asked: Mapping[str, Any], *, offset: int = 0, limit: int = 50
) -> tuple[list[Invitation], int]:
    """A list of the desk and how long it is: who is to be called first stands first, of the others
    the newest. Raises NotAllowed for who does not call customers."""
    if not at_desk(actor):
        raise NotAllowed(_("您的岗位不做满意度回访。"), _("请转客服回访岗位。"))
    rows = _visible(actor).filter(LISTS[name], **asked)
    order = ["next_at", "id"] if name == "call" else ["-id"]
    total = rows.count()
    return list(rows.order_by(*order)[offset : offset + limit]), total


def counts(actor: Actor) -> dict[str, int]:
    """How many are to be called now, and how many bad scores nobody has dealt with."""
    due = LISTS["call"] & (Q(next_at=None) | Q(next_at__lte=now()))
    found = visible_to(Invitation.objects.all(), actor).aggregate(
        call=Count("pk", filter=due),
        bad=Count("pk", filter=LISTS["bad"] & Q(outcome="", instance_id__isnull=False)),
    )
    return dict(found)


def invitation(actor: Actor, invitation_id: UUID) -> Invitation:
    """One invitation with its answer; another branch's is not found."""
    row = _visible(actor).filter(pk=invitation_id).first()
    if row is None:
        raise NoSuchSurvey(_("没有这次调查。"), _("请刷新页面。"))
    return row


def by_ids(actor: Actor, ids: Iterable[UUID]) -> list[Invitation]:
    """The visible ones among these, one query."""
    return list(_visible(actor).filter(pk__in=list(ids)))


def to_rate(actor: Actor, counter: int | None = None) -> list[Invitation]:
    """Numbers just served at the actor's hall that may be rated at its device, the newest first."""
    rows = _of_hall(actor).filter(state=State.OPEN, expires_at__gt=now())
    if counter is not None:
        rows = rows.filter(counter=counter)
    return list(rows.order_by("-happened_at")[:12])


def to_rate_one(actor: Actor, invitation_id: UUID) -> Invitation:
    """One of them, whatever became of it since."""
    row = _of_hall(actor).filter(pk=invitation_id).first()
    if row is None:
        raise NoSuchSurvey(_("没有这次调查。"), _("请刷新页面。"))
    return row


def history(
    actor: Actor,
    *,
    party_id: UUID | None = None,
    service_id: UUID | None = None,
    offset: int = 0,
    limit: int = 20,
) -> tuple[list[Invitation], int]:
    """What a customer was asked, or what was asked about a line; the newest first."""
    of = {"service_id": service_id} if service_id is not None else {"party_id": party_id}
    rows = _visible(actor).filter(**of)
    return list(rows.order_by("-asked_at", "-id")[offset : offset + limit]), rows.count()


def has_device(actor: Actor) -> bool:
    """Whether the hall's business is rated at its device at all."""
    return any(
        one["by"] == Way.DEVICE for row in tables.current().values() for one in row.content["asks"]
    )


def _of_hall(actor: Actor) -> QuerySet[Invitation]:
    """What is rated at the devices of the actor's own hall."""
    if actor.branch_id is None:
        return Invitation.objects.none()
    rows = Invitation.objects.filter(branch_id=actor.branch_id, way=Way.DEVICE)
    return rows.select_related("rules")


def _visible(actor: Actor) -> QuerySet[Invitation]:
    return visible_to(Invitation.objects.select_related("rules", "answer"), actor)


__all__ = [
    "LISTS", "asks", "at_desk", "by_ids", "counts", "desk", "has_device", "history", "invitation",
    "reasons_of", "say", "to_rate", "to_rate_one",
]  # fmt: skip

"""The public verbs of reporting: folding what has changed, and making everything anew."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.db import transaction

from kaitong.assurance import facts as assurance
from kaitong.core import db
from kaitong.hall import facts as hall
from kaitong.ordering import facts as ordering
from kaitong.reporting.checking import check
from kaitong.reporting.folding import BATCH, drain, fold, gather, touch
from kaitong.reporting.models import (
    DeskFact,
    OpinionFact,
    OrderFact,
    SurveyFact,
    TicketFact,
    VisitFact,
    WorkFact,
)
from kaitong.reporting.recounting import recount
from kaitong.surveys import facts as opinions

__all__ = ["check", "drain", "fold", "gather", "rebuild", "recount", "touch"]


def rebuild(*, told: Callable[[int], None] | None = None, limit: int = BATCH) -> int:
    """Read every order and ticket again and make the summaries anew; how many.

    Figures stay readable meanwhile; killed, it is simply begun again. `told` hears how many have
    been read."""
    gather()
    total = 0
    for identifiers in (
        ordering.identifiers,
        assurance.identifiers,
        hall.identifiers,
        opinions.identifiers,
    ):
        after: UUID | None = None
        while page := identifiers(after, 10_000):
            touch(page)
            after = page[-1]
            while done := drain(limit):
                total += done
                if told is not None:
                    told(total)
    recount()
    return total


@transaction.atomic
def forget() -> None:
    """Drop all facts and summaries, for `rebuild` to begin from nothing."""
    for model in (OrderFact, WorkFact, TicketFact, SurveyFact, VisitFact, DeskFact, OpinionFact):
        model.objects.all().delete()
    recount()
    db.execute("delete from reporting_touched")

"""Facts, one row an order and one a piece of work, and what is added up from them.

Everything here can be made anew from the other packages' rows (`rebuild`). Summaries are only ever
changed in the transaction that changes a fact, by the difference. Besides the rows of each branch
stand those of what is below one, under grains of their own (`adding.BELOW`).
"""

from __future__ import annotations

from kaitong.reporting.models.opinions import OpinionFact, OpinionFigure, OpinionPerson
from kaitong.reporting.models.orders import CauseFigure, OrderFact, OrderFigure, TimeFigure
from kaitong.reporting.models.reading import Touched, Watermark
from kaitong.reporting.models.tickets import SurveyFact, SurveyFigure, TicketFact, TicketFigure
from kaitong.reporting.models.visits import DeskFact, DeskFigure, VisitFact, VisitFigure
from kaitong.reporting.models.work import WorkFact, WorkFigure

__all__ = [
    "CauseFigure",
    "DeskFact",
    "DeskFigure",
    "OpinionFact",
    "OpinionFigure",
    "OpinionPerson",
    "OrderFact",
    "OrderFigure",
    "SurveyFact",
    "SurveyFigure",
    "TicketFact",
    "TicketFigure",
    "TimeFigure",
    "Touched",
    "VisitFact",
    "VisitFigure",
    "Watermark",
    "WorkFact",
    "WorkFigure",
]

"""Logins of a customer's modem that the AAA server refused: what a caller cannot tell (BB-12).

The server keeps its answers with what it said; the passwords that were tried are kept nowhere.
Logins that prove an account are ours and come from no line: they are none of these.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from kaitong.activation import queries, services, wanting
from kaitong.core.clock import now
from kaitong.inventory.results import ServiceView

_BACK = timedelta(days=7)
_MOST = 5


class Why(StrEnum):
    """Why a login was refused, as far as the server's words tell."""

    BARRED = "barred"
    PASSWORD = "password"  # noqa: S105  a reason, no secret
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Refusal:
    at: datetime
    why: Why
    said: str


def refusals(service: ServiceView) -> list[Refusal]:
    """The last refusals of a week, newest first. Raises ActivationError when the server cannot be
    asked; a server that keeps no answers has none."""
    element = queries.element_for(wanting.kind_of(service), service.branch_id)
    rows = services.aaa(element).refusals_of(service.account, now() - _BACK, _MOST)
    return [Refusal(at, why(said), said) for at, said in rows]


def why(said: str) -> Why:
    """Reject groups speak of suspension; the server's own checks name the password."""
    words = said.casefold()
    if words.startswith("suspended"):
        return Why.BARRED
    return Why.PASSWORD if "password" in words else Why.OTHER

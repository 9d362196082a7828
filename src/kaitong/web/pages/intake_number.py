"""选号 at the counter: the telephone number of a plan that has one, picked and held for a draft."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.inventory import choosing
from kaitong.ordering import counter
from kaitong.ordering.number_choice import NumberRange, range_of
from kaitong.org.actor import Actor

INPUT = "telephone"
Faults = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Pick:
    """The number held for this draft, or those that may be picked; `gone` was picked and is not
    held any more."""

    held: str = ""
    gone: str = ""
    numbers: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


def pick(
    actor: Actor,
    draft_id: UUID,
    offer: counter.Offer | None,
    data: Mapping[str, Any],
    shown: Faults,
) -> Pick | None:
    """What the page asks; None where the plan has no number to be picked."""
    chosen = range_for(offer)
    if chosen is None or actor.branch_id is None:
        return None
    wanted = str(data.get(INPUT, ""))
    held = choosing.held_number(draft_id)
    errors = tuple(shown.get(INPUT, ()))
    if held and held == wanted:
        return Pick(held=held, errors=errors)
    numbers = chosen.free(actor.branch_id, holder=draft_id)
    return Pick(gone=wanted, numbers=tuple(numbers), errors=errors)


def found(
    actor: Actor, draft_id: UUID, offer: counter.Offer | None, ending: str
) -> tuple[str, ...]:
    """Numbers that end so, while a clerk types."""
    chosen = range_for(offer)
    if chosen is None or actor.branch_id is None:
        return ()
    return tuple(chosen.free(actor.branch_id, ending[:8], holder=draft_id))


def range_for(offer: counter.Offer | None) -> NumberRange | None:
    if offer is None or offer.lacking:
        return None
    return range_of(offer.offering, offer.procedure.parameters)


def check(
    wrong: Faults, draft_id: UUID, offer: counter.Offer | None, data: Mapping[str, Any]
) -> None:
    """A number that was picked must still be held; picking none leaves it to the system."""
    wanted = str(data.get(INPUT, ""))
    if not wanted or range_for(offer) is None or choosing.held_number(draft_id) == wanted:
        return
    wrong[INPUT] = [
        _("号码 %(number)s 的预占已到时。") % {"number": wanted} + _("请重新选号。"),
    ]

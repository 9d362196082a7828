"""The two addresses of a move (移机) as whoever goes there reads them: which is now, what to do."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from kaitong.ordering import moves
from kaitong.ordering.moves import End, Move
from kaitong.ordering.step_rules import NEW, OLD, SITE
from kaitong.process import queries as process
from kaitong.web.pages.maps import map_link


@dataclass(frozen=True, slots=True)
class Site:
    """One end of a move: `now` where the step in hand is done."""

    title: str
    what: str
    address: str
    whole: str
    port: str
    map_url: str
    now: bool


def sites(move: Move | None, at: str) -> tuple[Site, ...]:
    """Both ends in the order they are gone to; `at` is the step's `kaitong:site`, or empty."""
    if move is None:
        return ()
    removing = {OLD: _("现在在这里拆线"), NEW: _("已从这里拆线")}.get(at, _("先在这里拆线"))
    installing = {OLD: _("拆完到这里装"), NEW: _("现在在这里装")}.get(at, _("再到这里装"))
    return (
        _site(_("旧址"), removing, move.old, now=at == OLD),
        _site(_("新址"), installing, move.new, now=at == NEW),
    )


def sites_of(item: process.WorkDetail) -> tuple[Site, ...]:
    """The ends of the move a piece of work belongs to; none for other work."""
    if item.business_id is None:
        return ()
    move = moves.of_orders([item.business_id]).get(item.business_id)
    return sites(move, item.definition.extension.get(SITE, ""))


def current(found: tuple[Site, ...]) -> Site | None:
    """Where to go with the step in hand."""
    return next((site for site in found if site.now), None)


def _site(title: str, what: str, end: End, *, now: bool) -> Site:
    return Site(title, what, end.address, end.whole, end.port, map_link(end.whole), now)

"""The history of a process as lines for drawers and the audit; its words stand in `telling`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kaitong.process import queries as process
from kaitong.process import telling
from kaitong.process.model import Model, NodeKind
from kaitong.web import format as fmt
from kaitong.web.pages.names import post_names
from kaitong.web.pages.parts import Line

Say = Callable[[str], str]


def lines(
    rows: Iterable[process.HistoryRow],
    *,
    say: Say,
    reasons: Callable[[str], str] = str,
    model: Model | None = None,
) -> list[Line]:
    """Newest first. With the `model` the end of machines' tasks is told as well, and an error is
    told once, not again at the boundary event that caught it."""
    machines = (NodeKind.SERVICE, NodeKind.RULE, NodeKind.SCRIPT) if model is not None else ()
    catches = (NodeKind.BOUNDARY_ERROR,) if model is not None else ()
    told = [
        row
        for row in rows
        if (row.kind in telling.TOLD and not (row.kind == "fired" and row.node_kind in catches))
        or (row.kind == "left" and row.node_kind in machines)
    ]
    names, posts = telling.people(told), post_names()
    return [
        Line(
            row.at,
            telling.sentence(
                row,
                say=say,
                reasons=reasons,
                posts=lambda key: posts.get(key, key),
                names=names,
                when=fmt.when,
            ),
            # a machine's step is the machine's, whoever's act it followed
            "" if row.kind == "left" else row.actor_name,
        )
        for row in told[::-1]
    ]

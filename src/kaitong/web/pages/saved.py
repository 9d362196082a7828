"""Saved filters (常用筛选) and columns of the workbench."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import gettext as _

from kaitong.org import lists
from kaitong.org.actor import Actor
from kaitong.org.models import ListChoice
from kaitong.web.pages.names import post_names

PLACE = "workbench"
# What a saved filter holds of the address; the rest (page, open drawer) is the moment's.
KEYS = ("tab", "post", "step", "product", "due", "who")
# Columns one may leave out; time, number and step always stand.
COLUMNS = ("product", "customer", "address", "appointment", "customer_due", "who", "since")


@dataclass(frozen=True, slots=True)
class Chip:
    id: UUID
    name: str
    url: str
    current: bool
    shared: str  # the post's title; empty for one's own
    opens: bool  # the list begins with it
    mine: bool  # may be deleted


@dataclass(frozen=True, slots=True)
class ColumnChoice:
    key: str
    label: str
    shown: bool


@dataclass(frozen=True, slots=True)
class Saved:
    chips: tuple[Chip, ...]
    query: str  # what would be saved now
    known: bool  # it is saved already
    posts: tuple[tuple[str, str], ...]  # with whom it may be shared
    columns: tuple[ColumnChoice, ...]
    cols: dict[str, bool]


def kept(query: QueryDict) -> str:
    """The part of an address that a saved filter holds, always in one order."""
    return urlencode([(key, query[key]) for key in KEYS if query.get(key)])


def clean(text: str) -> str:
    """A posted filter, rid of everything a saved filter does not hold."""
    given = dict(parse_qsl(text))
    return urlencode([(key, given[key]) for key in KEYS if given.get(key)])


def column_labels() -> dict[str, str]:
    return {
        "product": _("产品"),
        "customer": _("客户"),
        "address": _("装机地址"),
        "appointment": _("预约"),
        "customer_due": _("客户时限"),
        "who": _("经办"),
        "since": _("到岗时间"),
    }


def first_query(actor: Actor) -> str:
    """The filter the list begins with; empty where nobody chose one."""
    found = lists.choice(actor, PLACE)
    return found.view.query if found is not None and found.view is not None else ""


def saved(actor: Actor, query: QueryDict, found: ListChoice | None) -> Saved:
    names = post_names()
    now = kept(query)
    first = found.view_id if found is not None else None
    chips = tuple(
        Chip(
            row.pk,
            row.name,
            "?" + row.query,
            row.query == now,
            names.get(row.post, row.post) if row.staff_id is None else "",
            row.pk == first,
            row.staff_id is not None or row.made_by == actor.id or actor.is_supervisor,
        )
        for row in lists.views(actor, PLACE)
    )
    held = sorted(names) if actor.is_supervisor else sorted(actor.own_posts)
    shown = shown_columns(found)
    return Saved(
        chips=chips,
        query=now,
        known=any(chip.current for chip in chips),
        posts=tuple((key, names[key]) for key in held if key in names),
        columns=tuple(
            ColumnChoice(key, label, key in shown) for key, label in column_labels().items()
        ),
        cols={key: key in shown for key in COLUMNS},
    )


def shown_columns(found: ListChoice | None) -> set[str]:
    return set(COLUMNS if found is None or found.columns is None else found.columns)

"""Many sheets at once: 批量打印."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.documents import printing
from kaitong.documents.errors import PaperError
from kaitong.ordering import papers
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.process.services import Outcome
from kaitong.web.pages.facts import facts_of


@dataclass(frozen=True, slots=True)
class RefusedRow:
    number: str
    step: str
    why: str


def refused(actor: Actor, outcomes: Sequence[Outcome]) -> list[RefusedRow]:
    """What could not be done, each with its order and step."""
    rows = {row.id: row for row in process.work_rows(actor, [o.item_id for o in outcomes])}
    facts = facts_of(actor, [row.business_id for row in rows.values()])
    found = []
    for outcome in outcomes:
        row = rows.get(outcome.item_id)
        known = facts.get(row.business_id) if row and row.business_id else None
        title = row.title if row else ""
        found.append(
            RefusedRow(
                known.number if known else "",
                known.say(title) if known else title,
                outcome.why,
            )
        )
    return found


def work_sheets(actor: Actor, item_ids: Sequence[UUID]) -> bytes:
    """The work orders of these items in one PDF, by appointment; a page at the end names orders
    that have none yet. Raises PaperError when none has one, ProcessNotFound for a strange item."""
    items = [process.work_item(actor, item_id) for item_id in dict.fromkeys(item_ids)]
    orders = list(dict.fromkeys(item.business_id for item in items if item.business_id))
    found, without = papers.work_sheets(actor, orders)
    if not found:
        raise PaperError(_("这些工单还没有施工工单可打印。"), _("端口和数据做好后才出施工工单。"))
    # The page belongs to the sheets, and sheets are Chinese.
    note = f"以下订单还没有施工工单：{'、'.join(without)}" if without else ""
    return printing.print_together(actor=actor, paper_ids=[p.pk for p in found], note=note)

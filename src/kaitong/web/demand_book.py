"""待装需求 as a workbook: line by line, or by area; people masked as on the page."""

from __future__ import annotations

from django.utils.translation import gettext as _

from kaitong.catalog import queries as catalog
from kaitong.core.clock import now
from kaitong.ordering import demand_queries as reading
from kaitong.ordering.choices import DemandReason, DemandState
from kaitong.ordering.demand_queries import DemandFilter
from kaitong.org.actor import Actor
from kaitong.org.queries import branch_names
from kaitong.party import queries as parties
from kaitong.transfer.book import Book, OutColumn
from kaitong.web.exports import Target, record
from kaitong.web.pages.demands import numbers_of, product_of


def write(actor: Actor, asked: DemandFilter, target: Target, *, areas: bool) -> int:
    """Write what the page lists, in its order; how many rows."""
    count = _areas(actor, asked, target) if areas else _lines(actor, asked, target)
    record(actor, "demand", count, "")
    return count


def _lines(actor: Actor, asked: DemandFilter, target: Target) -> int:
    branches, moment = branch_names(actor), now()
    columns = (
        OutColumn(_("登记号"), 22),
        OutColumn(_("分公司"), 14),
        OutColumn(_("客户"), 14),
        OutColumn(_("联系电话"), 16),
        OutColumn(_("区域"), 24),
        OutColumn(_("地址"), 48),
        OutColumn(_("业务"), 24),
        OutColumn(_("原因"), 16),
        OutColumn(_("计划日期"), 12, "day"),
        OutColumn(_("状态"), 12),
        OutColumn(_("登记时间"), 17, "moment"),
        OutColumn(_("等待天数"), 10, "whole"),
        OutColumn(_("通知时间"), 17, "moment"),
        OutColumn(_("保留到"), 17, "moment"),
        OutColumn(_("受理订单"), 22),
        OutColumn(_("撤销原因"), 24),
    )
    with Book(target, _("待装需求"), columns) as book:
        for rows in reading.batches(actor, asked):
            people = parties.summaries({row.party_id for row in rows if row.party_id})
            offered = catalog.offerings({row.offering for row in rows if row.offering})
            wanted = {i for row in rows for i in (row.order_id, row.served_order_id) if i}
            numbers = numbers_of(actor, wanted)
            for row in rows:
                known = people.get(row.party_id) if row.party_id else None
                book.add(
                    (
                        numbers.get(row.order_id, "") if row.order_id else "",
                        branches.get(row.branch_id, ""),
                        known.name if known else "",
                        known.phone if known else "",
                        row.area,
                        row.address_text,
                        product_of(row, offered),
                        str(DemandReason(row.reason).label),
                        getattr(row, "planned_date", None),
                        str(DemandState(row.state).label),
                        row.created_at,
                        ((row.ended_at or moment) - row.created_at).days,
                        row.told_at,
                        row.told_until,
                        numbers.get(row.served_order_id, "") if row.served_order_id else "",
                        row.ended_reason,
                    )
                )
        return book.rows


def _areas(actor: Actor, asked: DemandFilter, target: Target) -> int:
    branches, moment = branch_names(actor), now()
    columns = (
        OutColumn(_("分公司"), 14),
        OutColumn(_("区域"), 28),
        OutColumn(_("户数"), 8, "whole"),
        OutColumn(_("其中已通知"), 12, "whole"),
        *(OutColumn(str(reason.label), 14, "whole") for reason in DemandReason),
        OutColumn(_("最近的计划日期"), 16, "day"),
        OutColumn(_("最早登记"), 17, "moment"),
        OutColumn(_("最长等待天数"), 14, "whole"),
    )
    with Book(target, _("待装需求"), columns) as book:
        for one in reading.areas(actor, asked):
            book.add(
                (
                    branches.get(one.branch_id, ""),
                    one.area,
                    one.total,
                    one.told,
                    *(one.by_reason[str(reason)] for reason in DemandReason),
                    one.planned,
                    one.since,
                    (moment - one.since).days,
                )
            )
        return book.rows

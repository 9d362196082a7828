"""Orders and work items as workbooks: what their pages list, by the same filters.

People's data is masked as on the page. In clear it is only given to a supervisor who says why, and
every customer read so is recorded.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, BinaryIO
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import gettext as _

from kaitong.core import audit
from kaitong.core.clock import now
from kaitong.core.errors import Forbidden
from kaitong.ordering import queries as ordering
from kaitong.ordering.choices import OrderState
from kaitong.ordering.requests import OrderFilter
from kaitong.org.actor import Actor, actor_for
from kaitong.org.queries import branch_names
from kaitong.party import services as party_verbs
from kaitong.process import queries as process
from kaitong.process.choices import WorkState
from kaitong.transfer.book import Book, OutColumn
from kaitong.transfer.jobs import Ended
from kaitong.transfer.models import Job
from kaitong.transfer.watch import Nobody, Watch
from kaitong.web.pages.facts import OrderFacts, facts_of, of_orders
from kaitong.web.pages.names import post_names
from kaitong.web.pages.orders import conditions_of
from kaitong.web.pages.workbench import asked_of

Target = str | BinaryIO


def may_reveal(actor: Actor, reason: str) -> None:
    """Lists in clear are for a supervisor with a name and a reason."""
    if reason and (actor.id is None or not actor.is_supervisor):
        raise Forbidden(
            _("只有主管可以导出未遮盖的客户信息。"), _("不加 --reveal，或由主管以自己的账号导出。")
        )


def orders_book(
    actor: Actor,
    filters: Iterable[OrderFilter],
    target: Target,
    *,
    reveal: str = "",
    watch: Watch | None = None,
) -> int:
    """Write the orders that match, newest first; how many. `reveal`: why in clear."""
    may_reveal(actor, reveal)
    watch = watch or Nobody()
    total, batches = ordering.batches(actor, filters)
    watch.stage(_("导出订单"), total)
    posts, branches = post_names(), branch_names(actor)
    columns = (
        OutColumn(_("订单号"), 22),
        OutColumn(_("分公司"), 14),
        OutColumn(_("业务"), 24),
        OutColumn(_("动作"), 8),
        OutColumn(_("状态"), 12),
        OutColumn(_("原因"), 24),
        OutColumn(_("客户"), 14),
        OutColumn(_("联系电话"), 16),
        OutColumn(_("地址"), 48),
        OutColumn(_("受理时间"), 17, "moment"),
        OutColumn(_("预约开始"), 17, "moment"),
        OutColumn(_("预约结束"), 17, "moment"),
        OutColumn(_("应竣工"), 17, "moment"),
        OutColumn(_("竣工时间"), 17, "moment"),
        OutColumn(_("超时"), 6),
        OutColumn(_("当前环节"), 36),
    )
    moment = now()
    with Book(target, _("订单"), columns) as book:
        for rows in batches:
            facts = of_orders(rows, people=True)
            work = process.open_items_of(actor, [row.id for row in rows])
            clear = _in_clear(actor, [row.party_id for row in rows if row.party_id], reveal)
            for row in rows:
                fact = facts[row.id]
                late = fact.due_at is not None and fact.due_at < (fact.completed_at or moment)
                book.add(
                    (
                        fact.number,
                        branches.get(row.branch_id, ""),
                        fact.product,
                        fact.action,
                        str(OrderState(row.state).label),
                        row.reason,
                        *_person(fact, row.party_id, clear),
                        fact.address_full,
                        row.ordered_at,
                        fact.appointment_start,
                        fact.appointment_end,
                        fact.due_at,
                        fact.completed_at,
                        _("是") if late else "",
                        _steps(work.get(row.id, []), fact, posts),
                    )
                )
            watch.tick(book.rows)
        count = book.rows
    record(actor, "orders", count, reveal)
    return count


def work_book(
    actor: Actor,
    target: Target,
    *,
    tab: str = "open",
    post: str | None = None,
    step: str | None = None,
    product: str | None = None,
    due: str = "",
    everyone: bool = False,
    reveal: str = "",
    watch: Watch | None = None,
) -> int:
    """Write the work items of a tab in its order; how many."""
    may_reveal(actor, reveal)
    watch = watch or Nobody()
    total, batches = process.work_batches(
        actor,
        tab=tab,
        post=post,
        title=step,
        due=due,
        business=ordering.sold(product) if product else None,
        everyone=everyone,
    )
    watch.stage(_("导出工单"), total)
    posts, branches = post_names(), branch_names(actor)
    columns = (
        OutColumn(_("订单号"), 22),
        OutColumn(_("分公司"), 14),
        OutColumn(_("环节"), 16),
        OutColumn(_("岗位"), 12),
        OutColumn(_("经办人"), 12),
        OutColumn(_("状态"), 10),
        OutColumn(_("业务"), 24),
        OutColumn(_("客户"), 14),
        OutColumn(_("联系电话"), 16),
        OutColumn(_("地址"), 48),
        OutColumn(_("预约开始"), 17, "moment"),
        OutColumn(_("预约结束"), 17, "moment"),
        OutColumn(_("到岗时间"), 17, "moment"),
        OutColumn(_("环节时限"), 17, "moment"),
        OutColumn(_("客户时限"), 17, "moment"),
        OutColumn(_("办结时间"), 17, "moment"),
        OutColumn(_("超时"), 6),
        OutColumn(_("催办次数"), 9, "whole"),
    )
    with Book(target, _("工单"), columns) as book:
        for rows in batches:
            facts = facts_of(actor, [row.business_id for row in rows], people=True)
            persons = [fact.customer.id for fact in facts.values() if fact.customer]
            clear = _in_clear(actor, persons, reveal)
            for row in rows:
                fact = facts.get(row.business_id) if row.business_id else None
                book.add(_work_cells(row, fact, posts, branches, clear))
            watch.tick(book.rows)
        count = book.rows
    record(actor, "work", count, reveal)
    return count


def _work_cells(
    row: process.WorkRow,
    fact: OrderFacts | None,
    posts: Mapping[str, str],
    branches: Mapping[UUID, str],
    clear: Mapping[UUID, tuple[str, str]],
) -> tuple[Any, ...]:
    party_id = fact.customer.id if fact and fact.customer else None
    name, phone = _person(fact, party_id, clear) if fact else ("", "")
    appointment: tuple[datetime | None, datetime | None] = (None, None)
    if fact:
        appointment = (fact.appointment_start, fact.appointment_end)
    return (
        fact.number if fact else "",
        branches.get(row.branch_id, ""),
        fact.say(row.title) if fact else row.title,
        posts.get(row.post, row.post),
        row.completed_name or row.claimed_name or row.candidate_name,
        str(WorkState(row.state).label),
        fact.product if fact else "",
        name,
        phone,
        fact.address_full if fact else "",
        *appointment,
        row.created_at,
        row.due_at,
        fact.due_at if fact else None,
        row.completed_at,
        _("是") if row.overdue else "",
        row.urged,
    )


def _in_clear(actor: Actor, ids: Iterable[UUID], reason: str) -> dict[UUID, tuple[str, str]]:
    if not reason:
        return {}
    return party_verbs.reveal_many(actor=actor, party_ids=ids, reason=reason)


def _person(
    fact: OrderFacts, party_id: UUID | None, clear: Mapping[UUID, tuple[str, str]]
) -> tuple[str, str]:
    """Name and telephone: in clear where they were read so, else masked."""
    if party_id in clear:
        return clear[party_id]
    return (fact.customer.name, fact.customer.phone) if fact.customer else (fact.customer_name, "")


def _steps(work: list[process.WorkRow], fact: OrderFacts, posts: Mapping[str, str]) -> str:
    return "；".join(
        f"{row.claimed_name or posts.get(row.post, row.post)} {fact.say(row.title)}" for row in work
    )


def record(actor: Actor, what: str, count: int, reveal: str) -> None:
    """What goes out is recorded: who, how much, whether in clear; never the data."""
    audit.record(
        "exported",
        actor_id=actor.id,
        subject_type=f"export.{what}",
        subject_id=None,
        branch_id=actor.branch_id,
        data={"rows": count, "in_clear": bool(reveal)},
    )


# ---- as a long job -------------------------------------------------------------------------------

# From here on a list is written by a worker: a browser does not wait for minutes.
AS_JOB_FROM = 5000


def carry_out(job: Job, watch: Watch) -> Ended:
    """Write the workbook a job asks for, by the filters its page had."""
    actor = actor_for(job.asked_by)
    query = QueryDict(job.options.get("query", ""))
    target = io.BytesIO()
    if job.kind == "export.orders":
        count = orders_book(actor, conditions_of(query), target, watch=watch)
    else:
        count = work_book(actor, target, **asdict(asked_of(actor, query)), watch=watch)
    return Ended(summary={"rows": count}, result=target.getvalue(), result_name=job.name)

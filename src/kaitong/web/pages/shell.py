"""What stands around every page: who sits here, and the two numbers that call for a hand."""

from __future__ import annotations

from dataclasses import dataclass

from kaitong.activation.reconciling import may_repair
from kaitong.core import wording
from kaitong.ordering.plans import may_withdraw
from kaitong.ordering.refunds import may_call
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.reporting import queries as reporting
from kaitong.transfer.calendars import may_edit
from kaitong.web import access

_POSTS_SHOWN = 2
HALL = frozenset({"clerk", "greeter", "supervisor"})


@dataclass(frozen=True, slots=True)
class Shell:
    person: str
    branch: str
    posts: tuple[str, ...]
    todo: int
    incidents: int
    counter: bool = False  # may take in orders (受理)
    transfers: bool = False  # may import (导入导出)
    calendars: bool = False  # may change working calendars (工作日历)
    supervisor: bool = False
    demands: bool = False  # sees who waits for coverage (待装需求)
    figures: bool = False  # may read the figures of the branch (报表)
    money: bool = False  # may take and give money (收费)
    network: bool = False  # repairs what reconciliation finds (对账)
    customers: bool = False  # reads customers (客户统一视图)
    hall: bool = False  # has to do with the hall's queue (排队)
    surveys: bool = False  # calls customers and reads what they say (满意度)
    plant: bool = False  # reads the network's records (资源台账)
    refunds: bool = False  # sees whose money waits at the counter (退单退费)


def shell_for(actor: Actor, *, todo: int | None = None) -> Shell:
    """`todo` where the page has counted it already."""
    english = wording.english()
    known = org.posts_by_key()
    posts = [
        (known[key].name_en if english and known[key].name_en else known[key].name)
        for key in sorted(actor.posts)
        if key in known
    ]
    if len(posts) > _POSTS_SHOWN:
        posts = [*posts[:_POSTS_SHOWN], f"+{len(posts) - _POSTS_SHOWN}"]
    branch = ""
    if actor.branch_id:
        own = org.branch(actor.branch_id)
        branch = own.name_en if english and own.name_en else own.name
    if todo is None:
        todo = process.waiting(actor)
    stuck = process.incidents(actor, limit=0).total
    return Shell(
        actor.name,
        branch,
        tuple(posts),
        todo,
        stuck,
        "clerk" in actor.posts,
        access.imports(actor),
        may_edit(actor),
        actor.is_supervisor,
        access.plans(actor),
        reporting.may_read(actor),
        may_withdraw(actor),
        may_repair(actor),
        access.reads_customers(actor),
        bool(HALL & actor.posts),
        access.calls_customers(actor),
        access.reads_plant(actor),
        may_call(actor),
    )

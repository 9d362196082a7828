"""入网参数: what is entered into a modem and a telephone adapter, and who may read the passwords.

The account of the line, and in a bundle the telephone's number and the circuit of television, are
on the page. Passwords are read by an act of their own, one recorded reading a service
(`inventory.reveal_password`): by whoever has a work item of the order in hand while it is open; by
who is out for a fault of the line (上门查障: what is exchanged is set up anew); by the counter on
the day on which a change gave a telephone a new one (过户, 密码重置), since nobody else knows it,
and while a telephone is added to a line (加装), whose customer connects it himself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.assurance import queries as assurance
from kaitong.assurance.models import Fault
from kaitong.catalog import names
from kaitong.core import db
from kaitong.core.clock import now
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.results import ServiceView
from kaitong.ordering import bundles, life_passwords
from kaitong.ordering import queries as ordering
from kaitong.ordering.choices import OrderState
from kaitong.ordering.errors import OrderForbidden, OrderRefused
from kaitong.ordering.models import Order
from kaitong.ordering.plans import may_withdraw
from kaitong.ordering.states import GOING
from kaitong.org.actor import Actor
from kaitong.playbooks import queries
from kaitong.process import queries as process
from kaitong.process.choices import OPEN_WORK, WorkState
from kaitong.process.errors import ProcessForbidden

FAULT = "fault_id"  # the variable of a fault's process


@dataclass(frozen=True, slots=True)
class Entry:
    """One service: what it is entered by. `password` only in the answer to a recorded reading."""

    title: str
    reached: str
    has_password: bool
    password: str = ""
    password_title: str = ""

    def __repr__(self) -> str:
        return f"Entry({self.title!r})"


def in_hand(actor: Actor, item: process.WorkDetail) -> bool:
    """Whether the item is open and this person's to do: claimed by him or by whom he covers."""
    going = item.state in OPEN_WORK and item.state != WorkState.SUSPENDED
    return going and actor.is_hand(item.post, item.claimed_by)


def of_item(actor: Actor, item: process.WorkDetail) -> tuple[Entry, ...]:
    """The card of a work item, without passwords; empty for who has it not in hand, for work that
    is no order's and no visit's to a fault, and before there is anything to enter."""
    if not in_hand(actor, item) or item.business_id is None:
        return ()
    services = _of(item)
    if not any(one.has_password for one in services):
        return ()
    if not ordering.by_ids(actor, [item.business_id]) and _fault(actor, item) is None:
        return ()
    return tuple(_entry(one) for one in services)


@db.whole()
def reveal_on_site(*, actor: Actor, item_id: UUID) -> tuple[Entry, ...]:
    """查看密码 on the spot: the passwords of the line and its telephone, for who has the work."""
    item = process.work_item(actor, item_id)
    if not in_hand(actor, item):
        raise ProcessForbidden(
            _("入网密码只给正在办这张工单的人看。"), _("请先接单；已办结或挂起的不再显示。")
        )
    fault = _fault(actor, item)
    if fault is not None:
        reason = f"入网参数：故障 {fault.number}，环节 {item.title}"
        return _revealed(actor, _of(item), reason)
    # else an order's, or nothing here
    order = ordering.order(actor, item.business_id or item.id)
    reason = f"入网参数：订单 {order.number}，环节 {item.title}"
    return _revealed(actor, _of(item), reason)


def renewed(actor: Actor, order: Order, services: Iterable[ServiceView]) -> tuple[Entry, ...]:
    """Telephones, alone or of a bundle, to which a change gives a new password, or gave one today,
    without it; empty for who is not of the counter."""
    return tuple(_entry(one) for one in _renewed(actor, order, services))


@db.whole()
def reveal_renewed(*, actor: Actor, order_id: UUID) -> tuple[Entry, ...]:
    """查看密码 at the counter, until the end of the day on which the change was completed."""
    order = ordering.order(actor, order_id)
    if not may_withdraw(actor):
        raise OrderForbidden(_("您的岗位不能查看密码。"), _("请由营业员或班长办理。"))
    services = _renewed(actor, order, inventory.services_of_order(order.id))
    if not services:
        raise OrderRefused(
            _("这个订单没有可以查看的新密码。"),
            _("只在换发密码或加装的业务办理期间和办结当天可以查看；过后请系统管理员用命令行查看。"),
        )
    return _revealed(actor, services, f"入网参数：订单 {order.number}，变更办结当天")


# ---- inside --------------------------------------------------------------------------------------


def _fault(actor: Actor, item: process.WorkDetail) -> Fault | None:
    """The fault that a work item outside is about (`fieldwork: posts`); None for other work."""
    outside = any(
        item.post in entry.get("posts", ()) for entry in queries.current_content("fieldwork")
    )
    if not outside or item.business_id is None:
        return None
    return next(iter(assurance.by_ids(actor, [item.business_id])), None)


def _of(item: process.WorkDetail) -> list[ServiceView]:
    """The services a work item's process is about, the line first."""
    line = item.variables.get("service_id")
    ids = [str(line)] if line else []
    if FAULT in item.variables:  # a fault's process knows the line alone
        found_with = inventory.parts_of([UUID(one) for one in ids])
        ids += [str(one.id) for parts in found_with.values() for one in parts]
    ids += [str(part["service_id"]) for part in item.variables.get(bundles.PARTS) or ()]
    found = inventory.services_by_ids([UUID(one) for one in ids]) if ids else []
    return sorted(found, key=lambda one: ids.index(str(one.id)))


def _renewed(actor: Actor, order: Order, services: Iterable[ServiceView]) -> list[ServiceView]:
    if not may_withdraw(actor):
        return []
    listed, done = list(services), order.completed_at
    if order.state in GOING:
        return _added(order, listed)
    if order.state != OrderState.COMPLETED or done is None:
        return []
    if timezone.localdate(done) != timezone.localdate(now()):
        return []
    return _added(order, listed) + [
        one
        for one in listed
        if one.has_password
        and one.account_since is not None
        and order.ordered_at <= one.account_since <= done
        and (one.lead_id is not None or life_passwords.made_by_us(one))
    ]


def _added(order: Order, services: list[ServiceView]) -> list[ServiceView]:
    """What this order adds to a line that was there before."""
    mine = {one.id for one in services if one.order_id == order.id}
    return [
        one
        for one in services
        if one.id in mine
        and one.lead_id is not None
        and one.lead_id not in mine
        and one.has_password
    ]


def _entry(service: ServiceView, password: str = "") -> Entry:
    called = names.of(service) if service.lead_id is None else None
    return Entry(
        title=called.account if called else service.title,
        reached=bundles.reached_by(service) or service.account,
        has_password=service.has_password,
        password=password,
        password_title=called.password if called else "",
    )


def _revealed(actor: Actor, services: list[ServiceView], reason: str) -> tuple[Entry, ...]:
    if not any(one.has_password for one in services):
        raise OrderRefused(_("还没有分配账号和密码。"), _("等资源配置办完再看。"))
    found = []
    for one in services:
        password = ""
        if one.has_password:
            password = inventory_verbs.reveal_password(
                actor=actor, service_id=one.id, reason=reason
            )
        found.append(_entry(one, password))
    return tuple(found)

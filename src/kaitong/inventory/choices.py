"""Words of the inventory: states, what each means, and which may follow which.

Each word carries a `tone` (ok, soon, late, wait, you) for screens; a word always stands beside it.
"""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Kind(models.TextChoices):
    """The specifications of resources this inventory is built around (`Resource.specification`)."""

    # a place that holds equipment: exchange room, estate, village
    SITE = "site", _("站点")
    # optical line terminal: the access node in the exchange
    OLT = "olt", _("OLT")
    # one optical port of an OLT; everything behind it shares it
    PON_PORT = "pon-port", _("PON 口")
    # a secondary splitter in its box, on a PON port
    SPLITTER = "splitter", _("分光器")
    # an output of a splitter: one household, FTTH
    SPLITTER_PORT = "splitter-port", _("分光器端口")
    # a building's optical network unit, FTTB
    ONU = "onu", _("楼道 ONU")
    # a user port of a building's ONU: one household, FTTB
    ONU_PORT = "onu-port", _("ONU 用户端口")


# Kinds of which one piece serves one household, by preference of automatic assignment.
LINE_PORTS = (Kind.SPLITTER_PORT, Kind.ONU_PORT)
BOXES = (Kind.SPLITTER, Kind.ONU)


class ResourceState(models.TextChoices):
    """State of a port (端口状态), and of anything else that can be taken or break."""

    # nobody has it; automatic assignment may take it
    FREE = "free", _("空闲")
    # held for an order that is not yet working, or for an unpaid draft
    PRE_EMPTED = "pre-empted", _("预占")
    # a working service runs over it; for equipment: it is in the network
    IN_USE = "in-use", _("占用")
    # its service has ended, the line is not yet taken down (or it rests): not to be taken
    PRE_RELEASED = "pre-released", _("预释放")
    # found bad; waits for repair
    DAMAGED = "damaged", _("损坏")
    # set aside by the resource post, for a project or a test
    KEPT = "kept", _("保留")

    @property
    def tone(self) -> str:
        return {"free": "ok", "pre-empted": "soon", "in-use": "you", "damaged": "late"}.get(
            self.value, "wait"
        )


RESOURCE_MOVES: dict[str, frozenset[str]] = {
    ResourceState.FREE: frozenset({"pre-empted", "in-use", "damaged", "kept"}),
    ResourceState.PRE_EMPTED: frozenset({"free", "in-use", "pre-released", "damaged"}),
    ResourceState.IN_USE: frozenset({"free", "pre-released", "damaged"}),
    # in use again: the cease was withdrawn before the line was taken down
    ResourceState.PRE_RELEASED: frozenset({"free", "in-use", "damaged"}),
    ResourceState.DAMAGED: frozenset({"free", "kept"}),
    ResourceState.KEPT: frozenset({"free", "damaged"}),
}


class AssignmentState(models.TextChoices):
    """How firmly a resource belongs to a service."""

    # for an unpaid draft, until `reserved_until`
    HELD = "held", _("草稿预占")
    # for an accepted order, until completion or withdrawal
    PRE_EMPTED = "pre-empted", _("预占")
    # the working service's
    IN_USE = "in-use", _("占用")
    # no longer; the row stays as history
    RELEASED = "released", _("已释放")


class ServiceState(models.TextChoices):
    """State of a service in operation (TMF638)."""

    # it was found that it can be delivered; nothing is set aside
    FEASIBILITY_CHECKED = "feasibilityChecked", _("已核实可行")
    # what it is made of is decided
    DESIGNED = "designed", _("已设计")
    # its resources are set aside
    RESERVED = "reserved", _("已预占")
    # built, but not working: not yet proven, or suspended
    INACTIVE = "inactive", _("未激活")
    # working, and proven
    ACTIVE = "active", _("在用")
    # ended
    TERMINATED = "terminated", _("已终止")

    @property
    def tone(self) -> str:
        return {"active": "ok", "inactive": "soon"}.get(self.value, "wait")


class SuspensionKind(models.TextChoices):
    """Why a service that worked stands still; each ends by itself (BB-04)."""

    # the customer asked for it
    REQUEST = "request", _("客户停机")
    # bills are unpaid
    ARREARS = "arrears", _("欠费停机")
    # the operator or an authority wants it
    ADMINISTRATIVE = "administrative", _("管理停机")


SERVICE_BIRTHS = frozenset({"feasibilityChecked", "designed", "reserved", "inactive", "active"})
SERVICE_MOVES: dict[str, frozenset[str]] = {
    ServiceState.FEASIBILITY_CHECKED: frozenset({"designed", "reserved", "inactive", "active"}),
    ServiceState.DESIGNED: frozenset({"reserved", "inactive", "active"}),
    ServiceState.RESERVED: frozenset({"designed", "inactive", "active"}),
    ServiceState.INACTIVE: frozenset({"active"}),
    ServiceState.ACTIVE: frozenset({"inactive", "terminated"}),
    ServiceState.TERMINATED: frozenset({"active"}),
}


class Verdict(models.TextChoices):
    """What can be had at an address (BB-17); the refusals are told apart."""

    # a port is free now
    AVAILABLE = "available", _("可开通")
    # no box serves this address and nothing is planned
    NOT_COVERED = "not-covered", _("未覆盖")
    # boxes serve it, every port of them is taken: waits for expansion
    NO_FREE_PORT = "no-free-port", _("无空闲端口")
    # a construction plan will reach it
    PLANNED = "planned", _("规划中")
    # the property's management lets nobody in
    NO_ENTRY = "no-entry", _("物业不允许进入")

    @property
    def tone(self) -> str:
        return {"available": "ok", "no-free-port": "soon", "planned": "wait"}.get(
            self.value, "late"
        )


class NumberState(models.TextChoices):
    """State of a number in its pool."""

    # nobody has it
    FREE = "free", _("空闲")
    # picked for a draft or an order (选号), until `held_until`
    HELD = "held", _("预占")
    # a service has it
    IN_USE = "in-use", _("占用")
    # given back, rests until `rests_until` (冷冻期) so that strangers' calls do not reach the next
    QUARANTINE = "quarantine", _("冷冻期")


class TerminalKind(models.TextChoices):
    """What a terminal is: which service it is installed for."""

    # optical network unit at the customer's: the line, and the telephone's socket
    ONU = "onu", _("光猫")
    # set-top box: television
    SET_TOP = "set-top", _("机顶盒")


class TerminalState(models.TextChoices):
    """Where a terminal (光猫) is: terminals are stock."""

    # on the shelf of the branch
    IN_STOCK = "in-stock", _("在库")
    # in the hands of an installer
    ISSUED = "issued", _("领用")
    # at the customer's, bound to a service
    INSTALLED = "installed", _("已装")
    # the service ended, the box is still at the customer's
    TO_RECOVER = "to-recover", _("待回收")
    # written off
    SCRAPPED = "scrapped", _("报废")


TERMINAL_MOVES: dict[str, frozenset[str]] = {
    TerminalState.IN_STOCK: frozenset({"issued", "installed", "scrapped"}),
    TerminalState.ISSUED: frozenset({"in-stock", "installed", "scrapped"}),
    TerminalState.INSTALLED: frozenset({"to-recover", "issued", "in-stock", "scrapped"}),
    TerminalState.TO_RECOVER: frozenset({"installed", "in-stock", "issued", "scrapped"}),
    TerminalState.SCRAPPED: frozenset(),
}

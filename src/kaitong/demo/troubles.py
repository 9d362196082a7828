"""What broke in the demo's county: faults of lines opened in its story, at every stage."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from kaitong.activation import queries as activation
from kaitong.assurance import services as assurance
from kaitong.assurance.models import Fault
from kaitong.core.clock import now
from kaitong.demo.acts import SYSTEM, Case
from kaitong.demo.tales import Tale, completed
from kaitong.inventory import queries as inventory

NOT_SOLVED = {"restarted": "same", "result": "not-solved"}


class Ticket(Case):
    """The work on a ticket: found by its identifier, as an order's is by the order's."""


def report(case: Case, symptom: str, *, hotline: str = "10086", words: str = "") -> Ticket | None:
    """The customer calls; None where the line never came to work (a story without a network)."""
    assert case.order is not None
    service = next(iter(inventory.services_of_order(case.order.id)), None)
    if service is None:
        return None
    fault = assurance.take_in(
        actor=case.stage.hands[f"{case.branch}.hotline"][case.serial % 2],
        report=assurance.Report(
            service_id=service.id,
            symptom=symptom,
            description=words,
            channel="hotline",
            hotline=hotline,
            idempotency_key=f"demo-fault-{case.serial}",
        ),
    )
    if fault.instance_id is None:
        return None
    ticket = Ticket(case.stage, case.serial, None)
    ticket.order = _seen_as_order(fault)
    return ticket


def _seen_as_order(fault: Fault) -> Any:
    """Acts of the story ask a case's order for its identifier and nothing else."""
    return fault


def guided(case: Case, opened: dict[str, Any], broke: float, words: str) -> Tale:
    """Solved on the telephone."""
    yield from completed(case, **opened)
    yield broke
    ticket = report(case, "slow", words=words)
    yield broke - 7
    if ticket is not None:
        ticket.complete(
            "PreHandle",
            lights="normal",
            dial="slow",
            restarted="works",
            result="solved",
            fault_cause="customer.router",
        )


def mended(case: Case, opened: dict[str, Any], broke: float, *, until: str, again: bool) -> Tale:
    """An installer mends it; `until` is the step where the story leaves it. `again`: the customer
    says it is not mended."""
    yield from completed(case, **opened)
    yield broke
    ticket = report(case, "no-internet", hotline="10050", words="昨晚打雷以后断的")
    if ticket is None:
        return
    steps = (
        ("PreHandle", 6, {**NOT_SOLVED, "lights": "los-red"}),
        ("Locate", 20, {"location": "outside", "finding": "端口收光 −31 dBm，同箱其他用户正常"}),
        ("Visit", 80, {"found": "line", "contacted": True}),
        ("Repair", 35, {"work": "connector", "power_dbm": -19.4}),
        ("SupportClose", 15, {"fault_cause": "outside.connector"}),
        ("CallBack", 60, {"reached": "yes", "fixed": "no" if again else "yes"}),
    )
    for step, later, answers in steps:
        if step == until:
            return
        yield (broke := broke - later)
        if step == "CallBack":
            answers |= {"score": 2 if again else case.chance.choice((5, 5, 4))}
            if again:
                answers |= {"unhappy": "result.again", "remark": "晚上又断了"}
        ticket.complete(step, **answers)


def cable(case: Case, opened: dict[str, Any], broke: float) -> Tale:
    """The installer finds the cable broken: transmission maintenance has it now; urged."""
    yield from completed(case, **opened)
    yield broke
    ticket = report(case, "no-light", words="小区门口在施工")
    if ticket is None:
        return
    yield (broke := broke - 5)
    ticket.complete("PreHandle", **NOT_SOLVED, lights="los-red", others="no")
    yield (broke := broke - 25)
    ticket.complete("Locate", location="outside", finding="端口无光")
    yield (broke := broke - 50)
    ticket.complete("Visit", found="cable", contacted=True, visit_note="分光器入口无光")
    yield (broke := broke - 15)
    ticket.complete("SupportCable")
    yield broke - 30
    assert ticket.order is not None
    fault_id: UUID = ticket.order.id
    agent = case.stage.hands[f"{case.branch}.hotline"][1]
    if not Fault.objects.get(pk=fault_id).urged:
        assurance.urge(actor=agent, fault_id=fault_id, words="什么时候能修好")


def alarmed(case: Case, opened: dict[str, Any], broke: float) -> Tale:
    """The PON port's light is gone: the alarm proposes a common cause, and customers call."""
    yield from completed(case, **opened)
    yield broke
    assert case.order is not None
    service = next(iter(inventory.services_of_order(case.order.id)), None)
    line = activation.line_of_account(service.account) if service and service.account else None
    if line is None:
        return
    assurance.report_alarm(
        SYSTEM,
        source="snmp",
        source_id=f"demo-{case.serial}",
        element=line.access_node,
        component=line.pon_port,
        kind="pon-los",
        severity="critical",
        at=now(),
        cleared=False,
        text="LOS",
    )
    yield broke - 3
    report(case, "no-light", words="整栋楼都断了")

"""The order of twelve steps that `bench process` carries through three engines.

One start and five transactions of people: an automatic check, feasibility, a port, then two ways
at once (an appointment and the installation; the element's data and the network's check), their
join, a line test, acceptance, billing and the customer's notice. The two long steps carry a
boundary timer that does not interrupt. One drawing gives the file of each engine, so that they run
the same; what SpiffWorkflow runs as a called process within the step, Kaitong runs in place: its
call activity is an instance with transactions of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from kaitong.process.actions import Action, ActionContext, Outcome

KEY = "bench-broadband"
ACTION = "bench.write-data"
NODES = 12  # tasks of an order, people's and machines': what the peers call steps
TRANSACTIONS = 6  # one start and five completions

PEOPLE: Mapping[str, str] = {  # task -> post
    "feasibility": "clerk",
    "appointment": "service",
    "install": "installer",
    "noccheck": "monitor",
    "accept": "clerk",
}
SCRIPTS: Mapping[str, tuple[str, str, str]] = {  # task -> variable, FEEL, Python
    "validate": ("valid", "speed > 10", "speed > 10"),
    "reserve": ("port", '"OLT-1/0/" + string(speed)', "'OLT-1/0/' + str(speed)"),
    "olt": ("vlan", "100 + modulo(speed, 7)", "100 + speed % 7"),
    "linetest": ("test_ok", "true", "True"),
    "bill": ("account", '"ACC" + string(speed)', "'ACC' + str(speed)"),
    "notify": ("notified", "true", "True"),
}
ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "feasibility": {"feasible": True, "olt_name": "HY-OLT-01"},
    "appointment": {"slot": "2026-01-05T09:00/12:00"},
    "install": {"ont_sn": "ZTEG12345678", "photos": ["a.jpg", "b.jpg"]},
    "noccheck": {"noc_ok": True},
    "accept": {"signed": True, "score": 5},
}
DATA: Mapping[str, Any] = {
    "order_id": "ORD-000001",
    "customer": {"id": "C1", "grade": "home", "contact": "0559-0000000", "site": "B00010203"},
    "speed": 500,
    "product": "FTTH-500",
    "items": [{"sku": "ONT-1", "qty": 1}, {"sku": "FTTH500", "qty": 1}],
}
# Every step of people has a clock on the working calendar; two have a boundary timer besides.
PARAMETERS: Mapping[str, Any] = {
    "calendar": "cn",
    "answer_within": {"kind": "working-hours", "amount": 4, "unit": "hours"},
    "install_within": {"kind": "working-days", "amount": 2, "unit": "days"},
    "check_within": {"kind": "working-days", "amount": 1, "unit": "days"},
}
_BUDGETS = {"install": "install_within", "noccheck": "check_within"}
_CONDITIONS = {"g_feas": ("feasible = true", "feasible == True"), "g_test": ("test_ok",) * 2}
_WAYS = (
    "start validate feasibility g_feas",
    "reserve split appointment install join",
    "split olt noccheck join linetest g_test",
    "sla_install end_sla",
    "sla_noccheck end_sla2",
)
_BILLING = "bill notify"
_DECISIONS = {"g_feas": ("reserve", "end_rej"), "g_test": ("accept", "end_fail")}


def drawing(*, spiff: bool = False, command: bool = False) -> bytes:
    """The BPMN file: as Kaitong reads it, or as SpiffWorkflow does.

    `command`: the element's data are written by an external action, a command with its worker.
    """
    last = "accept billing end" if spiff else f"accept {_BILLING} end"
    flows = [pair for way in (*_WAYS, last) for pair in _pairs(way.split())]
    nodes = list(dict.fromkeys(name for flow in flows for name in flow))
    nodes += [name for way in _DECISIONS.values() for name in way if name not in nodes]
    body = [_node(name, spiff=spiff, command=command) for name in nodes]
    for number, (source, target) in enumerate(flows):
        body.append(_flow(f"f{number}", source, target))
    for name, (yes, no) in _DECISIONS.items():
        condition = escape(_CONDITIONS[name][spiff])
        body.append(
            f'<sequenceFlow id="{name}_yes" sourceRef="{name}" targetRef="{yes}">'
            f'<conditionExpression xsi:type="tFormalExpression">{condition}</conditionExpression>'
            "</sequenceFlow>"
        )
        body.append(_flow(f"{name}_no", name, no))
    lanes: dict[str, list[str]] = {"system": [name for name in nodes if name not in PEOPLE]}
    for name, post in PEOPLE.items():
        lanes.setdefault(post, []).append(name)
    drawn = "".join(
        f'<lane id="lane_{post}" name="{post}" kaitong:post="{post}">'
        + "".join(f"<flowNodeRef>{name}</flowNodeRef>" for name in members)
        + "</lane>"
        for post, members in lanes.items()
    )
    called = _called() if spiff else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"'
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xmlns:kaitong="urn:kaitong:bpmn" targetNamespace="bench">'
        f'<process id="{KEY}" name="性能测试" isExecutable="true">'
        f'<laneSet id="lanes">{drawn}</laneSet>{"".join(body)}</process>{called}</definitions>'
    ).encode()


def _called() -> str:
    """Billing as a process of its own."""
    names = ["start_billing", *_BILLING.split(), "end_billing"]
    body = [_node(name, spiff=True, command=False) for name in names]
    body += [_flow(f"b{n}", *pair) for n, pair in enumerate(_pairs(names))]
    return f'<process id="billing_sub" isExecutable="true">{"".join(body)}</process>'


def _pairs(names: list[str]) -> list[tuple[str, str]]:
    return list(pairwise(names))


def _flow(name: str, source: str, target: str) -> str:
    return f'<sequenceFlow id="{name}" sourceRef="{source}" targetRef="{target}"/>'


def _node(name: str, *, spiff: bool, command: bool) -> str:
    known = f"id={quoteattr(name)} name={quoteattr(name)}"
    if name == "billing":
        return f'<callActivity {known} calledElement="billing_sub"/>'
    if name.startswith("start"):
        return f"<startEvent {known}/>"
    if name.startswith("end"):
        return f"<endEvent {known}/>"
    if name in _DECISIONS:
        return f'<exclusiveGateway {known} default="{name}_no"/>'
    if name in ("split", "join"):
        return f"<parallelGateway {known}/>"
    if name.startswith("sla_"):
        days = {"sla_install": "P2D", "sla_noccheck": "P1D"}[name]
        duration = f'"{days}"' if spiff else days
        return (
            f'<boundaryEvent {known} cancelActivity="false" attachedToRef="{name[4:]}">'
            '<timerEventDefinition><timeDuration xsi:type="tFormalExpression">'
            f"{duration}</timeDuration></timerEventDefinition></boundaryEvent>"
        )
    if name in PEOPLE:
        budget = _BUDGETS.get(name, "answer_within")
        own = f' kaitong:form="{name}" kaitong:budget="{budget}"'
        return f"<userTask {known}{'' if spiff else own}/>"
    variable, feel, python = SCRIPTS[name]
    if spiff:
        script = escape(f"{variable} = {python}")
        return f"<scriptTask {known}><script>{script}</script></scriptTask>"
    if command and name == "olt":
        return f'<serviceTask {known} kaitong:action="{ACTION}" kaitong:in="speed=speed"/>'
    return (
        f'<scriptTask {known} scriptFormat="FEEL" kaitong:result="{variable}">'
        f"<script>{escape(feel)}</script></scriptTask>"
    )


def actions() -> list[Action]:
    """The element's data by an external action: a command of its own."""

    def run(context: ActionContext) -> Outcome:
        return {"vlan": 100 + context.inputs["speed"] % 7}

    return [Action(ACTION, "external", run)]

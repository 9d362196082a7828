"""What the installer changes on the spot, without calling anyone: port, terminal, data.

Each verb holds the work item's instance, so that only whoever has the work in hand changes what it
is about, and starts in the same transaction what follows: the data sent again and proven (a proof
made before the change no longer counts), and the resource post's look at a port that was left.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core.errors import BadInput, InputFault
from kaitong.documents import services as documents
from kaitong.documents.choices import AttachmentKind
from kaitong.fieldwork import queries, subject
from kaitong.fieldwork.check import judge_terminal
from kaitong.fieldwork.choices import ChangeKind, Finding, Tone
from kaitong.fieldwork.errors import ChangeRefused, CheckStale
from kaitong.fieldwork.models import Change
from kaitong.fieldwork.rules import PortReason, Rules
from kaitong.fieldwork.words import sentence
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.results import NoPort, PortView, ServiceView
from kaitong.org.actor import Actor
from kaitong.process import services as process
from kaitong.process.services import StepContext


def change_port(
    *,
    actor: Actor,
    item_id: UUID,
    to_port_id: UUID | None,
    reason: str,
    rules: Rules,
    was_port_id: UUID | None = None,
) -> Change:
    """换端口: move the line to a named free port, or to the next free one of the address.

    What the old port is afterwards (free, damaged) and whether the resource post looks at it, the
    reason says. Raises PortTakenElsewhere when somebody was faster, ChangeRefused when there is no
    other port. `was_port_id`: the port that was to be left; when the line has moved from there
    meanwhile, CheckStale says so and nothing is changed.
    """
    why = rules.port_reason(reason)
    with process.held(actor=actor, item_id=item_id) as step:
        service = _service(step)
        if was_port_id is not None and (service.port is None or service.port.id != was_port_id):
            raise CheckStale(
                _("端口刚刚已改为 %(port)s。") % {"port": service.port_text}, _("请核对后再改。")
            )
        if to_port_id is not None and service.port and service.port.id == to_port_id:
            raise ChangeRefused(_("这就是现在登记的端口。"), _("请选另一个端口。"), field="port")
        return _move(step, service, to_port_id, why, rules, ChangeKind.PORT)


def correct_port(
    *, actor: Actor, item_id: UUID, check_id: UUID, rules: Rules, to_port_id: UUID | None = None
) -> Change:
    """更正登记: the line was seen elsewhere than registered, and the installer says it is right.

    One confirmation: takes a free port of the seen PON port (`corrections`), once for each check.
    """
    why = rules.port_reason(rules.correction)
    with process.held(actor=actor, item_id=item_id) as step:
        before = Change.objects.filter(check_id=check_id, kind=ChangeKind.CORRECT).first()
        if before is not None:
            return before
        check = queries.check(actor, check_id)
        service = _service(step)
        if check is None or check.item_id != item_id or _moved(check, service):
            raise CheckStale(_("核验以后端口变了。"), _("请再核验一次。"))
        offered = corrections(actor, check, service)
        wanted = [port for port in offered if to_port_id in (None, port.id)]
        if not wanted:
            raise ChangeRefused(
                _("现网看到的 PON 口下没有可以登记的空闲端口。"),
                _("请改回登记的端口，或请资源配置岗核查。"),
                field="port",
            )
        return _move(step, service, wanted[0].id, why, rules, ChangeKind.CORRECT, check_id)


def corrections(actor: Actor, check: queries.CheckView, service: ServiceView) -> list[PortView]:
    """The ports a record may be corrected to after this check, best first; empty when none.

    Free ports of the seen PON port that cover the address; where there is none, but the seen
    logical identifier is this line's, any free port behind that PON port.
    """
    finding = check.finding(Finding.PORT)
    node, pon = str(check.seen.get("access_node", "")), str(check.seen.get("pon_port", ""))
    if finding is None or finding.tone != Tone.LATE or not node or service.address_id is None:
        return []
    covering = [
        port
        for port in inventory.free_ports(actor, service.address_id)
        if (port.access_node, port.pon_port) == (node, pon)
    ]
    if covering or check.seen.get("logical_id") != service.logical_id:
        return covering
    return inventory.free_ports_on(actor, node, pon)


def change_terminal(
    *, actor: Actor, item_id: UUID, serial: str, reason: str, rules: Rules
) -> Change:
    """换终端: install the scanned piece, send the old one where the reason says, data again."""
    why = rules.terminal_reason(reason)
    with process.held(actor=actor, item_id=item_id) as step:
        service = _service(step)
        was = inventory_verbs.hold_line(actor=actor, service_id=service.id).serial
        wanted = serial.strip().upper()
        if was == wanted:
            raise ChangeRefused(
                _("这就是现在登记的终端。"), _("请扫新终端的串号。"), field="serial"
            )
        tone, facts = judge_terminal(actor, service, wanted)
        if tone == Tone.LATE:
            what, remedy = sentence(Finding.TERMINAL, tone, facts)
            raise ChangeRefused(what, remedy, field="serial")
        terminal = inventory_verbs.install_terminal(
            actor=actor, service_id=service.id, serial=wanted, old_becomes=why.old
        )
        change = _made(step, service, ChangeKind.TERMINAL, was, terminal.serial, why.key)
        change.resend_id = _resend(step, service, rules)
        change.save(force_insert=True)
        _note(step, "terminal-changed", {"reason": why.title, "was": was, "now": wanted})
        return change


def resend_data(*, actor: Actor, item_id: UUID, rules: Rules) -> Change:
    """重发数据: account and plan into the network again, and the account proven again.

    While an earlier one is still on its way, that one is answered.
    """
    with process.held(actor=actor, item_id=item_id) as step:
        service = _service(step)
        last = (
            Change.objects.filter(item_id=item_id, resend_id__isnull=False).order_by("-id").first()
        )
        if last is not None and queries.resending(last.resend_id).state == "running":
            return last
        change = _made(step, service, ChangeKind.RESEND, "", "", "")
        change.resend_id = _resend(step, service, rules)
        change.save(force_insert=True)
        _note(step, "data-resent", {})
        return change


def require_on_site(step: StepContext) -> None:
    """Only a step that looks at the line (`kaitong:check`) is at the customer's. Whoever checks a
    port that was left, or what a withdrawal removed, has nothing to change there."""
    if not step.node.extension.get("check"):
        raise ChangeRefused(
            _("这个环节不在现场，不能核验或更改线路。"), _("请由上门的装维人员办理。")
        )


# ---- inside --------------------------------------------------------------------------------------


def _service(step: StepContext) -> ServiceView:
    """The service the step is about, its row locked: what is read now stays until the end."""
    require_on_site(step)
    service_id = UUID(str(step.variables["service_id"]))
    inventory_verbs.hold_line(actor=step.actor, service_id=service_id)
    return inventory.service(step.actor, service_id)


def _moved(check: queries.CheckView, service: ServiceView) -> bool:
    return str(service.port.id if service.port else "") != check.subject.get("port")


def _move(
    step: StepContext,
    service: ServiceView,
    to_port_id: UUID | None,
    why: PortReason,
    rules: Rules,
    kind: ChangeKind,
    check_id: UUID | None = None,
) -> Change:
    old = service.port
    taken = inventory_verbs.change_port(
        actor=step.actor,
        service_id=service.id,
        to_port_id=to_port_id,
        old_becomes=why.old,
        reason=why.title,
    )
    if isinstance(taken, NoPort):
        raise ChangeRefused(
            _("没有别的空闲端口：%s") % taken.text, _("请待装，或请资源配置岗处理。"), field="port"
        )
    change = _made(step, service, kind, service.port_text, taken.text, why.key)
    change.check_id = check_id
    change.resend_id = _resend(step, service, rules)
    if why.resource_check and old is not None:
        change.resource_check_id = _resource_check(step, service, old, why, rules)
    change.save(force_insert=True)
    data = {"port": taken.text, "was": service.port_text, "reason": why.title}
    _note(step, "port-corrected" if kind is ChangeKind.CORRECT else "port-changed", data)
    return change


def _made(
    step: StepContext, service: ServiceView, kind: ChangeKind, was: str, now: str, reason: str
) -> Change:
    return Change(
        branch_id=step.branch_id,
        kind=kind,
        item_id=step.item_id,
        order_id=step.business_id,
        service_id=service.id,
        actor_id=step.actor.id,
        reason=reason,
        was=was[:200],
        now=now[:200],
    )


def _resend(step: StepContext, service: ServiceView, rules: Rules) -> UUID:
    return _begin(step, rules.need(rules.resend), {"service_id": str(service.id)})


def _resource_check(
    step: StepContext, service: ServiceView, old: PortView, why: PortReason, rules: Rules
) -> UUID:
    instance = _begin(
        step,
        rules.need(rules.resource_check),
        {
            "service_id": str(service.id),
            "port_id": str(old.id),
            "port": old.text,
            "cause": why.title,
        },
    )
    _note(step, "resource-check", {"port": old.text, "reason": why.title})
    return instance


def _begin(step: StepContext, definition_id: UUID, variables: dict[str, Any]) -> UUID:
    return process.start(
        actor=step.actor,
        definition_id=definition_id,
        business_id=step.business_id,
        branch_id=step.branch_id,
        variables={**_about(step), **variables},
        parameters=step.parameters,
    )


def _about(step: StepContext) -> dict[str, Any]:
    """What a process begun on the spot is about, as its own steps must know it."""
    names = ("fault_id", "cause_id")
    known = {name: step.variables[name] for name in names if name in step.variables}
    return known or {"order_id": str(step.business_id)}


def _note(step: StepContext, kind: str, data: dict[str, Any]) -> None:
    subject.note(step, kind, data)


# ---- giving up -----------------------------------------------------------------------------------


def give_up(*, actor: Actor, item_id: UUID, title: str, photo: str) -> process.Progress:
    """退单: the order cannot be delivered; the step ends by saying so, a person decides.

    Only a step whose process says `kaitong:returns` may. `title` is the reason's two levels in
    words, `photo` an upload of the item that bears it out. No live check: nothing was installed.
    """

    def within(step: StepContext) -> dict[str, Any]:
        variable = step.node.extension.get("returns", "")
        if not variable:
            raise ChangeRefused(_("这个环节不能退单。"), _("请转网管监控或班长处理。"))
        try:
            attachment_id = UUID(photo)
        except ValueError:
            raise BadInput(
                [InputFault("photo", _("退单要有照片凭据。"), _("请拍照上传。"))]
            ) from None
        if step.business_id is not None:
            documents.use_photo(
                actor=actor,
                attachment_id=attachment_id,
                kind=AttachmentKind.EVIDENCE,
                from_id=step.item_id,
                owner_type=subject.owner_type(step.variables),
                owner_id=step.business_id,
                field="photo",
            )
        _note(step, "given-up", {"reason": title, "photo": str(attachment_id)})
        return {variable: "return", "decision_reason": title}

    return process.complete(actor=actor, item_id=item_id, values={}, within=within)

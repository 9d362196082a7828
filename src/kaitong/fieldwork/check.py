"""The live check (现网核验): is the customer's line where the inventory says, with light and login?

Runs outside of any transaction, because it asks the network, and leaves a row behind whatever it
finds. What it compares: the account's open session with the registered access node, PON port and
logical identifier (E8C-02, practice.md); the received power with the playbook's limits; the
terminal with stock. A passive splitter's output port cannot be seen from the network: the photo of
its label stands for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.activation import services as activation
from kaitong.activation.adapters.base import Proof, ProofResult
from kaitong.activation.errors import Unreachable
from kaitong.core.errors import InputFault, KaitongError, NotFound
from kaitong.core.ids import uuid7
from kaitong.core.masking import mask_account
from kaitong.documents import queries as documents
from kaitong.documents import services as document_verbs
from kaitong.documents.choices import AttachmentKind
from kaitong.fieldwork import subject, words
from kaitong.fieldwork.choices import Finding, Tone
from kaitong.fieldwork.errors import CheckFailed, CheckStale
from kaitong.fieldwork.models import Check
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import TerminalState
from kaitong.inventory.results import ServiceView
from kaitong.org.actor import Actor
from kaitong.process.services import StepContext

Look = Callable[[ServiceView, UUID | None, str], Proof]  # what the network shows of a service

# Answers of the form by what they write; the others are nothing to the check.
SERIAL, POWER = "service.terminal_serial", "service.power_dbm"
OVERRIDE_REASON, OVERRIDE_PHOTO = "check.override_reason", "check.override_photo"
FOR_CHECK = frozenset({OVERRIDE_REASON, OVERRIDE_PHOTO})
_FRESH_SECONDS = 120
_CAN_BE_INSTALLED = frozenset(
    {TerminalState.IN_STOCK, TerminalState.ISSUED, TerminalState.TO_RECOVER}
)
# Findings that stand at a field of the form.
_FIELDS = {Finding.POWER: POWER, Finding.TERMINAL: SERIAL}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Whose work is checked, and what its form says. `written` is the answers by their target."""

    actor: Actor
    item_id: UUID
    order_id: UUID | None
    branch_id: UUID
    variables: Mapping[str, Any]
    parameters: Mapping[str, Any]
    written: Mapping[str, Any] = field(default_factory=dict)

    @property
    def service_id(self) -> UUID:
        return UUID(str(self.variables["service_id"]))

    @classmethod
    def of(cls, step: StepContext, written: Mapping[str, Any]) -> Asked:
        """As the completing transaction knows it, to be asked after that has rolled back."""
        return cls(
            actor=step.actor,
            item_id=step.item_id,
            order_id=step.business_id,
            branch_id=step.branch_id,
            variables=step.variables,
            parameters=step.parameters,
            written=written,
        )


def check_line(asked: Asked, *, look: Look = activation.see_line) -> Check:
    """Look at the line and keep what was found. Never raises for what the network says."""
    begun = time.perf_counter()
    check_id = uuid7()
    service = inventory.service(asked.actor, asked.service_id)
    found: list[dict[str, Any]] = []
    expected, seen = _line(asked, service, look, check_id, found)
    installed, serial = _terminal(asked, service, found)
    _power(asked, service, found)
    ok = all(finding["tone"] != Tone.LATE for finding in found)
    override, evidence = ("", None) if ok else _override(asked)
    return Check.objects.create(
        id=check_id,
        branch_id=asked.branch_id,
        kind="line",
        item_id=asked.item_id,
        order_id=asked.order_id,
        service_id=service.id,
        actor_id=asked.actor.id,
        ok=ok,
        findings=found,
        expected=expected,
        seen=seen,
        subject=_subject(service, installed, serial),
        took_ms=round((time.perf_counter() - begun) * 1000),
        override_reason=override,
        evidence_id=evidence,
    )


def require(check: Check, fields: Mapping[str, str] | None = None) -> None:
    """Raise CheckFailed with a fault a finding, unless it passed or a supervisor let it pass.

    `fields` names the form's field for each target of `writes:`, so that faults stand there.
    """
    if check.ok or check.override_reason:
        return
    bad = [finding for finding in check.findings if finding["tone"] == Tone.LATE]
    faults = []
    for finding in bad:
        what, remedy = words.sentence(finding["code"], finding["tone"], finding["facts"])
        target = _FIELDS.get(finding["code"], "")
        faults.append(InputFault((fields or {}).get(target, finding["code"]), what, remedy))
    faults.sort(key=lambda fault: fault.field not in (fields or {}).values())  # the form's first
    raise CheckFailed(
        faults,
        check_id=check.pk,
        findings=[finding["code"] for finding in bad],
        account=str(check.expected.get("account", "")),
    )


def hold(check: Check, step: StepContext) -> None:
    """In the completing transaction: the check still speaks of this line, and is fresh.

    The service is locked, so that whoever would change its port waits until this has ended. Raises
    CheckStale otherwise. An override is written into the order's timeline.
    """
    fresh = float(step.parameters.get("check_fresh", _FRESH_SECONDS))
    if (step.now - check.created_at).total_seconds() > fresh:
        raise CheckStale(_("核验已经过时。"), _("请再核验一次。"))
    line = inventory_verbs.hold_line(actor=step.actor, service_id=check.service_id)
    if (line.port, line.logical_id) != (check.subject["port"], check.subject["logical_id"]):
        raise CheckStale(_("核验以后端口或逻辑 SN 变了。"), _("请再核验一次。"))
    if line.serial != check.subject["installed"]:
        raise CheckStale(_("核验以后终端变了。"), _("请再核验一次。"))
    if not check.ok and step.business_id is not None and check.evidence_id is not None:
        document_verbs.use_photo(
            actor=step.actor,
            attachment_id=check.evidence_id,
            kind=AttachmentKind.EVIDENCE,
            from_id=step.item_id,
            owner_type=subject.owner_type(step.variables),
            owner_id=step.business_id,
        )
        data = {"reason": check.override_reason, "check": str(check.pk)}
        subject.note(step, "check-overridden", data)


def _subject(service: ServiceView, installed: str, serial: str) -> dict[str, str]:
    """The line a check speaks of: `installed` when it was made, `terminal` what it looked at."""
    return {
        "port": str(service.port.id) if service.port else "",
        "logical_id": service.logical_id,
        "installed": installed,
        "terminal": serial,
    }


# ---- what is looked at ---------------------------------------------------------------------------


def _add(found: list[dict[str, Any]], code: Finding, tone: Tone, **facts: Any) -> None:
    found.append({"code": code.value, "tone": tone.value, "facts": facts})


def _line(
    asked: Asked, service: ServiceView, look: Look, check_id: UUID, found: list[dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """(expected, seen) of the session; places and identifiers of the line, nothing personal."""
    account = mask_account(service.account)
    expected: dict[str, Any] = {"account": account, "logical_id": service.logical_id}
    if service.port is not None:
        expected |= {
            "access_node": service.port.access_node,
            "pon_port": service.port.pon_port,
            "port": service.port.text,
        }
    if not account or service.port is None:
        what = _("还没有账号。") if service.port is not None else _("还没有端口。")
        _add(found, Finding.DATA, Tone.LATE, what=str(what))
        return expected, {}
    try:
        proof = look(service, asked.order_id, f"check:{check_id}")
    except Unreachable:
        _add(found, Finding.AWAY, Tone.LATE)
        return expected, {}
    except KaitongError as error:
        _add(found, Finding.DATA, Tone.LATE, what=str(error.what))
        return expected, {}
    expected |= dict(proof.facts.get("expected", {}))
    seen = {k: v for k, v in dict(proof.facts.get("seen", {})).items() if k != "address"}
    _session(proof, account, expected, seen, found)
    proven = service.latest.get("account")
    if "account" in service.proven_by:
        good = proven is not None and proven.ok and proven.counts
        _add(found, Finding.ACCOUNT, Tone.OK if good else Tone.WAIT, account=account)
    return expected, seen


def _session(
    proof: Proof,
    account: str,
    expected: Mapping[str, Any],
    seen: Mapping[str, Any],
    found: list[dict[str, Any]],
) -> None:
    # an element without access servers sees who is registered, and not where: no place is told
    kind = {} if "expected" not in proof.facts or proof.facts["expected"] else {"registered": True}
    if proof.result is ProofResult.NOT_SEEN:
        _add(found, Finding.SESSION, Tone.LATE, account=account, **kind)
        return
    _add(found, Finding.SESSION, Tone.OK, account=account, **kind)
    if kind:
        return
    differ = set(proof.facts.get("differences", ()))
    if "nas_port_id" in differ:
        _add(found, Finding.PORT_NAME, Tone.LATE, seen=seen.get("nas_port_id", ""))
        return
    tone = Tone.LATE if differ & {"access_node", "pon_port"} else Tone.OK
    was, now = _place(expected), _place(seen)
    _add(found, Finding.PORT, tone, seen=now or was, expected=was)
    tone = Tone.LATE if "logical_id" in differ else Tone.OK
    facts = {"seen": seen.get("logical_id", ""), "expected": expected.get("logical_id", "")}
    _add(found, Finding.LOGICAL_ID, tone, **facts)
    if "user_port" in differ:
        facts = {"seen": seen.get("user_port", ""), "expected": expected.get("user_port", "")}
        _add(found, Finding.USER_PORT, Tone.LATE, **facts)


def _place(facts: Mapping[str, Any]) -> str:
    return f"{facts.get('access_node', '')} {facts.get('pon_port', '')}".strip()


def limits(parameters: Mapping[str, Any]) -> dict[str, Decimal]:
    """`power_limits` of the playbook in dBm: lowest, good_from, highest; what is left out is not
    judged."""
    table = parameters.get("power_limits")
    given = table if isinstance(table, Mapping) else {}
    return {
        name: Decimal(str(given[name]))
        for name in ("lowest", "good_from", "highest")
        if name in given
    }


def _power(asked: Asked, service: ServiceView, found: list[dict[str, Any]]) -> None:
    raw = asked.written.get(POWER, service.characteristics.get("power_dbm"))
    bounds = limits(asked.parameters)
    if not bounds:
        return
    facts: dict[str, Any] = {name: _number(value) for name, value in bounds.items()}
    facts["good"] = facts.get("good_from", facts.get("lowest", ""))
    try:
        value = Decimal(str(raw)) if raw is not None else None
    except InvalidOperation:
        value = None
    if value is None or not value.is_finite():
        _add(found, Finding.POWER, Tone.LATE, value=None, **facts)
        return
    facts["value"] = _number(value)
    if "highest" in bounds and value > bounds["highest"]:
        _add(found, Finding.POWER, Tone.LATE, too="high", **facts)
    elif "lowest" in bounds and value < bounds["lowest"]:
        _add(found, Finding.POWER, Tone.LATE, too="low", **facts)
    elif "good_from" in bounds and value < bounds["good_from"]:
        _add(found, Finding.POWER, Tone.SOON, **facts)
    else:
        _add(found, Finding.POWER, Tone.OK, **facts)


def _number(value: Decimal) -> str:
    return f"{value.normalize():f}".replace("-", "−")


def _terminal(asked: Asked, service: ServiceView, found: list[dict[str, Any]]) -> tuple[str, str]:
    """(installed by now, looked at): the serial just scanned, else the one installed before."""
    given = str(asked.written.get(SERIAL) or "").strip().upper()
    pieces = inventory.terminals_of([service.id]).get(service.id, [])
    there = next((t for t in pieces if t.state == TerminalState.INSTALLED), None)
    installed = there.serial if there else ""
    if given:
        tone, facts = judge_terminal(asked.actor, service, given)
        _add(found, Finding.TERMINAL, tone, **facts)
    elif there is None:
        _add(found, Finding.TERMINAL, Tone.LATE, why="missing", serial="")
    else:
        _add(found, Finding.TERMINAL, Tone.OK, serial=installed, model=str(there.model))
    return installed, given or installed


def judge_terminal(actor: Actor, service: ServiceView, serial: str) -> tuple[Tone, dict[str, Any]]:
    """Whether a scanned or typed serial may be installed here, and if not, why."""
    facts: dict[str, Any] = {"serial": serial}
    if service.logical_id and _alike(serial) == _alike(service.logical_id):
        return Tone.LATE, facts | {"why": "logical-id"}
    terminal = inventory.terminal(actor, serial)
    if terminal is None:
        meant = inventory.terminal_mistaken(actor, serial)
        if meant:
            return Tone.LATE, facts | {"why": "confused", "meant": meant}
        return Tone.LATE, facts | {"why": "unknown"}
    facts["model"] = terminal.model
    if terminal.service_id not in (None, service.id):
        return Tone.LATE, facts | {"why": "elsewhere"}
    if terminal.service_id is None and terminal.state not in _CAN_BE_INSTALLED:
        return Tone.LATE, facts | {"why": "state", "state": str(terminal.get_state_display())}
    return Tone.OK, facts


def _alike(text: str) -> str:
    """Signs people and scanners confuse count as one: O as 0, I as 1."""
    return text.upper().translate(str.maketrans("OI", "01"))


# ---- a supervisor's word -------------------------------------------------------------------------


def _override(asked: Asked) -> tuple[str, UUID | None]:
    """(reason, evidence) of a supervisor who lets a failed check pass, else ('', None)."""
    reason = str(asked.written.get(OVERRIDE_REASON) or "").strip()
    photo = asked.written.get(OVERRIDE_PHOTO)
    if not reason or not photo or override_faults(asked):
        return "", None
    return reason[:200], UUID(str(photo))


def override_faults(asked: Asked, fields: Mapping[str, str] | None = None) -> list[InputFault]:
    """What is wrong with an override that was asked for; empty when none was, or all is right."""
    reason = str(asked.written.get(OVERRIDE_REASON) or "").strip()
    photo = str(asked.written.get(OVERRIDE_PHOTO) or "")
    named = fields or {}
    at_reason = named.get(OVERRIDE_REASON, "override_reason")
    at_photo = named.get(OVERRIDE_PHOTO, "override_photo")
    if not reason and not photo:
        return []
    if not asked.actor.is_supervisor:
        return [InputFault(at_reason, _("只有班长可以凭证据放行。"), _("请班长办理，或再核验。"))]
    if not reason:
        return [InputFault(at_reason, _("放行没有写原因。"), _("请写明为什么可以放行。"))]
    if not photo:
        return [InputFault(at_photo, _("放行没有照片凭据。"), _("请拍照上传后再提交。"))]
    try:
        taken = documents.attachment(asked.actor, UUID(photo))
    except (ValueError, NotFound):
        taken = None
    if (
        taken is None
        or taken.owner_id not in (asked.item_id, asked.order_id)
        or taken.kind != AttachmentKind.EVIDENCE
    ):
        return [InputFault(at_photo, _("放行凭据不是为这张工单拍的。"), _("请重新拍照上传。"))]
    return []

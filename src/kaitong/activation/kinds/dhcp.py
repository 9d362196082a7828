"""The DHCP server of television (Kea): the line itself is the account, proven by asking on it.

A set-top box does not log in (IPoE): it is served because of the line it asks on, which the access
node tells in Option 82. So a service is its line there; the playbook maps it, and may name the
class of pools it is served from:

    activates: [{on: dhcp, map: {circuit_id: circuit_id, client_class: '"iptv"'}}]

A circuit is spelled as NAS-Port-Id is (`activation.nasport`): access nodes put the one into Option
82, and the access servers copy it into the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone

from kaitong.activation import nasport, queries, wanting
from kaitong.activation.adapters.base import (
    AccountChange,
    AccountState,
    Attribute,
    Proof,
    ProofKind,
    ProofResult,
    Subject,
)
from kaitong.activation.adapters.circuits import CircuitChange, CircuitSubject, name_of
from kaitong.activation.adapters.dhcp import COMMANDS, CUTS, DATABASE, KeaAdapter
from kaitong.activation.adapters.dhcpwire import mac_bytes
from kaitong.activation.adapters.keactl import KeaControl
from kaitong.activation.choices import ElementKind
from kaitong.activation.errors import ElementProblem
from kaitong.activation.kinds.base import Kind
from kaitong.activation.models import NetworkElement
from kaitong.inventory import queries as inventory
from kaitong.inventory.reckoning import Standing
from kaitong.inventory.results import ServiceView

_CIRCUIT, _CLASS = "circuit_id", "client_class"


class DhcpKind(Kind):
    """Lines on which boxes are given addresses. What a box holds ends here when its line is shut
    off: there is no access server to be asked."""

    key = ElementKind.DHCP
    has_password = False
    compared = True  # by its own order: `activation.reconciling_lines`
    leases = True

    def adapter(self, connection: Mapping[str, Any], secrets: Mapping[str, str]) -> KeaAdapter:
        return KeaAdapter(connection, secrets)

    def check(self, connection: Mapping[str, Any]) -> None:
        nasport.pattern(str(connection.get("circuit_pattern") or nasport.DEFAULT_PATTERN))
        cut = str(connection.get("cut") or DATABASE)
        if cut not in CUTS:
            raise ElementProblem(
                f"租约的结束方式 {cut} 不认识。", "database 或 commands。", field="cut"
            )
        if cut == COMMANDS:
            KeaControl(connection.get("control") or {}, "")

    def name(self, service: ServiceView | Standing) -> str:
        return name_of(service.service_id if isinstance(service, Standing) else service.id)

    def desired(
        self,
        service: ServiceView,
        element: NetworkElement,
        *,
        password: str,
        barred_for: str,
        former: tuple[str, ...],
    ) -> AccountChange:
        wanted = wanting.mapped(service, self.key)
        return CircuitChange(
            account=self.name(service),
            state=AccountState.BARRED if barred_for else AccountState.OPEN,
            circuit=_circuit(wanted),
            plan=str(wanted.get(_CLASS) or KeaAdapter(element.connection, {}).client_class),
            barred_for=barred_for,
        )

    def subject(
        self,
        service: ServiceView,
        *,
        password: str = "",
        former_password: str = "",
        barred_for: str = "",
        attributes: tuple[Attribute, ...] = (),
    ) -> CircuitSubject:
        wanted = wanting.mapped(service, self.key)
        return CircuitSubject(
            account=self.name(service),
            barred_for=barred_for,
            circuit=_circuit(wanted),
            client_class=str(wanted.get(_CLASS) or ""),
            runs_until=queries.runs_until(service.id),
        )

    def line_subject(self, service: ServiceView) -> Subject:
        """The installed set-top boxes, where stock knows their hardware addresses; else any."""
        wanted = wanting.mapped(service, self.key)
        pieces = inventory.terminals_of([service.id]).get(service.id, ())
        known = [mac_bytes(piece.mac) for piece in pieces if piece.mac]
        return CircuitSubject(
            account=self.name(service),
            circuit=_circuit(wanted),
            boxes=tuple(mac for mac in known if mac is not None),
        )

    def sentence(self, proof: Proof) -> str:
        return _SENTENCES[proof.kind](proof)

    def short(self, proof: Proof) -> dict[str, Any]:
        """Places, no addresses or identifiers of the person."""
        seen, expected = proof.facts.get("seen", {}), proof.facts.get("expected", {})
        return {
            "proof_result": proof.result.value,
            "seen_port": _place(seen),
            "expected_port": _place(expected),
            "differences": list(proof.facts.get("differences", ())),
        }


def _circuit(wanted: Mapping[str, Any]) -> str:
    """The line's circuit id; "" while the service has none (the adapter then refuses it)."""
    return str(wanted.get(_CIRCUIT) or "")


def _place(line: Mapping[str, Any]) -> str:
    place = f"{line.get('access_node', '')} {line.get('pon_port', '')}".strip()
    return place or str(line.get("circuit", ""))


def _until(proof: Proof) -> str:
    """When a box that was cut off stops at the latest, as people's clocks say it; "" for none."""
    told = proof.facts.get("runs_until")
    if not told:
        return ""
    return f"{timezone.localtime(datetime.fromisoformat(told)):%H:%M:%S}"


# ---- sentences for people ------------------------------------------------------------------------


def account_sentence(proof: Proof) -> str:
    facts = proof.facts
    match proof.result:
        case ProofResult.PROVEN:
            return f"线路 {facts['circuit']} 可获得地址，未登记的线路被拒绝。"
        case ProofResult.OPEN_DOOR:
            return f"线路 {facts['circuit']} 可获得地址，未登记的线路也能获得，DHCP 平台配置有误。"
        case _ if facts.get("message"):
            return f"线路 {facts['circuit']} 没有获得地址（{facts['message']}）。"
        case _:
            return f"线路 {facts['circuit']} 没有获得地址。"


def line_sentence(proof: Proof) -> str:
    facts = proof.facts
    wanted = _place(facts["expected"])
    seen = facts.get("seen", {})
    if proof.result is ProofResult.NOT_SEEN:
        return f"未见机顶盒，登记是 {wanted}。"
    if proof.ok:
        return f"机顶盒 {seen['mac']} 从 {wanted} 获得地址 {seen['address']}。"
    if facts["differences"] == ["mac"]:
        return f"从 {wanted} 上线的是机顶盒 {seen['mac']}，不是登记的那台。"
    return f"机顶盒 {seen['mac']} 从 {_place(seen)} 上线，登记是 {wanted}。"


def removed_sentence(proof: Proof) -> str:
    circuit = proof.facts["circuit"]
    match proof.result:
        case ProofResult.PROVEN if proof.facts.get("of_another") and circuit:
            return f"业务已从 DHCP 平台撤下，线路 {circuit} 现属于另一个业务。"
        case ProofResult.PROVEN if until := _until(proof):
            return f"线路 {circuit} 已撤下，不再获得地址；机顶盒续租时被拒，最迟 {until} 停止。"
        case ProofResult.PROVEN:
            return f"线路 {circuit} 已撤下，不再获得地址。"
        case ProofResult.ROWS_LEFT:
            return f"DHCP 平台里还留有线路 {circuit} 的预留或地址。"
        case _:
            return f"线路 {circuit} 已撤下，仍能获得地址：{proof.facts['answer']}。"


def suspended_sentence(proof: Proof) -> str:
    facts = proof.facts
    match proof.result:
        case ProofResult.PROVEN if until := _until(proof):
            return (
                f"线路 {facts['circuit']} 已停机，不再获得地址（{facts['message']}）；"
                f"机顶盒续租时被拒，最迟 {until} 停止。"
            )
        case ProofResult.PROVEN:
            return f"线路 {facts['circuit']} 已停机，不再获得地址（{facts['message']}）。"
        case ProofResult.OTHER_REASON:
            told = facts["message"] or facts["answer"]
            return f"线路 {facts['circuit']} 没有获得地址，但不是因为停机（{told}）。"
        case ProofResult.ROWS_LEFT:
            return f"线路 {facts['circuit']} 已停机，机顶盒仍持有地址。"
        case _:
            return f"线路 {facts['circuit']} 已停机，仍能获得地址：{facts['answer']}。"


def plan_sentence(proof: Proof) -> str:
    facts = proof.facts
    match proof.result:
        case ProofResult.PROVEN:
            return f"线路 {facts['circuit']} 已按新套餐获得地址。"
        case ProofResult.OTHER_PLAN:
            given = facts["given"]["client_class"]
            return f"线路 {facts['circuit']} 的地址类别是 {given}，与套餐不符。"
        case _:
            return f"线路 {facts['circuit']} 没有获得地址。"


_SENTENCES = {
    ProofKind.ACCOUNT: account_sentence,
    ProofKind.LINE: line_sentence,
    ProofKind.REMOVED: removed_sentence,
    ProofKind.SUSPENDED: suspended_sentence,
    ProofKind.PLAN: plan_sentence,
}

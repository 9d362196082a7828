"""The voice platform (固话平台): a telephone number that registers, proven by registering."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaitong.activation import wanting
from kaitong.activation.adapters.base import (
    AccountChange,
    AccountState,
    Adapter,
    Proof,
    ProofKind,
    ProofResult,
    Subject,
)
from kaitong.activation.adapters.voice import VoiceAdapter
from kaitong.activation.choices import ElementKind
from kaitong.activation.errors import ElementProblem
from kaitong.activation.kinds.base import Kind
from kaitong.activation.kinds.comparing import VoiceComparing
from kaitong.activation.models import NetworkElement
from kaitong.inventory.reckoning import Standing
from kaitong.inventory.results import ServiceView


class VoiceKind(Kind):
    """Numbers with a password; who is registered stands at the registrar."""

    key = ElementKind.VOICE
    compared = True

    def adapter(self, connection: Mapping[str, Any], secrets: Mapping[str, str]) -> VoiceAdapter:
        return VoiceAdapter(connection, secrets)

    def check(self, connection: Mapping[str, Any]) -> None:
        if not connection.get("domain"):
            raise ElementProblem("网元没有 SIP 域。", "登记 domain。")

    def name(self, service: ServiceView | Standing) -> str:
        """The number of the playbook's map, else the service's account."""
        number = wanting.mapped(service, self.key).get("number")
        return str(number or service.account)

    def desired(
        self,
        service: ServiceView,
        element: NetworkElement,
        *,
        password: str,
        barred_for: str,
        former: tuple[str, ...],
    ) -> AccountChange:
        return AccountChange(
            account=self.name(service),
            state=AccountState.BARRED if barred_for else AccountState.OPEN,
            password=password,
            barred_for=barred_for,
            former=former,
        )

    def line_subject(self, service: ServiceView) -> Subject:
        return Subject(account=self.name(service), since=service.prove_since)

    def comparing(self, adapter: Adapter) -> VoiceComparing | None:
        return VoiceComparing(adapter) if isinstance(adapter, VoiceAdapter) else None

    def sentence(self, proof: Proof) -> str:
        match proof.kind:
            case ProofKind.LINE:
                return _line(proof)
            case ProofKind.REMOVED:
                return _removed(proof)
            case ProofKind.SUSPENDED:
                return _suspended(proof)
            case _:
                return _login(proof)


# ---- sentences for people ------------------------------------------------------------------------


def _line(proof: Proof) -> str:
    facts = proof.facts
    if proof.ok:
        return f"固定电话 {facts['account']} 的话机已注册（{facts['seen']['user_agent']}）。"
    if facts.get("heard_before"):
        return f"固定电话 {facts['account']} 的话机在号码交给本线路以后没有注册。"
    return f"未见固定电话 {facts['account']} 的话机注册。"


def _login(proof: Proof) -> str:
    number = proof.facts["account"]
    match proof.result:
        case ProofResult.PROVEN if proof.facts["old_password_known"]:
            return f"固定电话 {number} 的新密码可以注册，原密码被拒绝。"
        case ProofResult.PROVEN:
            return f"固定电话 {number} 可以注册，错误密码被拒绝。"
        case ProofResult.OLD_PASSWORD:
            return f"固定电话 {number} 的原密码仍可注册。"
        case ProofResult.OPEN_DOOR:
            return f"固定电话 {number} 用错误密码也未被拒绝，固话平台配置有误。"
        case _:
            return f"固定电话 {number} 用正确密码注册未被接受：{proof.facts['answer']}。"


def _suspended(proof: Proof) -> str:
    number, told = proof.facts["account"], proof.facts["answer"]
    match proof.result:
        case ProofResult.PROVEN:
            return f"固定电话 {number} 已停机，注册被拒绝（{told}）。"
        case ProofResult.OTHER_REASON:
            return f"固定电话 {number} 注册被拒绝，但不是因为停机（{told}）。"
        case ProofResult.ROWS_LEFT:
            return f"固定电话 {number} 已停机，但仍有话机在注册状态。"
        case _:
            return f"固定电话 {number} 已停机，固话平台仍接受注册：{told}。"


def _removed(proof: Proof) -> str:
    number, told = proof.facts["account"], proof.facts["answer"]
    match proof.result:
        case ProofResult.PROVEN:
            return f"固定电话 {number} 已撤下，固话平台不认识这个号码。"
        case ProofResult.ROWS_LEFT:
            return f"固定电话 {number} 注册被拒绝，但固话平台里还留有它的数据（{told}）。"
        case _:
            return f"固定电话 {number} 已撤下，固话平台仍接受注册：{told}。"

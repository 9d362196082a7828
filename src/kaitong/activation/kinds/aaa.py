"""The AAA server of home broadband (FreeRADIUS): an account with a plan, proven by logging in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kaitong.activation import nasport, plan, wanting
from kaitong.activation.adapters.base import (
    AccountChange,
    AccountState,
    Adapter,
    Proof,
    ProofKind,
    ProofResult,
    Subject,
)
from kaitong.activation.adapters.radius import RadiusAdapter
from kaitong.activation.choices import ElementKind
from kaitong.activation.kinds.base import Kind
from kaitong.activation.kinds.comparing import AaaComparing
from kaitong.activation.models import NetworkElement
from kaitong.activation.nasport import Line
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ServiceView


class AaaKind(Kind):
    """Accounts that log in over a line; sessions stand in the server's accounting."""

    key = ElementKind.AAA
    has_sessions = True
    compared = True

    def adapter(self, connection: Mapping[str, Any], secrets: Mapping[str, str]) -> RadiusAdapter:
        return RadiusAdapter(connection, secrets)

    def check(self, connection: Mapping[str, Any]) -> None:
        nasport.pattern(str(connection.get("nas_port_pattern") or nasport.DEFAULT_PATTERN))

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
        return AccountChange(
            account=service.account,
            state=AccountState.BARRED if barred_for else AccountState.OPEN,
            password=password,
            plan=plan.plan_group(wanted, service.playbook),
            plan_attributes=plan.plan_attributes(wanted, element.connection.get("plan_attributes")),
            attributes=plan.own_attributes(wanted),
            barred_for=barred_for,
            former=former,
        )

    def line_subject(self, service: ServiceView) -> Subject:
        """A session on the assigned PON port. Raises NoSuchResource without a port."""
        return Subject(account=service.account, line=line_of(service))

    def comparing(self, adapter: Adapter) -> AaaComparing | None:
        return AaaComparing(adapter) if isinstance(adapter, RadiusAdapter) else None

    def sentence(self, proof: Proof) -> str:
        return _SENTENCES[proof.kind](proof)

    def short(self, proof: Proof) -> dict[str, Any]:
        """Places, no addresses or identifiers of the person."""
        seen = proof.facts.get("seen", {})
        expected = proof.facts["expected"]
        return {
            "proof_result": proof.result.value,
            "seen_port": f"{seen.get('access_node', '')} {seen.get('pon_port', '')}".strip(),
            "expected_port": f"{expected['access_node']} {expected['pon_port']}",
            "differences": list(proof.facts.get("differences", ())),
        }


def line_of(service: ServiceView) -> Line:
    expected = inventory.expected_line(service.id)
    return Line(expected.access_node, expected.pon_port, expected.logical_id, expected.user_port)


# ---- sentences for people ------------------------------------------------------------------------


def account_sentence(proof: Proof) -> str:
    facts = proof.facts
    match proof.result:
        case ProofResult.PROVEN:
            return f"账号 {facts['account']} 认证通过，错误密码被拒绝。"
        case ProofResult.OPEN_DOOR:
            return f"账号 {facts['account']} 用错误密码也未被拒绝，认证系统配置有误。"
        case _:
            said = f"（{facts['message']}）" if facts.get("message") else ""
            return f"账号 {facts['account']} 用正确密码认证未被接受：{facts['answer']}{said}。"


def removed_sentence(proof: Proof) -> str:
    account = proof.facts["account"]
    if proof.ok:
        return f"账号 {account} 已撤下，用原密码登录被拒绝。"
    if proof.result is ProofResult.ROWS_LEFT:
        return f"账号 {account} 登录被拒绝，但认证系统里还留有它的数据。"
    return f"账号 {account} 已撤下，认证系统仍接受登录：{proof.facts['answer']}。"


def line_sentence(proof: Proof) -> str:
    """What was seen and what is registered, in one sentence an engineer can act on."""
    expected, seen = proof.facts["expected"], proof.facts.get("seen", {})
    wanted = f"{expected['access_node']} {expected['pon_port']}"
    if proof.result is ProofResult.NOT_SEEN:
        return f"未见客户会话，登记是 {wanted}。"
    if proof.ok:
        return f"会话从 {wanted} 上线，逻辑标识相符。"
    if "pon_port" not in seen:
        return f"会话的 NAS-Port-Id 无法识别（{seen['nas_port_id']}），登记是 {wanted}。"
    if proof.facts["differences"] == ["logical_id"]:
        return (
            f"会话从 {wanted} 上线，逻辑标识是 {seen['logical_id']}，"
            f"登记是 {expected['logical_id']}。"
        )
    told = [f"会话从 {seen['access_node']} {seen['pon_port']} 上线，登记是 {wanted}"]
    if "logical_id" in proof.facts["differences"]:
        told.append(f"逻辑标识是 {seen['logical_id']}，登记是 {expected['logical_id']}")
    if "user_port" in proof.facts["differences"]:
        told.append(f"用户端口是 {seen.get('user_port', '未知')}，登记是 {expected['user_port']}")
    return "；".join(told) + "。"


def suspended_sentence(proof: Proof) -> str:
    facts = proof.facts
    match proof.result:
        case ProofResult.PROVEN:
            return f"账号 {facts['account']} 已停机，登录被拒绝（{facts['message']}）。"
        case ProofResult.OTHER_REASON:
            told = facts["message"] or facts["answer"]
            return f"账号 {facts['account']} 登录被拒绝，但不是因为停机（{told}）。"
        case _:
            return f"账号 {facts['account']} 已停机，认证系统仍接受登录：{facts['answer']}。"


def password_sentence(proof: Proof) -> str:
    facts = proof.facts
    match proof.result:
        case ProofResult.PROVEN if facts["old_password_known"]:
            return f"账号 {facts['account']} 的新密码可用，原密码被拒绝。"
        case ProofResult.PROVEN:
            return f"账号 {facts['account']} 的密码可用，错误密码被拒绝。"
        case ProofResult.OLD_PASSWORD:
            return f"账号 {facts['account']} 的原密码仍可登录。"
        case ProofResult.OPEN_DOOR:
            return f"账号 {facts['account']} 用错误密码也未被拒绝，认证系统配置有误。"
        case _:
            return f"账号 {facts['account']} 的新密码未被接受：{facts['answer']}。"


def plan_sentence(proof: Proof) -> str:
    facts = proof.facts
    match proof.result:
        case ProofResult.PROVEN:
            return f"账号 {facts['account']} 登录得到新套餐的速率。"
        case ProofResult.OTHER_PLAN:
            names = "、".join(facts["differences"])
            return f"账号 {facts['account']} 登录得到的属性与套餐不符：{names}。"
        case _:
            return f"账号 {facts['account']} 用正确密码认证未被接受：{facts['answer']}。"


_SENTENCES = {
    ProofKind.ACCOUNT: account_sentence,
    ProofKind.LINE: line_sentence,
    ProofKind.REMOVED: removed_sentence,
    ProofKind.SUSPENDED: suspended_sentence,
    ProofKind.PASSWORD: password_sentence,
    ProofKind.PLAN: plan_sentence,
}

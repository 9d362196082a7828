"""Network proof (网络验证): the record beside what the network shows, the result last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from kaitong.documents import queries as documents
from kaitong.documents.choices import AttachmentKind
from kaitong.inventory import queries as inventory
from kaitong.inventory.results import ProofView, ServiceView
from kaitong.ordering import bundles
from kaitong.org.actor import Actor
from kaitong.playbooks import queries as playbooks
from kaitong.web import format as fmt


@dataclass(frozen=True, slots=True)
class CompareRow:
    """`tone` is ok, late, or none where the network cannot see."""

    name: str
    recorded: str
    seen: str
    tone: str
    result: str
    mono: bool = False
    sign: bool = False  # letters and digits of it must not be confused


@dataclass(frozen=True, slots=True)
class Attempt:
    at: datetime
    tone: str
    state_text: str
    text: str


@dataclass(frozen=True, slots=True)
class AccountCard:
    tone: str
    icon: str
    title: str
    at: datetime | None
    text: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LineCard:
    tone: str
    icon: str
    title: str
    at: datetime | None
    remedy: str
    rows: tuple[CompareRow, ...]


@dataclass(frozen=True, slots=True)
class ServiceProof:
    account_name: str
    account: AccountCard
    line: LineCard
    attempts: tuple[Attempt, ...]
    part: bool = False  # a further service of a bundle


@dataclass(frozen=True, slots=True)
class ProofPane:
    services: tuple[ServiceProof, ...]
    sieve: None = None
    template: str = "web/order/proof.html"


def pane(actor: Actor, order: Any) -> ProofPane:
    services = inventory.services_of_order(order.id)
    photos = documents.attachments(
        actor, [order.id, *(s.id for s in services)], AttachmentKind.PORT_LABEL
    )
    labelled = any(photos.values())
    say = playbooks.words(order.playbook, order.playbook_hash)
    return ProofPane(tuple(_service(service, labelled, say) for service in services))


def _service(service: ServiceView, labelled: bool, say: Callable[[str], str]) -> ServiceProof:
    latest = service.latest
    proofs = sorted(service.proofs, key=lambda p: p.at, reverse=True)
    if service.lead_id is not None:
        return _part(service, latest, proofs, say(service.title))
    return ServiceProof(
        account_name=service.account,
        account=_account(latest.get("account")),
        line=_line(service, latest.get("line"), labelled),
        attempts=tuple(_attempt(proof) for proof in proofs),
    )


def _part(
    service: ServiceView, latest: dict[str, ProofView], proofs: list[ProofView], title: str
) -> ServiceProof:
    """A further service of a bundle: what its platform said, without the ports it has none of."""
    account, line = latest.get("account"), latest.get("line")
    said = account.summary if account else _("数据下发以后，向平台试一次。")
    reached = bundles.reached_by(service)
    rows = (
        CompareRow(
            _("终端"),
            reached,
            line.summary if line else "",
            "none" if line is None else "ok" if line.ok and line.counts else "late",
            "" if line is None else _("已上线") if line.ok and line.counts else _("没有看到"),
        ),
    )
    return ServiceProof(
        account_name=reached,
        account=AccountCard(*_card(account, title, _("账号")), said, ()),
        line=LineCard(*_card(line, title, _("线路")), "", rows),
        attempts=tuple(_attempt(proof) for proof in proofs),
        part=True,
    )


def _card(proof: ProofView | None, title: str, what: str) -> tuple[str, str, str, datetime | None]:
    """Tone, icon, heading and time of a proof's card."""
    words = {"title": title, "what": what}
    if proof is None or (proof.ok and not proof.counts):
        return "none", "circle-dashed", _("%(title)s：%(what)s待验证") % words, None
    if proof.ok:
        return "ok", "circle-check", _("%(title)s：%(what)s已验证") % words, proof.at
    return "late", "circle-x", _("%(title)s：%(what)s未验证") % words, proof.at


def _attempt(proof: ProofView) -> Attempt:
    what = {"line": _("线路"), "removed": _("撤下")}.get(proof.kind, _("账号"))
    if proof.ok and proof.counts:
        return Attempt(proof.at, "ok", _("%(what)s通过") % {"what": what}, proof.summary)
    if proof.ok:
        state = _("%(what)s曾通过") % {"what": what}
        return Attempt(proof.at, "wait", state, _("之后端口或数据有改动，不再算数"))
    return Attempt(proof.at, "late", _("%(what)s未通过") % {"what": what}, proof.summary)


def _account(proof: ProofView | None) -> AccountCard:
    if proof is None:
        text = _("数据下发以后，用客户的账号向认证系统试登录一次。")
        return AccountCard("none", "circle-dashed", _("账号待验证"), None, text, ())
    data = proof.data
    facts = []
    if data.get("answer"):
        took = f"{data['took_ms']} ms" if data.get("took_ms") is not None else ""
        facts.append((_("正确密码"), " ".join(p for p in (str(data["answer"]), took) if p)))
    if data.get("wrong_password_answer"):
        facts.append((_("错误密码"), str(data["wrong_password_answer"])))
    if proof.ok and proof.counts:
        text = _("用客户的账号向认证系统试登录一次被接受，用错的密码再试一次被拒绝。")
        return AccountCard("ok", "circle-check", _("账号已验证"), proof.at, text, tuple(facts))
    if proof.ok:
        text = _("验证之后账号数据有改动，要重新验证。")
        return AccountCard("none", "circle-dashed", _("账号待验证"), proof.at, text, tuple(facts))
    return AccountCard("late", "circle-x", _("账号未验证"), proof.at, proof.summary, tuple(facts))


def _line(service: ServiceView, proof: ProofView | None, labelled: bool) -> LineCard:
    port = service.port
    seen = dict(proof.data.get("seen") or {}) if proof else {}
    rows = [
        _row(
            _("OLT / PON 口"),
            " ".join((port.access_node, port.pon_port)) if port else "",
            " ".join(p for p in (seen.get("access_node", ""), seen.get("pon_port", "")) if p),
        ),
        _row(_("逻辑 SN"), service.logical_id, seen.get("logical_id", ""), mono=True, sign=True),
        _row(_("账号"), service.account, service.account if seen else "", mono=True),
        CompareRow(
            _("分光器端口"),
            port.box_text if port else "",
            _("无源，看不到；凭标签照片"),
            "none",
            _("有照片") if labelled else _("无照片"),
        ),
        CompareRow("NAS-Port-Id", "", str(seen.get("nas_port_id", "")), "none", "", mono=True),
        CompareRow(
            _("会话"),
            _("须在线"),
            _session(seen),
            "ok" if seen else "late" if proof else "none",
            _("在线") if seen else _("没有看到") if proof else "",
        ),
    ]
    if proof is None:
        return LineCard("none", "circle-dashed", _("线路待验证"), None, "", tuple(rows))
    if proof.ok and proof.counts:
        return LineCard("ok", "circle-check", _("线路已验证"), proof.at, "", tuple(rows))
    if proof.ok:
        remedy = _("验证之后端口有改动，等客户的会话再上线一次。")
        return LineCard("soon", "circle-dashed", _("线路待验证"), proof.at, remedy, tuple(rows))
    remedy = " ".join(p for p in (proof.summary, _remedy(service, seen)) if p)
    return LineCard("late", "circle-x", _("线路未验证"), proof.at, remedy, tuple(rows))


def _row(
    name: str, recorded: str, seen: str, *, mono: bool = False, sign: bool = False
) -> CompareRow:
    if not seen:
        return CompareRow(name, recorded, "", "none", "", mono, sign)
    same = recorded == seen
    result = _("一致") if same else _("不一致")
    return CompareRow(name, recorded, seen, "ok" if same else "late", result, mono, sign)


def _session(seen: dict[str, Any]) -> str:
    if not seen:
        return ""
    text = str(seen.get("started_at", ""))
    try:
        text = fmt.short(datetime.fromisoformat(text))
    except ValueError:
        text = ""
    told = [_("%(at)s 上线") % {"at": text} if text else "", str(seen.get("address", ""))]
    return fmt.mark("，").join(part for part in told if part)


def _remedy(service: ServiceView, seen: dict[str, Any]) -> str:
    """What to do first when record and network differ."""
    if not seen:
        return _("请装维核对光猫是否上线、逻辑 SN 是否写对，再让客户拨号一次。")
    if service.port is not None and seen.get("pon_port") not in (None, "", service.port.pon_port):
        return _("请装维按登记的端口改接；登记有误的由资源配置岗更正。")
    if seen.get("logical_id") not in (None, "", service.logical_id):
        return _("光猫里的逻辑 SN 与登记不同，请重新写入；首位是字母 O，不是数字 0。")
    return _("请网络部门核对接入网元的登记。")

"""What happens to a service after it works, as external actions: 停机, 复机, 改密, 改账号 …

The inventory holds what shall be (why it is shut off, its password, account and plan); these bring
the network there and ask the network whether it is. Shutting off comes first, then the cut, then
the proof: cut first, and the modem would be back before the account is barred. Each may run again.

A transactional action has changed the inventory before; `suspend` and `resume` may do it here.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from kaitong.activation import kinds, operating, queries, services
from kaitong.activation.acting import (
    barred_for,
    desired_account,
    for_whom,
    moment,
    password_for,
    patience,
    record,
    service_of,
    spoken,
    spoken_to,
    stands_nowhere,
    tell,
    wanted_now,
)
from kaitong.activation.adapters.base import Proof, ProofKind, Subject
from kaitong.activation.adapters.dynauth import Answer
from kaitong.activation.adapters.sessions import Session
from kaitong.activation.choices import Verb
from kaitong.activation.errors import Unreachable
from kaitong.activation.models import NetworkElement
from kaitong.activation.records import For
from kaitong.core.errors import BadInput, InputFault
from kaitong.core.masking import mask_account
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ServiceState, SuspensionKind
from kaitong.inventory.errors import WrongState
from kaitong.inventory.results import ServiceView
from kaitong.org.actor import Actor
from kaitong.process.actions import ActionContext, BusinessError, Outcome, Wait

LOGIN_ACCEPTED = "login-accepted"
STILL_ONLINE = "still-online"
WRONG_STATE = "wrong-state"
PASSWORD_NOT_PROVEN = "password-not-proven"  # noqa: S105  a code
PLAN_NOT_PROVEN = "plan-not-proven"
ACCOUNT_NOT_PROVEN = "account-not-proven"
NOT_CHANGED_LIVE = "not-changed-live"
# what a cut that did not come about means while its account is shut off
STILL_LIVE = "账号已停机，新的登录被拒绝，原会话断开以前仍可上网。"
_USUAL_PATIENCE = 60.0  # seconds for an access server to report the end of a session it has cut
_ASK_AGAIN = 1.0


# ---- shut off, and on again ----------------------------------------------------------------------


def suspend(ctx: ActionContext) -> Outcome:
    """Shut a service off (停机): logins are refused from now on, sessions that stand stay.

    With a `reason` (a SuspensionKind) the suspension is made here, should it not stand yet.
    """
    service = service_of(ctx)
    if kind := _kind(ctx):
        try:
            inventory_verbs.suspend(
                actor=Actor.system(),
                service_id=service.id,
                kind=kind,
                reason="",
                order_id=ctx.business_id,
            )
        except WrongState as error:
            raise BusinessError(WRONG_STATE, error.what) from None
    _bring(ctx, service, Verb.SUSPEND, "停机")
    return _standing(service)


def resume(ctx: ActionContext) -> Outcome:
    """Send that a reason has ended (复机); logins are accepted again only when none is left.

    With a `reason` (a SuspensionKind) that suspension is ended here, should it still stand.
    """
    service = service_of(ctx)
    if kind := _kind(ctx):
        inventory_verbs.resume(actor=Actor.system(), service_id=service.id, kind=kind)
    _bring(ctx, service, Verb.RESUME, "复机")
    return _standing(service)


def prove_suspended(ctx: ActionContext) -> Outcome:
    """Suspension proven (停机验证): a login is refused for this reason, and no session stands.

    BusinessError `login-accepted` while one is let in, or refused for another reason;
    `still-online` while a session stands.
    """
    service = service_of(ctx)
    with spoken(service):
        kind, element = spoken_to(service)
        what = for_whom(ctx, service)
        subject = kind.subject(
            service,
            password=password_for(kind, service, "停机验证"),
            barred_for=barred_for(service),
        )
        proof = operating.prove(element, subject, ProofKind.SUSPENDED, what)
        live = []
        if proof.ok and kind.has_sessions:
            live = operating.live_sessions(element, service.account, what)
    sentence = kind.sentence(proof)
    record(service, proof, sentence)
    if not proof.ok:
        tell(service, sentence)
        raise BusinessError(LOGIN_ACCEPTED, sentence, {"proof_result": proof.result.value})
    if live:
        sentence = _lives(online_sentence(service.account, live), service)
        tell(service, sentence)
        raise BusinessError(STILL_ONLINE, sentence, {"sessions": len(live)})
    return {"suspension_proven": True}


def works_again(service: ServiceView) -> bool:
    """A service that has worked, is not shut off and wants no proof, is active; whether it is."""
    fresh = inventory.services_by_ids([service.id])[0]  # the latest proof of each kind
    if fresh.started_at is None or barred_for(fresh) or fresh.missing_proofs:
        return False
    if fresh.state == ServiceState.INACTIVE:
        inventory_verbs.set_service_state(
            actor=Actor.system(), service_id=service.id, state=ServiceState.ACTIVE
        )
    return True


def former_password_for(kind: kinds.Kind, service: ServiceView, reason: str) -> str:
    """The password before this one of a service that has worked, while its end is not proven."""
    if not kind.has_password or service.started_at is None:
        return ""
    return inventory_verbs.reveal_former_password(
        actor=Actor.system(), service_id=service.id, reason=reason
    )


# ---- password, account, plan ---------------------------------------------------------------------


def change_password(ctx: ActionContext) -> Outcome:
    """Send the password the inventory holds."""
    service = service_of(ctx)
    _bring(ctx, service, Verb.PASSWORD, "改密码")
    return None


def prove_password(ctx: ActionContext) -> Outcome:
    """The new password is accepted and the one before refused; of one shut off, that it is refused.

    BusinessError `password-not-proven`.
    """
    service = service_of(ctx)
    if barred_for(service):
        return prove_suspended(ctx)
    former = inventory_verbs.reveal_former_password(
        actor=Actor.system(), service_id=service.id, reason="新密码验证"
    )
    with spoken(service):
        kind, element = spoken_to(service)
        subject = kind.subject(
            service,
            password=password_for(kind, service, "新密码验证"),
            former_password=former,
        )
        proof = operating.prove(element, subject, ProofKind.PASSWORD, for_whom(ctx, service))
    sentence = kind.sentence(proof)
    record(service, proof, sentence)
    # what it says of the account is what an account's proof says
    record(service, proof, sentence, kind=ProofKind.ACCOUNT)
    if not proof.ok:
        tell(service, sentence)
        raise BusinessError(PASSWORD_NOT_PROVEN, sentence, {"proof_result": proof.result.value})
    if former:
        inventory_verbs.forget_former_password(
            actor=Actor.system(), service_id=service.id, password=former
        )
    works_again(service)
    return {"password_proven": True}


def rename_account(ctx: ActionContext) -> Outcome:
    """Send the account's new name; `old_account` goes in the same transaction.

    The accounting of the old name stays. A name that another service has by now is left alone.
    """
    service = service_of(ctx)
    old = _old_account(ctx, service)
    free = inventory.service_by_account(Actor.system(), old) is None
    _bring(ctx, service, Verb.RENAME, "改账号", (old,) if free else ())
    return None


def prove_renamed(ctx: ActionContext) -> Outcome:
    """A login by the new name is accepted, one by the old name refused, and nothing is left of it.

    BusinessError `account-not-proven` or `login-accepted`.
    """
    service = service_of(ctx)
    old = _old_account(ctx, service)
    with spoken(service):
        kind, element = spoken_to(service)
        what = for_whom(ctx, service)
        password = password_for(kind, service, "改账号验证")
        gone = None
        if inventory.service_by_account(Actor.system(), old) is None:
            gone = services.prove_removed(element, Subject(account=old, password=password), what)
    if gone is not None and not gone.ok:
        sentence = f"原账号 {mask_account(old)} 仍可登录或仍有数据。"
        tell(service, sentence)
        raise BusinessError(LOGIN_ACCEPTED, sentence, {"proof_result": gone.result.value})
    if barred_for(service):
        return prove_suspended(ctx)
    with spoken(service):
        proof = services.prove_account(element, kind.subject(service, password=password), what)
    sentence = renamed_sentence(proof, old)
    record(service, proof, sentence)
    if not proof.ok:
        tell(service, sentence)
        raise BusinessError(ACCOUNT_NOT_PROVEN, sentence, {"proof_result": proof.result.value})
    works_again(service)
    return {"rename_proven": True}


def change_plan(ctx: ActionContext) -> Outcome:
    """Send the plan, and give it to the sessions that stand (CoA).

    BusinessError `not-changed-live` when an access server refuses that: cutting the session has the
    modem come back with the new plan.
    """
    service = service_of(ctx)
    _bring(ctx, service, Verb.PLAN, "改套餐")
    kind = kinds.of_service(service)
    if barred_for(service) or not kind.has_sessions:
        return {"changed_live": 0}
    changed = 0
    with spoken(service):
        element = queries.element_for(kind.key, service.branch_id)
        what = for_whom(ctx, service)
        wanted = desired_account(service, element, "").plan_attributes
        for session in operating.live_sessions(element, service.account, what):
            answer = operating.change_live(element, session, wanted, what)
            if answer.done:
                changed += 1
            elif not answer.no_session:
                sentence = f"接入服务器 {session.nas_address} 不接受在线变更（{said(answer)}）。"
                tell(service, sentence)
                raise BusinessError(NOT_CHANGED_LIVE, sentence, {"error_cause": answer.cause})
    return {"changed_live": changed}


def prove_plan(ctx: ActionContext) -> Outcome:
    """A login is given the plan's attributes. BusinessError `plan-not-proven`."""
    service = service_of(ctx)
    if barred_for(service):
        return prove_suspended(ctx)
    with spoken(service):
        kind, element = spoken_to(service)
        subject = kind.subject(
            service,
            password=password_for(kind, service, "套餐验证"),
            attributes=desired_account(service, element, "").plan_attributes,
        )
        proof = operating.prove(element, subject, ProofKind.PLAN, for_whom(ctx, service))
    sentence = kind.sentence(proof)
    record(service, proof, sentence)
    if not proof.ok:
        tell(service, sentence)
        raise BusinessError(PLAN_NOT_PROVEN, sentence, {"proof_result": proof.result.value})
    return {"plan_proven": True}


# ---- the cut -------------------------------------------------------------------------------------


def disconnect(ctx: ActionContext) -> Outcome:
    """End the live sessions of `account` (the service's own, if not named) at their access servers.

    Done is when the accounting says so; an access server that knows no such session has none. A
    modem that comes back meanwhile is left alone unless the service is shut off. An access server
    that does not answer is `Transient`: tried again, then an incident. BusinessError `still-online`
    when one refuses, or says yes and the session stands after `patience` seconds. Of a line that is
    shut off both say that it is barred and the session lives on.
    """
    service = service_of(ctx)
    kind = kinds.of_service(service)
    account = inventory.former_account(
        service.id, str(ctx.inputs.get("account") or service.account)
    )
    memory = dict(ctx.memory)
    targets: list[str] | None = memory.get("targets")
    asked: list[str] = list(memory.get("asked") or ())
    if not (kind.has_sessions and account) or stands_nowhere(service, kind):
        return {"disconnected": 0}
    with spoken(service):
        element = queries.element_for(kind.key, service.branch_id)
        what = for_whom(ctx, service)
        live = operating.live_sessions(element, account, what, asked_again=bool(memory))
        if targets is not None and not barred_for(service):
            live = [s for s in live if s.unique_id in targets]
        standing = []
        for session in live:
            if session.unique_id in asked:
                standing.append(session)
                continue
            if _cut(element, session, what, service):
                asked.append(session.unique_id)
                standing.append(session)
    if not standing:
        return {"disconnected": len(asked)}
    since = moment(memory.get("since")) or ctx.now
    if ctx.now >= since + timedelta(seconds=patience(ctx, _USUAL_PATIENCE)):
        sentence = _lives(online_sentence(account, standing), service)
        tell(service, sentence)
        raise BusinessError(STILL_ONLINE, sentence, {"sessions": len(standing)})
    kept = targets or [s.unique_id for s in live]
    return Wait(
        _ASK_AGAIN,
        f"已要求断开账号 {mask_account(account)} 的会话，等待计费停止记录。",
        {"since": since.isoformat(), "targets": kept, "asked": asked},
    )


def _cut(element: NetworkElement, session: Session, what: For, service: ServiceView) -> bool:
    """True when the access server has ended it, False when it has no such session."""
    try:
        answer = operating.disconnect(element, session, what)
    except Unreachable as away:
        raise Unreachable(_lives(away.what, service), away.remedy) from None
    if answer.done or answer.no_session:
        return answer.done
    sentence = f"接入服务器 {session.nas_address} 不断开会话（{said(answer)}）。"
    sentence = _lives(sentence, service)
    tell(service, sentence)
    raise BusinessError(STILL_ONLINE, sentence, {"error_cause": answer.cause, "sessions": 1})


def _lives(sentence: str, service: ServiceView) -> str:
    """With what it means for a line that is shut off: barred, and not yet off the network."""
    return f"{sentence} {STILL_LIVE}" if barred_for(service) else sentence


# ---- sentences for people ------------------------------------------------------------------------


def said(answer: Answer) -> str:
    return answer.cause or answer.code


def renamed_sentence(proof: Proof, old: str) -> str:
    account = proof.facts["account"]
    if proof.ok:
        return f"账号已改为 {account}，可以登录；原账号 {mask_account(old)} 被拒绝。"
    return f"新账号 {account} 登录未被接受：{proof.facts['answer']}。"


def online_sentence(account: str, live: list[Session]) -> str:
    places = "、".join(dict.fromkeys(s.nas_address for s in live))
    return f"账号 {mask_account(account)} 仍在线（接入服务器 {places}）。"


# ---- inside --------------------------------------------------------------------------------------


def _bring(
    ctx: ActionContext, service: ServiceView, verb: Verb, why: str, former: tuple[str, ...] = ()
) -> None:
    with spoken(service):
        kind, element = spoken_to(service)
        services.bring_account(
            element,
            kind.name(service),
            wanted_now(service, element, why, former),
            for_whom(ctx, service),
            verb,
        )


def _standing(service: ServiceView) -> dict[str, Any]:
    kinds = [s.kind for s in inventory.suspensions([service.id]).get(service.id, ())]
    return {"suspended_for": kinds, "still_barred": bool(kinds)}


def _kind(ctx: ActionContext) -> str:
    kind = str(ctx.inputs.get("reason") or "")
    if kind and kind not in SuspensionKind.values:
        known = "、".join(SuspensionKind.values)
        raise BadInput([InputFault("reason", f"没有停机类型 {kind}。", f"可用：{known}。")])
    return kind


def _old_account(ctx: ActionContext, service: ServiceView) -> str:
    old = str(ctx.inputs.get("old_account") or "")
    if not old or old == service.account:
        raise BadInput([InputFault("old_account", "动作没有得到原账号。")])
    return inventory.former_account(service.id, old)

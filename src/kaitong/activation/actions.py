"""Activation as external actions of a process.

Each is told a `service_id`, reads the service from the inventory, speaks to the network, and tells
the inventory what it found. They may run again with the same key: the network then stands already,
and a proof is asked anew.

A server that is down is `Transient` (tried again, then an incident of cause `network`); a record
that must be corrected is bad input (an incident of cause `data`, at once); a network that says no
is a `BusinessError` the process may catch.
"""

from __future__ import annotations

from datetime import timedelta

from kaitong.activation import kinds, life, queries, services
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
from kaitong.activation.adapters.base import (
    AccountChange,
    AccountState,
    ProofResult,
)
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.choices import ServiceState
from kaitong.org.actor import Actor
from kaitong.process import queries as process
from kaitong.process import services as process_verbs
from kaitong.process.actions import ActionContext, BusinessError, Outcome, Wait

__all__ = [
    "apply_service",
    "desired_account",
    "prove_account",
    "prove_line",
    "prove_removed",
    "remove_service",
]

ACCOUNT_NOT_PROVEN = "account-not-proven"
LINE_NOT_PROVEN = "line-not-proven"
LOGIN_ACCEPTED = "login-accepted"
_ASK_AGAIN = 1.0  # seconds between two looks at the sessions, growing to the longest
_ASK_AGAIN_LONGEST = 10.0
_NOT_BUILT = frozenset(
    {ServiceState.FEASIBILITY_CHECKED, ServiceState.DESIGNED, ServiceState.RESERVED}
)


def apply_service(ctx: ActionContext) -> Outcome:
    """Write what the service wants into the element it lives at (网络激活): an account and its plan
    into the AAA server, a subscriber into the voice platform."""
    service = service_of(ctx)
    with spoken(service):
        kind, element = spoken_to(service)
        services.bring_account(
            element,
            kind.name(service),
            wanted_now(service, element, "网络激活"),
            for_whom(ctx, service),
        )
    if service.state in _NOT_BUILT:
        # the data stand in the network; whether it works is not yet proven
        inventory_verbs.set_service_state(
            actor=Actor.system(),
            service_id=service.id,
            state=ServiceState.INACTIVE,
            reason="已激活，等待开通验证。",
        )
    return None


def remove_service(ctx: ActionContext) -> Outcome:
    """Take the service out of the element it lives at (撤销网络数据).

    What else writes data of it for the order (重发数据 of an installer) is stopped first. A command
    that was taken back may still be under way in another worker: what it writes must not come after
    what is removed here, so its end is waited for.
    """
    service = service_of(ctx)
    kind = kinds.of_service(service)
    name = kind.name(service)
    if not name or stands_nowhere(service, kind):
        return None
    if ctx.business_id is not None:
        process_verbs.stop_machines(
            business_id=ctx.business_id,
            about=("service_id", str(service.id)),
            but=ctx.instance_id,
            reason="撤销网络数据",
        )
        until = process.still_running(ctx.business_id, but=ctx.instance_id)
        if until is not None:
            return Wait(_ASK_AGAIN, "等待正在执行的下发结束。")
    with spoken(service):
        element = queries.element_for(kind.key, service.branch_id)
        change = AccountChange(account=name, state=AccountState.ABSENT)
        services.apply_account(element, change, for_whom(ctx, service))
    return None


def prove_removed(ctx: ActionContext) -> Outcome:
    """Removal proven (撤下验证): a login with the account's own password is refused.

    Raises BusinessError `login-accepted` while the server lets it in.
    """
    service = service_of(ctx)
    kind = kinds.of_service(service)
    name = kind.name(service)
    if (
        not name
        or (kind.has_password and not service.has_password)
        or stands_nowhere(service, kind)
    ):
        return None
    with spoken(service):
        element = queries.element_for(kind.key, service.branch_id)
        subject = kind.subject(service, password=password_for(kind, service, "撤下验证"))
        proof = services.prove_removed(element, subject, for_whom(ctx, service))
    sentence = kind.sentence(proof)
    record(service, proof, sentence)
    if not proof.ok:
        tell(service, sentence)
        raise BusinessError(LOGIN_ACCEPTED, sentence, {"proof_result": proof.result.value})
    return {"removal_proven": True}


def prove_account(ctx: ActionContext) -> Outcome:
    """Account proven (账号已验证): a login is accepted, one with a wrong password refused.

    One that is shut off is proven to be refused instead, one that ended to be gone. Where the
    password was changed, the wrong one is that before: whoever had it is let in no more. A service
    that has worked before and wants no other proof is active again.
    """
    service = service_of(ctx)
    if service.state == ServiceState.TERMINATED:
        return prove_removed(ctx)
    if barred_for(service):
        return life.prove_suspended(ctx)
    with spoken(service):
        kind, element = spoken_to(service)
        former = life.former_password_for(kind, service, "账号验证")
        subject = kind.subject(
            service, password=password_for(kind, service, "账号验证"), former_password=former
        )
        proof = services.prove_account(element, subject, for_whom(ctx, service))
    sentence = kind.sentence(proof)
    record(service, proof, sentence)
    if not proof.ok:
        tell(service, sentence)
        raise BusinessError(ACCOUNT_NOT_PROVEN, sentence, {"proof_result": proof.result.value})
    if proof.facts.get("old_password_known"):
        inventory_verbs.forget_former_password(
            actor=Actor.system(), service_id=service.id, password=former
        )
    if service.state == ServiceState.INACTIVE and not life.works_again(service):
        tell(service, "账号已验证，等待线路验证。")  # whatever kept it from here is over
    return {"account_proven": True}


def prove_line(ctx: ActionContext) -> Outcome:
    """Line proven (开通验证): the customer's own terminal is seen in the network: a session on the
    assigned PON port, a telephone at the voice platform.

    While nothing is seen it waits, up to `patience` seconds from the first look; then, and at once
    for a session on another line, it ends in `line-not-proven` with what was seen and expected.
    """
    service = service_of(ctx)
    memory = dict(ctx.memory)
    with spoken(service):
        kind, element = spoken_to(service)
        proof = services.prove_line(
            element,
            kind.line_subject(service),
            for_whom(ctx, service),
            asked_again=bool(memory),
        )
    sentence = kind.sentence(proof)
    if proof.result is ProofResult.NOT_SEEN:
        since = moment(memory.get("since")) or ctx.now
        looks = int(memory.get("looks") or 0) + 1
        pause = min(_ASK_AGAIN * 1.5 ** (looks - 1), _ASK_AGAIN_LONGEST)
        left = (since + timedelta(seconds=patience(ctx)) - ctx.now).total_seconds()
        if left > 0:
            if looks == 1:
                tell(service, sentence)
            return Wait(
                min(pause, max(left, 0.1)),
                sentence,
                {"since": since.isoformat(), "looks": looks},
            )
    record(service, proof, sentence)
    if not proof.ok:
        tell(service, sentence)
        raise BusinessError(LINE_NOT_PROVEN, sentence, kind.short(proof))
    tell(service, "")
    return {"line_proven": True}


# ---- inside --------------------------------------------------------------------------------------

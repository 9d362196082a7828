"""A customer at the counter proves that a broadband account is his (鉴权, VER-09..VER-12).

Wrong answers are counted, for the service and for the clerk who types them, and lock further tries
for a while; how often and how long is the playbook's parameter `authentication`. One proof serves
one change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.catalog import names
from kaitong.core import audit, plain
from kaitong.core.clock import now
from kaitong.core.errors import InputFault
from kaitong.inventory import queries as inventory
from kaitong.inventory import services as inventory_verbs
from kaitong.inventory.results import ServiceView
from kaitong.ordering import bindings, codes
from kaitong.ordering.counter_rules import AUTHENTICATION
from kaitong.ordering.errors import BadOrder, OrderRefused
from kaitong.ordering.life_choices import AuthenticationKind
from kaitong.ordering.models import Authentication
from kaitong.org.actor import Actor
from kaitong.party import queries as parties

# What each kind asks for, in the order of the form.
ASKED: Mapping[str, tuple[str, ...]] = {
    AuthenticationKind.ACCOUNT_DOCUMENT: ("account", "document_number"),
    AuthenticationKind.ACCOUNT_PASSWORD: ("account", "password"),
    AuthenticationKind.BOUND_NUMBER: ("bound_number",),
    AuthenticationKind.NUMBER_CODE: ("bound_number", "code"),
}
CODE = "code"
# A clerk who is wrong for many services is as suspicious as one who is wrong for one.
CLERK_TRIES = 4


def authenticate(
    *,
    actor: Actor,
    service_id: UUID,
    kind: str,
    given: Mapping[str, str],
    limits: Mapping[str, Any],
    procedure: str,
    key: str = "",
    parameters: Mapping[str, Any] | None = None,
) -> Authentication:
    """Compare what the customer says with what is registered; a wrong answer is counted and kept.

    Raises BadOrder with the wrong field, OrderRefused while tries are locked. An attempt is
    written in its own transaction, whatever the caller does with the refusal. What is proven serves
    this procedure alone, and where the face names the order being made (`key`), that one alone.
    `parameters` are the procedure's, where the kind has more limits than these: a one-time code.
    """
    AuthenticationKind(kind)
    service = inventory.service(actor, service_id, proofs=False, line=False)
    with audit.acting(actor.id, "authenticate customer"), transaction.atomic():
        take_turns(service_id, actor.id)
        require_unlocked(service_id, actor.id, limits)
        faults = [
            InputFault(name, what, remedy)
            for name in ASKED[kind]
            if name != CODE
            for what, remedy in [_WRONG[name](service, str(given.get(name, "")).strip())]
            if what
        ]
        if CODE in ASKED[kind] and not faults:
            faults += _code(actor, service_id, given, parameters or {}, procedure, key)
        moment = now()
        made = Authentication.objects.create(
            branch_id=service.branch_id,
            service_id=service_id,
            kind=kind,
            procedure=procedure[:60],
            request_key=key[:160],
            clerk_id=actor.id,
            ok=not faults,
            good_until=None
            if faults
            else moment + timedelta(minutes=int(limits["good_for_minutes"])),
        )
        left = int(limits["tries"]) - _failures(service_id, limits, moment) if faults else 0
    if faults:
        if left <= 0:
            faults.append(
                InputFault(
                    "authentication",
                    _("鉴权错误次数已满，锁定 %s 分钟。") % limits["locked_minutes"],
                )
            )
        raise BadOrder(faults)
    return made


_OF_CLERK = """select created_at from ordering_authentication
 where not ok and created_at > %s and """
_OF_SERVICE = """select kind, ok, created_at from ordering_authentication
 where service_id = %s and created_at > %s order by created_at"""


def take_turns(service_id: UUID, clerk_id: UUID | None) -> None:
    """Two tries at once count as two: until this transaction ends nobody else tries for this
    service, nor this clerk for any."""
    turns = sorted((f"authenticate {service_id}", f"authenticate {clerk_id}"))
    plain.ask(
        "select pg_advisory_xact_lock(hashtextextended(%s, 0)),"
        " pg_advisory_xact_lock(hashtextextended(%s, 0))",
        turns,
    )


def locked_until(
    service_id: UUID, clerk_id: UUID | None, limits: Mapping[str, Any]
) -> datetime | None:
    """Until when nobody may try for this service, or this clerk for any; None when free."""
    moment = now()
    span = timedelta(minutes=int(limits["within_minutes"]))
    pause = timedelta(minutes=int(limits["locked_minutes"]))
    tries = int(limits["tries"])
    found = []
    since = moment - pause - span
    who, by = plain.same("clerk_id", clerk_id)
    of_clerk = [at for (at,) in plain.ask(_OF_CLERK + who, [since, *by])]
    of_clerk.sort()
    for times, most in (
        (_wrong_times(service_id, since), tries),
        (of_clerk, tries * CLERK_TRIES),
    ):
        for first, last in zip(times, times[most - 1 :], strict=False):
            if last - first <= span and last + pause > moment:
                found.append(last + pause)
    return max(found, default=None)


def require_unlocked(service_id: UUID, clerk_id: UUID | None, limits: Mapping[str, Any]) -> None:
    """Refuse a try while tries are locked."""
    until = locked_until(service_id, clerk_id, limits)
    if until is not None:
        raise OrderRefused(
            _("鉴权错误次数过多，已锁定到 %(at)s。") % {"at": f"{timezone.localtime(until):%H:%M}"},
            _("请到时再试，或由班长核对客户身份。"),
            field="authentication",
            code="locked",
        )


def wrong_answer(*, actor: Actor, service_id: UUID, kind: str) -> None:
    """Count an answer of a change's form that was wrong about what a proof asks for."""
    with audit.acting(actor.id, "authenticate customer"), transaction.atomic():
        count_wrong(actor=actor, service_id=service_id, kind=kind)


def count_wrong(*, actor: Actor, service_id: UUID, kind: str) -> None:
    """The same within the caller's transaction."""
    service = inventory.service(actor, service_id, proofs=False, line=False)
    Authentication.objects.create(
        branch_id=service.branch_id,
        service_id=service_id,
        kind=AuthenticationKind(kind),
        clerk_id=actor.id,
        ok=False,
    )


def forget(service_id: UUID) -> None:
    """Proofs that were not used yet are void: the service is another customer's from now on."""
    unused = Authentication.objects.filter(service_id=service_id, ok=True, used_at=None)
    unused.update(used_at=now())


_STANDING = """service_id = %s and kind = any(%s::text[]) and ok
 and procedure = %s and (request_key = '' or %s = '' or request_key = %s)
 and used_at is null and good_until > %s order by created_at desc limit 1"""


def standing(
    actor: Actor,
    service_id: UUID,
    kinds: Sequence[str],
    *,
    procedure: str,
    key: str = "",
    lock: bool = False,
) -> Authentication | None:
    """The proof this clerk has for this procedure of this service that still holds and was not
    used; `key` asks for one that was given for this order, or for none in particular."""
    who, by = plain.same("clerk_id", actor.id)
    rows = plain.where(
        Authentication,
        f"{who} and {_STANDING}" + (" for update" if lock else ""),
        [*by, service_id, plain.array(kinds), procedure, key, key, now()],
    )
    return rows[0] if rows else None


def limits_of(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The limits of a playbook that authenticates; deployment has seen that they are there."""
    found: Mapping[str, Any] = parameters[AUTHENTICATION]
    return found


# ---- inside --------------------------------------------------------------------------------------


def _failures(service_id: UUID, limits: Mapping[str, Any], moment: datetime) -> int:
    since = moment - timedelta(minutes=int(limits["within_minutes"]))
    return len(_wrong_times(service_id, since))


def _wrong_times(service_id: UUID, since: datetime) -> list[datetime]:
    """When answers were wrong, the oldest first. A right one forgives those of its own kind: who
    has the bound number does not guess at the password for ever."""
    found = plain.ask(_OF_SERVICE, [service_id, since])
    good = {kind: at for kind, ok, at in found if ok}
    return [at for kind, ok, at in found if not ok and (kind not in good or at > good[kind])]


def _code(
    actor: Actor,
    service_id: UUID,
    given: Mapping[str, str],
    parameters: Mapping[str, Any],
    procedure: str,
    key: str,
) -> list[InputFault]:
    """What is wrong with a one-time code, whose number is the line's; a right one is used up."""
    number = bindings.mobile(str(given.get("bound_number", "")))
    assert number is not None, "checked before"
    what, remedy = codes.answer(
        actor=actor,
        service_id=service_id,
        number=number,
        code=str(given.get(CODE, "")).strip(),
        procedure=procedure,
        key=key,
        parameters=parameters,
    )
    if what:
        return [InputFault(CODE, what, remedy)]
    codes.use(actor=actor, service_id=service_id, number=number, procedure=procedure, key=key)
    return []


Wrong = tuple[str, str]
_RIGHT: Wrong = ("", "")


def _account(service: ServiceView, given: str) -> Wrong:
    if given.casefold() == service.account.casefold() and given:
        return _RIGHT
    said = names.of(service)
    what = _("%(account)s不是%(this)s的。") if given else _("没有填%(account)s。")
    return said.say(what), said.say(_("请核对%(account)s。"))


def _document(service: ServiceView, given: str) -> Wrong:
    if not given:
        return _("没有填证件号码。"), _("请填开户证件的号码。")
    if service.customer_id is not None and parties.shows_document(service.customer_id, given):
        return _RIGHT
    return _("证件号码与开户登记的不符。"), _("请核对开户证件原件。")


def _password(service: ServiceView, given: str) -> Wrong:
    if not given:
        return _("没有填密码。"), names.of(service).say(_("请客户输入%(password)s。"))
    if inventory_verbs.is_password(service_id=service.id, given=given):
        return _RIGHT
    return _("密码不对。"), _("忘记密码的，请凭证件办理密码重置。")


def _bound_number(service: ServiceView, given: str) -> Wrong:
    number = bindings.mobile(given)
    if number is None:
        return _("不是手机号码。"), _("请填绑定的 11 位手机号码。")
    if number.e164 in {row.number for row in bindings.living_of(service.id)}:
        return _RIGHT  # bound to this line: another of the same order is not meant
    return not_bound(service)


def not_bound(service: ServiceView) -> Wrong:
    """What whoever proves himself by another number than the bound one is told."""
    said = names.of(service)
    return (
        said.say(_("这个号码没有绑定在%(this)s上。")),
        said.say(_("请核对号码，或凭%(account)s和证件鉴权。")),
    )


_WRONG: dict[str, Callable[[ServiceView, str], Wrong]] = {
    "account": _account,
    "document_number": _document,
    "password": _password,
    "bound_number": _bound_number,
}

"""Sending one-time codes and hearing them in a change's form (短信验证码, VER-12).

Wrong answers count with all other proofs of the line and lock with them
(`ordering.authenticating`). A code leaves by the outbox, sealed, as a notice nobody here reads.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from kaitong.core import audit, db
from kaitong.core.clock import now
from kaitong.core.errors import InputFault
from kaitong.core.masking import mask_phone
from kaitong.inventory import queries as inventory
from kaitong.messaging import services as messaging
from kaitong.messaging.choices import Channel, To
from kaitong.ordering import authenticating, bindings, codes
from kaitong.ordering.errors import BadOrder, OrderRefused
from kaitong.ordering.life_choices import AuthenticationKind
from kaitong.ordering.models import NumberCode
from kaitong.org import queries as org
from kaitong.org.actor import Actor
from kaitong.party import queries as parties
from kaitong.party.names import PhoneNumber

NUMBER = "bound_number"


def send(
    *,
    actor: Actor,
    service_id: UUID,
    number: PhoneNumber,
    what: str,
    procedure: str,
    key: str,
    parameters: Mapping[str, Any],
) -> codes.Sent:
    """Send a code to a number; the one before, if it lives, ends.

    Raises OrderRefused while proofs of this line are locked, right after another code, and when
    too many were sent to this number, for this line or by this clerk.
    """
    limits = codes.limits_of(parameters)
    service = inventory.service(actor, service_id, proofs=False, line=False)
    index, moment = codes.index_of(number), now()
    with audit.acting(actor.id, "send code"), transaction.atomic():
        authenticating.take_turns(service_id, actor.id)
        db.rows("select pg_advisory_xact_lock(%s)", [int.from_bytes(index[:8], signed=True)])
        authenticating.require_unlocked(service_id, actor.id, authenticating.limits_of(parameters))
        _require_room(service_id, actor.id, index, limits, moment)
        NumberCode.objects.filter(service_id=service_id, number_index=index, ended_at=None).update(
            ended_at=moment
        )
        digits = int(limits["digits"])
        code = f"{secrets.randbelow(10**digits):0{digits}d}"
        row = NumberCode(
            branch_id=service.branch_id,
            service_id=service_id,
            number_index=index,
            masked=mask_phone(number.digits),
            clerk_id=actor.id,
            procedure=procedure[:60],
            request_key=key[:160],
            good_until=moment + timedelta(minutes=int(limits["good_for_minutes"])),
        )
        row.digest = codes.digest(row.pk, code)
        row.save(force_insert=True)
        text = str(limits["text"]).format(
            branch=org.branch(service.branch_id).name,
            code=code,
            what=what,
            minutes=limits["good_for_minutes"],
        )
        messaging.queue(
            actor=actor,
            notices=[
                messaging.NewNotice(
                    key=f"code:{row.pk}",
                    kind=codes.PARAMETER,
                    title="短信验证码",
                    title_en="One-time code",
                    to=To.CUSTOMER,
                    by=(Channel.SMS,),
                    text=text,
                    branch_id=service.branch_id,
                    reach=parties.Reach(name="", phone=number.digits, email=""),
                    secret_until=row.good_until,
                )
            ],
        )
    return codes.sent(row, limits)


def send_to_bound(
    *,
    actor: Actor,
    service_id: UUID,
    typed: str,
    what: str,
    procedure: str,
    key: str,
    parameters: Mapping[str, Any],
) -> codes.Sent:
    """Send a code to the number that the customer says is bound to the line (VER-11).

    A number that is not is a wrong answer, counted as such, and nothing is sent.
    """
    limits = authenticating.limits_of(parameters)
    number = bindings.mobile(typed)
    if number is None:
        raise BadOrder([InputFault(NUMBER, _("不是手机号码。"), _("请填绑定的 11 位手机号码。"))])
    with audit.acting(actor.id, "send code"), transaction.atomic():
        authenticating.take_turns(service_id, actor.id)
        authenticating.require_unlocked(service_id, actor.id, limits)
        bound = number.e164 in {row.number for row in bindings.living_of(service_id)}
        if not bound:
            authenticating.count_wrong(
                actor=actor, service_id=service_id, kind=AuthenticationKind.NUMBER_CODE
            )
    if not bound:
        what_is, remedy = authenticating.not_bound(inventory.service(actor, service_id))
        raise BadOrder([InputFault(NUMBER, what_is, remedy)])
    return send(
        actor=actor,
        service_id=service_id,
        number=number,
        what=what,
        procedure=procedure,
        key=key,
        parameters=parameters,
    )


def prove(
    *,
    actor: Actor,
    service_id: UUID,
    number: PhoneNumber,
    code: str,
    procedure: str,
    key: str,
    parameters: Mapping[str, Any],
    field: str,
) -> None:
    """Compare a code that is an answer of a change's form, in a transaction of its own.

    A wrong one counts as a wrong proof of the line. Raises BadOrder at `field`, or OrderRefused
    while proofs are locked.
    """
    with audit.acting(actor.id, "answer code"), transaction.atomic():
        authenticating.take_turns(service_id, actor.id)
        authenticating.require_unlocked(service_id, actor.id, authenticating.limits_of(parameters))
        what, remedy = codes.answer(
            actor=actor,
            service_id=service_id,
            number=number,
            code=code,
            procedure=procedure,
            key=key,
            parameters=parameters,
        )
        if what:
            authenticating.count_wrong(
                actor=actor,
                service_id=service_id,
                kind=AuthenticationKind.NUMBER_CODE,
            )
    if what:
        raise BadOrder([InputFault(field, what, remedy)])


# ---- inside --------------------------------------------------------------------------------------


def _require_room(
    service_id: UUID,
    clerk_id: UUID | None,
    index: bytes,
    limits: Mapping[str, Any],
    moment: datetime,
) -> None:
    to_number = NumberCode.objects.filter(number_index=index)
    last = to_number.order_by("-created_at").values_list("created_at", flat=True).first()
    again = timedelta(seconds=int(limits["again_after_seconds"]))
    if last is not None and last + again > moment:
        raise OrderRefused(
            _("刚给这个号码发过验证码。"),
            _("%s 秒后可以重发。") % (int((last + again - moment).total_seconds()) + 1),
            field="code",
            code="too-soon",
        )
    since = moment - timedelta(minutes=int(limits["within_minutes"]))
    most = int(limits["most"])
    for rows, many in (
        (to_number, most),
        (NumberCode.objects.filter(service_id=service_id), most),
        (NumberCode.objects.filter(clerk_id=clerk_id), most * authenticating.CLERK_TRIES),
    ):
        if rows.filter(created_at__gt=since).count() >= many:
            raise OrderRefused(
                _("验证码发送次数已满。"),
                _("请过 %s 分钟再试，或凭账号和证件办理。") % limits["within_minutes"],
                field="code",
                code="too-many",
            )

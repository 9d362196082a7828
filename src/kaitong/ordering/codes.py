"""One-time codes by short message (短信验证码): a mobile number proves itself (VER-11, VER-12).

How long a code is, how long it is good for, how often one may be sent and what the message says is
the playbook's parameter `number_code`. Kept is a keyed digest of a code, which serves the clerk who
had it sent, for one line, one procedure and the one order that is being made, once, and dies of a
few wrong answers. `code_sending` sends them.
"""

from __future__ import annotations

import hmac
import string
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from kaitong.core.clock import now
from kaitong.core.crypto import blind_index
from kaitong.ordering.models import NUMBER_PURPOSE, NumberCode
from kaitong.org.actor import Actor
from kaitong.party.names import PhoneNumber

PURPOSE = "ordering.number-code"
PARAMETER = "number_code"  # the parameter with the limits and the text
LIMITS = ("digits", "good_for_minutes", "again_after_seconds", "most", "within_minutes", "tries")
PLACES = {"branch", "code", "what", "minutes"}
FEWEST_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Sent:
    """A code under way: to which number (masked), good until when, and when another may be sent."""

    masked: str
    good_until: datetime
    again_at: datetime


def standing(
    actor: Actor, service_id: UUID, parameters: Mapping[str, Any], *, procedure: str
) -> Sent | None:
    """The code this clerk had sent last for a procedure of a line, while it is good."""
    if PARAMETER not in parameters:
        return None
    row = (
        NumberCode.objects.filter(
            service_id=service_id,
            clerk_id=actor.id,
            procedure=procedure,
            ended_at=None,
            good_until__gt=now(),
        )
        .order_by("-created_at")
        .first()
    )
    return sent(row, limits_of(parameters)) if row is not None else None


def answer(
    *,
    actor: Actor,
    service_id: UUID,
    number: PhoneNumber,
    code: str,
    procedure: str,
    key: str,
    parameters: Mapping[str, Any],
) -> tuple[str, str]:
    """What is wrong with a code and what to do; two empty texts when it is right.

    Within a transaction that is committed whatever is found: a wrong answer counts. A right one is
    proven, and serves until `use` ends it.
    """
    if not code:
        return _("没有填验证码。"), _("请客户念出收到的验证码。")
    row = _living(actor, service_id, number, procedure, key)
    if row is None:
        return _("没有给这个号码发过验证码，或验证码已失效。"), _("请重新发送。")
    if hmac.compare_digest(bytes(row.digest), digest(row.pk, _plain(code))):
        row.proven_at = row.proven_at or now()
        row.save(update_fields=["proven_at"])
        return "", ""
    row.wrong += 1
    if row.wrong >= int(limits_of(parameters)["tries"]):
        row.ended_at = now()
    row.save(update_fields=["wrong", "ended_at"])
    if row.ended_at is not None:
        return _("验证码错误次数过多，已作废。"), _("请重新发送。")
    return _("验证码不对。"), _("请客户再念一遍收到的验证码。")


def use(*, actor: Actor, service_id: UUID, number: PhoneNumber, procedure: str, key: str) -> bool:
    """End a code that was proven; whether there was one. Once: the second finds none."""
    row = _living(actor, service_id, number, procedure, key)
    if row is None or row.proven_at is None:
        return False
    row.ended_at = now()
    row.save(update_fields=["ended_at"])
    return True


def limits_of(parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The limits of a playbook that sends codes; deployment has seen that they are there."""
    found: Mapping[str, Any] = parameters[PARAMETER]
    return found


def faults(parameters: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What is wrong with the parameter of a playbook that sends codes: what, remedy."""
    found = parameters.get(PARAMETER, {}).get("default")
    if not isinstance(found, Mapping) or any(
        not isinstance(found.get(name), int) or found[name] < 1 for name in LIMITS
    ):
        yield (
            f"No parameter {PARAMETER} says how codes are sent.",
            f"Add it as a table of {', '.join(LIMITS)} and text.",
        )
        return
    if found["digits"] < FEWEST_DIGITS:
        yield f"A code of {found['digits']} digits is guessed.", f"At least {FEWEST_DIGITS}."
    try:
        places = {name for _t, name, _f, _c in string.Formatter().parse(str(found.get("text", "")))}
    except ValueError as error:
        yield f"The text of {PARAMETER} cannot be read: {error}.", "Write places as {code}."
        return
    if "code" not in places or places - PLACES - {None}:
        yield (
            f"The text of {PARAMETER} has to hold {{code}}.",
            f"It may name {', '.join(sorted(PLACES))}.",
        )


def index_of(number: PhoneNumber) -> bytes:
    return blind_index(NUMBER_PURPOSE, number.e164)


def digest(row_id: UUID, code: str) -> bytes:
    return blind_index(PURPOSE, f"{row_id}:{code}")


def sent(row: NumberCode, limits: Mapping[str, Any]) -> Sent:
    again = timedelta(seconds=int(limits["again_after_seconds"]))
    return Sent(row.masked, row.good_until, row.created_at + again)


# ---- inside --------------------------------------------------------------------------------------


def _plain(code: str) -> str:
    """A code as it was sent: an input method writes digits full width, people with blanks."""
    return "".join(unicodedata.normalize("NFKC", code).split())


def _living(
    actor: Actor, service_id: UUID, number: PhoneNumber, procedure: str, key: str
) -> NumberCode | None:
    """The code of this number that serves this order; one sent without an order's key serves any
    order of its procedure."""
    return (
        NumberCode.objects.select_for_update()
        .filter(
            service_id=service_id,
            number_index=index_of(number),
            clerk_id=actor.id,
            procedure=procedure,
            request_key__in={"", key[:160]},
            ended_at=None,
            good_until__gt=now(),
        )
        .first()
    )

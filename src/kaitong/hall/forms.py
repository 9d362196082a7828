"""The application form (业务申请表, F-38) filled in at the tablet, until a clerk has it as a draft.

A form for a new line becomes the clerk's draft when its number begins; one for a line in use is
read by who serves the number, until its end. What was entered is sealed, shown to nobody before the
number is called, and forgotten with the day. Who comes for somebody else (代办, VER-03) says who he
is, too: both documents are looked at in the original at the counter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.core import audit
from kaitong.core.clock import now
from kaitong.core.errors import InputFault
from kaitong.hall import rules as tables
from kaitong.hall.choices import FormState, TicketState
from kaitong.hall.errors import BadHall, NoSuchTicket, WrongTicketState
from kaitong.hall.models import Form, Ticket
from kaitong.ordering import counter, drafts
from kaitong.org.actor import Actor
from kaitong.party import rules as documents
from kaitong.party.choices import PartyKind
from kaitong.party.kinds import DEFAULT_KINDS, KindRule, find
from kaitong.party.names import parse_phone

# Inputs, by the names the counter's draft has for them; `q` is the address as it was written.
_PERSON = ("name", "phone", "document_kind", "number", "valid_until", "long_term")
AGENT = "agent_"
# of a change: which line, and what is to be done with it
ACCOUNT, OPERATION, REMARK = "account", "operation", "remark"
FIELDS = (
    "kind", *_PERSON, "agent", *(AGENT + name for name in _PERSON), "offering", "q",
    ACCOUNT, OPERATION, REMARK,
)  # fmt: skip
LONGEST = 120
FORGOTTEN_AFTER = timedelta(days=1)
_NO_DATA = "{}"
_INPUTS = {"kind": "document_kind"}


def fill_in(*, actor: Actor, ticket_id: UUID, data: Mapping[str, str]) -> Form:
    """Keep the form of a number that has not begun yet. Again replaces it.

    What is left empty the clerk asks; what was entered must be right.
    """
    rules = tables.required()
    tables.require(tables.may_give(actor, rules))
    entered = {name: str(data.get(name) or "").strip()[:LONGEST] for name in FIELDS}
    entered = {name: text for name, text in entered.items() if text}
    if not entered.get("agent"):  # what stands in fields nobody was asked for
        entered = {name: text for name, text in entered.items() if not name.startswith(AGENT)}
    offers = counter.offers(actor)
    with transaction.atomic():
        rows = Ticket.objects.select_for_update(no_key=True, of=("self",)).select_related("rules")
        ticket = rows.filter(pk=ticket_id).first()
        if ticket is None or not actor.sees(ticket.branch_id):
            raise NoSuchTicket(_("没有这个排队号。"), _("请重新取号。"))
        if not asks(ticket):
            raise WrongTicketState(_("这种业务不用填申请表。"), _("请直接等叫号。"))
        if ticket.state not in (TicketState.WAITING, TicketState.CALLED):
            raise WrongTicketState(_("这个号已经到窗口。"), _("请在窗口办理。"))
        known = document_kinds(offers)
        faults = _faults(entered, known, {one.offering.key for one in offers if not one.lacking})
        if changes(ticket):
            faults += _change_faults(entered)
        if entered.get("agent"):
            faults += _agent_faults(entered, known)
        if faults:
            raise BadHall(faults)
        form = Form.objects.filter(ticket=ticket).first() or Form(
            ticket=ticket, branch_id=ticket.branch_id
        )
        if form.state == FormState.TAKEN:
            raise WrongTicketState(_("申请表已经在窗口。"), _("请在窗口更改。"))
        form.state, form.filled_by, form.updated_at = FormState.OPEN, actor.id, now()
        form.sealed = json.dumps(entered, ensure_ascii=False)
        form.save()
    return form


def to_draft(actor: Actor, ticket: Ticket) -> UUID | None:
    """Make the form of a number the clerk's draft, within the caller's transaction, which holds the
    number; the draft's identifier. None without a form, or for who takes in no orders."""
    form = Form.objects.filter(ticket=ticket).first()
    if form is None or changes(ticket) or not actor.has_post(drafts.CLERK):
        return None
    if form.state == FormState.OPEN:
        drafts.open_draft(actor=actor, draft_id=form.pk, data=json.loads(form.sealed))
        _end(form, FormState.TAKEN)
    return form.pk if form.state == FormState.TAKEN else None


def asks(ticket: Ticket) -> bool:
    """Whether a form belongs to the business of a number at all."""
    kind = tables.kind(ticket.rules, ticket.kind)
    return kind is not None and kind.form


def changes(ticket: Ticket) -> bool:
    """Whether it is about a line in use."""
    kind = tables.kind(ticket.rules, ticket.kind)
    return kind is not None and kind.changes


def read(actor: Actor, ticket_id: UUID) -> dict[str, str]:
    """What the form of a change says, for the clerk who serves its number now; recorded."""
    ticket = Ticket.objects.select_related("rules", "seat").filter(pk=ticket_id).first()
    if ticket is None or not actor.sees(ticket.branch_id):
        raise NoSuchTicket(_("没有这个排队号。"), _("请刷新页面。"))
    own = ticket.state == TicketState.SERVING and ticket.seat is not None
    tables.require(own and ticket.seat is not None and ticket.seat.clerk_id == actor.id)
    form = Form.objects.filter(ticket=ticket, state=FormState.OPEN).first()
    if form is None:
        raise NoSuchTicket(_("这个号没有填好的申请表。"), _("请当面询问客户。"))
    with transaction.atomic():
        audit.record(
            "form-read",
            actor_id=actor.id,
            subject_type="hall.Form",
            subject_id=form.pk,
            branch_id=form.branch_id,
            data={"number": ticket.number},
        )
    found: dict[str, str] = json.loads(form.sealed)
    return found


def put_away(ticket: Ticket) -> None:
    """Forget what is left of a number's form at its end, in the caller's transaction."""
    form = Form.objects.filter(ticket=ticket, state=FormState.OPEN).first()
    if form is not None:
        _end(form, FormState.TAKEN)


def forget_old() -> int:
    """Forget forms nobody came back to; how many. Called by workers, any number at once."""
    with transaction.atomic():
        old = Form.objects.filter(
            state=FormState.OPEN, updated_at__lte=now() - FORGOTTEN_AFTER
        ).order_by("pk")
        found = list(old.select_for_update(skip_locked=True, no_key=True)[:200])
        for form in found:
            _end(form, FormState.FORGOTTEN)
    return len(found)


def entered(actor: Actor, ticket: Ticket) -> dict[str, Any]:
    """What stands in the form of a number, for the sheet to be signed: before the counter the
    form's, at the counter the clerk's own draft's. Nothing where there is none."""
    form = Form.objects.filter(ticket=ticket).first()
    if form is None:
        return {}
    if form.state == FormState.OPEN:
        found: dict[str, Any] = json.loads(form.sealed)
        return found
    draft = drafts.draft_of(actor, form.pk)
    return drafts.entered(draft) if draft is not None else {}


def document_kinds(offers: Sequence[counter.Offer]) -> tuple[KindRule, ...]:
    """The documents that are accepted (VER-01, VER-06): the playbook's, as the counter has them."""
    return offers[0].document_kinds if offers else DEFAULT_KINDS


# ---- inside --------------------------------------------------------------------------------------


def _end(form: Form, state: FormState) -> None:
    form.state, form.sealed, form.updated_at = state, _NO_DATA, now()
    form.save(update_fields=["state", "sealed", "updated_at"])


def _faults(
    data: Mapping[str, str], kinds: Sequence[KindRule], offerings: set[str]
) -> list[InputFault]:
    found: list[InputFault] = []
    if data.get("kind", PartyKind.INDIVIDUAL) not in PartyKind.values:
        found.append(InputFault("kind", _("没有这种客户类别。"), _("请选个人或单位。")))
    if not data.get("name"):
        found.append(InputFault("name", _("没有填姓名。"), _("请填证件上的姓名。")))
    if data.get("phone") and parse_phone(data["phone"]) is None:
        found.append(
            InputFault("phone", _("电话不对。"), _("请填 11 位手机号，或区号加固定电话。"))
        )
    if data.get("offering") and data["offering"] not in offerings:
        found.append(InputFault("offering", _("没有这种套餐。"), _("请从列出的套餐里选。")))
    return found + _document_faults(data, kinds, "", data.get("kind") or str(PartyKind.INDIVIDUAL))


def _agent_faults(data: Mapping[str, str], kinds: Sequence[KindRule]) -> list[InputFault]:
    """Who comes for somebody else has a name and a document of his own (VER-03)."""
    found: list[InputFault] = []
    if not data.get(AGENT + "name"):
        found.append(InputFault(AGENT + "name", _("没有填代办人姓名。"), _("请填证件上的姓名。")))
    if not data.get(AGENT + "number"):
        what, remedy = _("没有填代办人证件号码。"), _("代办要带双方证件原件。")
        found.append(InputFault(AGENT + "number", what, remedy))
    elif data.get("number") and data[AGENT + "number"] == data["number"]:
        what, remedy = _("代办人和客户是同一张证件。"), _("本人来办的，请去掉代办。")
        found.append(InputFault(AGENT + "number", what, remedy))
    if data.get(AGENT + "phone") and parse_phone(data[AGENT + "phone"]) is None:
        found.append(
            InputFault(AGENT + "phone", _("电话不对。"), _("请填 11 位手机号，或区号加固定电话。"))
        )
    return found + _document_faults(data, kinds, AGENT, str(PartyKind.INDIVIDUAL))


def _change_faults(data: Mapping[str, str]) -> list[InputFault]:
    found: list[InputFault] = []
    if not data.get(ACCOUNT):
        what, remedy = _("没有填要办的账号。"), _("请填业务号码，或绑定的手机号。")
        found.append(InputFault(ACCOUNT, what, remedy))
    if data.get(OPERATION) and data[OPERATION] not in {one.key for one in counter.changes()}:
        found.append(InputFault(OPERATION, _("没有这种业务。"), _("请从列出的业务里选。")))
    return found


def _document_faults(
    data: Mapping[str, str], kinds: Sequence[KindRule], prefix: str, party_kind: str
) -> list[InputFault]:
    """What is wrong with a document as far as it was entered; the rest is seen at the counter."""
    found: list[InputFault] = []
    chosen = data.get(prefix + "document_kind", "")
    if chosen and find(chosen, kinds) is None:
        what, remedy = _("不收这种证件。"), _("请从列出的证件里选。")
        found.append(InputFault(prefix + "document_kind", what, remedy))
    until = None
    if text := data.get(prefix + "valid_until"):
        try:
            until = date.fromisoformat(text)
        except ValueError:
            what, remedy = _("日期不对。"), _("请照证件填年月日。")
            return [*found, InputFault(prefix + "valid_until", what, remedy)]
    if data.get(prefix + "number") and (not chosen or find(chosen, kinds) is not None):
        wrong = documents.check_document(
            chosen or kinds[0].kind,
            data[prefix + "number"],
            until,
            timezone.localdate(now()),
            long_term=until is None,  # not said: seen at the counter, with the document in hand
            party_kind=party_kind,
            kinds=kinds,
        )
        found += [
            InputFault(
                prefix + _INPUTS.get(one.field, one.field),
                _("%(what)s。") % {"what": one.what},
                _("请对照证件核对。"),
            )
            for one in wrong
        ]
    return found

"""People in changes of services: the new owner of a transfer (过户, BB-02), a customer's data
(资料修改, BB-08). What was typed about them is sealed with the change; papers show it masked.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kaitong.catalog import queries as catalog
from kaitong.core import wording
from kaitong.core.errors import BadInput, InputFault
from kaitong.core.masking import mask_document, mask_name, mask_phone
from kaitong.ordering import bindings, case_rules, customers, leaving
from kaitong.ordering import life_shown as shown
from kaitong.ordering.life_answer import Answer, Kept, Whole, at, nothing, wrong
from kaitong.ordering.life_checks import Subject
from kaitong.party import queries as parties
from kaitong.party.choices import PartyKind
from kaitong.party.models import Party
from kaitong.party.names import clean_name, name_shape

OWNER = "change.owner"  # the new owner's identifier, once he is registered
PREFIX, HANDLER = "change.owner_", "change.owner_handler_"
IS = "change.owner_is"  # person or organisation; a person where it is not said
NAME, PHONE, NUMBER = PREFIX + shown.NAME, PREFIX + shown.PHONE, PREFIX + shown.NUMBER


# ---- one answer ----------------------------------------------------------------------------------


def _name(subject: Subject, value: Any) -> str:
    """A name of the holder's own kind: a person's, or an organisation's."""
    plain = clean_name(str(value))
    holder = subject.service.customer_id
    shape = name_shape(plain, parties.kind_of(holder) or PartyKind.INDIVIDUAL)
    if not plain or shape:
        raise wrong(shape or _("没有填写客户名称，或名称过长。"), _("请按证件录入。"))
    return plain


def _contact(_subject: Subject, value: Any) -> str:
    plain = clean_name(str(value))
    shape = name_shape(plain, PartyKind.INDIVIDUAL)
    if not plain or shape:
        raise wrong(shape or _("没有填写客户名称，或名称过长。"), _("请按证件录入。"))
    return plain


def _is(_subject: Subject, value: Any) -> str:
    if value not in PartyKind.values:
        raise wrong(_("没有这种客户类别。"), wording.several(PartyKind.values))
    return str(value)


def _text(_subject: Subject, value: Any) -> str:
    return str(value).strip()


def _holder(subject: Subject) -> parties.Summary | None:
    customer = subject.service.customer_id
    return parties.summaries([customer]).get(customer) if customer is not None else None


def _holders_name(subject: Subject) -> str:
    holder = _holder(subject)
    return holder.name if holder else ""


def _holders_phone(subject: Subject) -> str:
    holder = _holder(subject)
    return holder.phone if holder else ""


def _holders_document(subject: Subject) -> str:
    holder = _holder(subject)
    return f"{holder.document_title} {holder.document_number}".strip() if holder else ""


def _masked_mail(value: Any) -> str:
    name, _at, domain = str(value).partition("@")
    return f"{name[:1]}***@{domain}"


ANSWERS: dict[str, Answer] = {
    **shown.answers(PREFIX, gettext_noop("机主"), gettext_noop("证件号码")),
    IS: Answer(gettext_noop("客户类别"), _is, nothing, nothing),
    NAME: Answer(gettext_noop("机主"), shown.name, _holders_name, mask_name),
    PHONE: Answer(gettext_noop("联系电话"), shown.phone, _holders_phone, mask_phone),
    NUMBER: Answer(gettext_noop("证件号码"), shown.number, _holders_document, mask_document),
    **shown.answers(HANDLER, gettext_noop("新单位经办人"), gettext_noop("新单位经办人证件")),
    "change.name": Answer(gettext_noop("客户姓名"), _name, _holders_name, mask_name),
    "change.phone": Answer(gettext_noop("联系电话"), shown.phone, _holders_phone, mask_phone),
    "change.email": Answer(gettext_noop("邮箱"), _text, nothing, _masked_mail),
    "change.contact_name": Answer(gettext_noop("联系人"), _contact, nothing, mask_name),
    "change.contact_phone": Answer(gettext_noop("联系人电话"), shown.phone, nothing, mask_phone),
}


# ---- answers together ----------------------------------------------------------------------------


def _new_owner(subject: Subject, kept: Kept, key: str) -> None:
    """Register the new owner with his document (VER-01, BB-16) and what proves it (VER-05): a
    person, or an organisation by its licence, its letter of introduction and its handler (VER-04).

    Every fault of both at once; in the request's transaction: refused later, nobody was registered.
    """
    organization = kept.get(IS) == PartyKind.ORGANIZATION
    kind = PartyKind.ORGANIZATION if organization else PartyKind.INDIVIDUAL
    faults: list[InputFault] = []
    owner: Party | None = None
    try:
        owner = shown.present(subject, kept, key, PREFIX, kind)
    except BadInput as bad:
        faults += bad.faults
    if owner is not None and owner.pk == subject.service.customer_id:
        raise at(NUMBER, _("这就是现在的机主。"), _("过户请登记新的机主。"))
    if owner is not None and (refused := _case_refused(subject, owner)):
        raise at(NUMBER, refused, _("请先办理营销案变更，再办过户。"))
    if organization:
        try:
            if owner is None:  # its letter is looked at when it can be anybody's
                shown.present(subject, kept, key, HANDLER)
            else:
                shown.handler(subject, kept, key, HANDLER, owner.pk)
        except BadInput as bad:
            faults += bad.faults
    if faults or owner is None:
        raise BadInput(faults)
    kept[OWNER] = str(owner.pk)


def _case_refused(subject: Subject, owner: Party) -> str:
    """Why the line's marketing case does not go with what the new owner has; a case with a bound
    number ends with the transfer, and is in nobody's way."""
    service = subject.service
    terms = customers.terms_of(subject.actor, [service.id]).get(service.id) or {}
    key = str((terms.get("case") or {}).get("key") or "")
    case = catalog.offerings([key]).get(key) if key else None
    bound = bool(bindings.living_of(service.id))
    if case is None or not leaving.goes_along(terms, bound=bound):
        return ""
    case_rules.take_turns(owner.pk)
    found = case_rules.against(subject.actor, [case], customer_id=owner.pk, service_id=service.id)
    return found.get(key, "")


def _data(subject: Subject, kept: Kept, _key: str) -> None:
    """Something is to be changed, and a contact has both name and number."""
    name, phone = kept.get("change.contact_name"), kept.get("change.contact_phone")
    if bool(name) != bool(phone):
        target = "change.contact_phone" if name else "change.contact_name"
        raise at(target, _("联系人要有姓名和电话。"), _("请补全，或都不填。"))
    if subject.service.customer_id is None:
        raise at("change.phone", _("这项业务没有登记机主。"), _("请先办理过户登记机主。"))


_DATA = frozenset(
    {"change.name", "change.phone", "change.email", "change.contact_name", "change.contact_phone"}
)
WHOLE: tuple[Whole, ...] = (
    Whole(frozenset({NUMBER}), _new_owner),
    Whole(_DATA, _data),
)

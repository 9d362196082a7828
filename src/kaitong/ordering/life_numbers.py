"""Numbers in changes of services: the account becomes a mobile number (修改账号, BB-11), mobile
numbers are bound and unbound (号码绑定, BB-09), and what a line costs then.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kaitong.catalog import names
from kaitong.catalog import queries as catalog
from kaitong.catalog.errors import NotOffered
from kaitong.catalog.pricing import priced
from kaitong.core import wording
from kaitong.core.masking import mask_account, mask_document, mask_phone
from kaitong.inventory import customers as lines
from kaitong.ordering import bindings, case_rules, codes, customers
from kaitong.ordering.life_answer import Answer, Kept, Whole, at, nothing, wrong
from kaitong.ordering.life_checks import Found, Subject
from kaitong.party import looks
from kaitong.party import queries as parties
from kaitong.party.names import PhoneNumber
from kaitong.party.numbers import normalize

ACCOUNT = "change.account_number"
BIND, BIND_DOCUMENT, CASE = "change.bind_number", "change.bind_document", "change.case"
BIND_CODE = "change.bind_code"  # the number proves itself by a code sent to it, instead
UNBIND = "change.unbind_number"
MONTHLY = "monthly"
_HOLDERS = 20  # customers with one telephone number who are compared


# ---- one answer ----------------------------------------------------------------------------------


def _mobile(value: Any) -> PhoneNumber:
    number = bindings.mobile(str(value))
    if number is None:
        raise wrong(_("不是手机号码。"), _("请填 11 位手机号码。"))
    return number


def _account(subject: Subject, value: Any) -> str:
    """The new account: the mobile number, as the operator writes it (LIM-24)."""
    number = _mobile(value)
    pattern = str(subject.procedure.parameters.get("account_of_mobile", "{mobile}"))
    account = pattern.replace("{mobile}", number.digits)
    if account == subject.service.account:
        raise wrong(_("现在的账号就是这个号码。"), _("请填另一个手机号码。"))
    if lines.account_taken(account):
        raise wrong(_("账号 %(account)s 已被使用。") % {"account": account}, _("请换一个号码。"))
    return account


def _current_account(subject: Subject) -> str:
    return mask_account(subject.service.account)


def _bind(subject: Subject, value: Any) -> str:
    number = _mobile(value)
    if bindings.living_of(subject.service.id):
        raise wrong(
            names.of(subject.service).say(_("%(this)s已绑定一个号码。")),
            _("请先解绑，再绑定新的号码。"),
        )
    if bindings.taken(number):
        raise wrong(
            _("这个号码已绑定在另一项业务上。"),
            _("请换一个号码，或先办理原来那条的营销案变更。"),
        )
    return number.digits


def _document(_subject: Subject, value: Any) -> str:
    return normalize(str(value))


def _said_code(_subject: Subject, value: Any) -> str:
    return "".join(str(value).split())


def _case(subject: Subject, value: Any) -> str:
    terms = terms_of(subject)
    if terms is None:
        raise wrong(_("查不到这项业务的套餐。"), _("请先核对开通订单。"))
    day = timezone.localdate(subject.at)
    try:
        found = catalog.case(str(value), plan=terms["offering"], on=day)
    except NotOffered as refused:
        raise wrong(str(refused.what), str(refused.remedy)) from None
    if not found.bound_number:
        raise wrong(_("这个营销案不绑定号码。"), _("请选绑定号码的营销案。"))
    return found.key


def _case_before(subject: Subject) -> str:
    terms = terms_of(subject) or {}
    return str((terms.get("case") or {}).get("title", ""))


def _case_after(key: Any) -> str:
    entry = catalog.offerings([str(key)]).get(str(key))
    return str(entry.title) if entry is not None else str(key)


def _unbind(subject: Subject, value: Any) -> str:
    number = _mobile(value)
    if number.e164 not in {row.number for row in bindings.living_of(subject.service.id)}:
        raise wrong(
            names.of(subject.service).say(_("这个号码没有绑定在%(this)s上。")),
            _("请在客户视图的“绑定”里核对号码。"),
        )
    return number.digits


ANSWERS: dict[str, Answer] = {
    ACCOUNT: Answer(gettext_noop("业务账号"), _account, _current_account, mask_account),
    BIND: Answer(gettext_noop("绑定号码"), _bind, nothing, mask_phone),
    BIND_DOCUMENT: Answer(gettext_noop("号码机主证件"), _document, nothing, mask_document),
    BIND_CODE: Answer(gettext_noop("短信验证码"), _said_code, nothing, nothing),
    CASE: Answer(gettext_noop("营销案"), _case, _case_before, _case_after),
    UNBIND: Answer(gettext_noop("解绑号码"), _unbind, nothing, mask_phone),
}


# ---- answers together ----------------------------------------------------------------------------


def _holder(subject: Subject, kept: Kept, key: str) -> None:
    """Both are authenticated (VER-12): the number is somebody's whose document is shown, or a code
    that was sent to it has been said. The code was compared before (`life.request_change`), in a
    transaction that counts a wrong one; here it is used up with the binding."""
    number, document = kept[BIND], kept.pop(BIND_DOCUMENT, "")
    if kept.pop(BIND_CODE, ""):
        mobile = bindings.mobile(number)
        assert mobile is not None, "checked before"
        used = codes.use(
            actor=subject.actor,
            service_id=subject.service.id,
            number=mobile,
            procedure=subject.procedure.key,
            key=key,
        )
        if not used:
            raise at(BIND_CODE, _("没有给这个号码发过验证码，或验证码已失效。"), _("请重新发送。"))
        return
    if not document:
        raise at(BIND_DOCUMENT, _("没有核对号码机主。"), _("请填机主证件号码，或发送短信验证码。"))
    people = looks.by_phone(subject.actor, number, limit=_HOLDERS)
    if not people:
        raise at(BIND, _("这个号码没有实名登记。"), _("请发送短信验证码，或请机主先登记号码。"))
    if not any(parties.shows_document(one, document) for one in people):
        raise at(BIND_DOCUMENT, _("证件号码与号码机主登记的不符。"), _("请核对机主证件原件。"))


def _alone(subject: Subject, kept: Kept, _key: str) -> None:
    """营销案互斥: the case goes with what the customer's other lines have. Asked when everybody who
    came is registered: customers' rows are locked before their turn, as at the intake."""
    service, case = subject.service, catalog.offerings([kept[CASE]]).get(kept[CASE])
    case_rules.take_turns(service.customer_id)
    refused = case_rules.against(
        subject.actor,
        [case] if case is not None else [],
        customer_id=service.customer_id,
        service_id=service.id,
    )
    if refused:
        raise at(CASE, refused[kept[CASE]], _("请另选，或先办理原来的营销案变更。"))


WHOLE: tuple[Whole, ...] = (
    Whole(frozenset({BIND}), _holder),
    Whole(frozenset({CASE}), _alone),
)


# ---- what a line costs ---------------------------------------------------------------------------


def terms_of(subject: Subject) -> dict[str, Any] | None:
    """Plan, case and prices of a line as its newest order says them."""
    service = subject.service
    return customers.terms_of(subject.actor, [service.id]).get(service.id)


def price_with(
    terms: dict[str, Any], item: str, case_key: str = "", number: str = ""
) -> dict[str, Any]:
    """The price of the same plan with another case, or with none, as an order pins it.

    What the plan lists is what it listed when it was sold: orders keep their prices.
    """
    case = catalog.offerings([case_key])[case_key] if case_key else None
    listed = [
        {k: v for k, v in {**c, "amount": c.get("listed", c["amount"])}.items() if k != "listed"}
        for c in terms["charges"]
        if c["when"] == MONTHLY
    ]
    return {
        "item": item,
        "offering": terms["offering"],
        "title": terms["title"],
        "description": terms.get("description", ""),
        "term": case.term if case else "",
        "charges": priced(listed, case.prices if case else (), ()),
        "case": case_rules.pinned(case, number) if case else None,
    }


def monthly_of(charges: Any) -> int:
    """What is paid by the month, in fen."""
    return sum(int(one["amount"]) for one in charges if one.get("when") == MONTHLY)


def case_void(subject: Subject) -> Found:
    """绑定营销案失效 (LIM-23): without its number the case ends, and the price changes."""
    terms = terms_of(subject)
    case = (terms or {}).get("case")
    if terms is None or not case or not bindings.living_of(subject.service.id):
        return
    now, then = monthly_of(terms["charges"]), monthly_of(price_with(terms, "1")["charges"])
    english = wording.english()
    entry = catalog.offerings([case["key"]]).get(case["key"])
    title = entry.title_en if english and entry is not None and entry.title_en else case["title"]
    yield (
        _("营销案“%(title)s”随绑定失效，月费由 %(now)s 变为 %(then)s。")
        % {"title": title, "now": yuan(now), "then": yuan(then)},
        _("请先告知客户，客户同意再办。"),
    )


def yuan(fen: int) -> str:
    return f"¥{fen // 100}.{fen % 100:02d}"

"""What a request asks for (受理), item by item: found, checked, or refused with every fault."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from kaitong.catalog import queries as catalog
from kaitong.catalog.choices import OfferingKind
from kaitong.catalog.models import Offering, ServiceSpecification
from kaitong.catalog.pricing import priced
from kaitong.core import plain, wording
from kaitong.core.clock import now
from kaitong.core.errors import BadInput, InputFault, KaitongError, NotFound
from kaitong.inventory import queries as inventory
from kaitong.inventory.choices import Verdict
from kaitong.inventory.results import CoverageVerdict
from kaitong.ordering import bindings, bundles
from kaitong.ordering.choices import DemandReason
from kaitong.ordering.errors import BadOrder, OrderForbidden, OrderRefused
from kaitong.ordering.models import Procedure
from kaitong.ordering.number_choice import range_of
from kaitong.ordering.requests import AddressRef, SubmitItem, SubmitOrder
from kaitong.org.actor import Actor
from kaitong.party.names import PhoneNumber
from kaitong.places import queries as places
from kaitong.process.definitions import model_of

# What an address is refused for at intake. A full box is none of these: such an order is taken in,
# and the resource post finds a port or has the box expanded.
REFUSED_AT_INTAKE = {
    Verdict.NOT_COVERED: DemandReason.NOT_COVERED,
    Verdict.PLANNED: DemandReason.PLANNED,
    Verdict.NO_ENTRY: DemandReason.NO_ENTRY,
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One item with everything it refers to, checked."""

    asked: SubmitItem
    procedure: Procedure
    specification: ServiceSpecification
    offering: Offering | None
    address_id: UUID | None
    verdict: CoverageVerdict | None
    case: Offering | None = None
    number: PhoneNumber | None = None  # bound to the case

    @property
    def charges(self) -> list[dict[str, Any]]:
        """What the plan costs, with the case where there is one."""
        if self.offering is None:
            return []
        if self.case is None:
            return priced(self.offering.charges)
        return priced(self.offering.charges, self.case.prices, self.case.charges)


def check(actor: Actor, request: SubmitOrder) -> list[Wanted]:
    faults: list[InputFault] = []
    wanted: list[Wanted] = []
    if not request.items:
        faults.append(InputFault("items", _("没有要办理的业务。"), _("至少给出一项。")))
    for position, item in enumerate(request.items):
        try:
            wanted.append(_want(actor, item, f"items[{position}]"))
        except BadInput as error:
            faults += error.faults
        except NotFound as error:
            where = f"items[{position}].{error.field}".rstrip(".")
            faults.append(InputFault(where, str(error.what), str(error.remedy)))
    if not faults:
        faults += _same_names(wanted)
        faults += _platforms(actor, wanted, request)
    books = {w.procedure.playbook for w in wanted}
    if len(books) > 1:
        faults.append(
            InputFault("items", _("一个订单里不能有不同的业务流程包。"), _("请分成几个订单提交。"))
        )
    if any(w.asked.action == "add" for w in wanted) and request.customer is None:
        faults.append(InputFault("customer", _("没有客户。"), _("新装必须实名登记（BB-16）。")))
    if faults:
        raise BadOrder(faults)
    return wanted


def refused_of(wanted: list[Wanted], request: SubmitOrder) -> Wanted | None:
    """The item that cannot be served, if any.

    What the counter refused with the customer in front of it must still be refused: nobody gets
    an order who was told that there is none.
    """
    reasons = set(REFUSED_AT_INTAKE)
    if request.demand_only:
        reasons.add(Verdict.NO_FREE_PORT)
    refused = next((w for w in wanted if w.verdict and w.verdict.verdict in reasons), None)
    if refused is None and request.demand_only:
        raise OrderRefused(
            _("这个地址现在可以开通了。"), _("请重新选这个地址，正常受理。"), field="address"
        )
    return refused


def collects(wanted: list[Wanted]) -> bool:
    return any(
        charge["when"] == "accepted" and charge["amount"]
        for want in wanted
        for charge in want.charges
    )


def require_post(actor: Actor, wanted: list[Wanted]) -> None:
    """Whoever takes an order in holds the post in whose lane its process starts."""
    if actor.is_supervisor:
        return
    for want in wanted:
        process_model = model_of(want.procedure.definition_id)
        if not actor.has_post(process_model.nodes[process_model.start].lane):
            raise OrderForbidden(
                _("您的岗位不能受理订单。"), _("请由流程起始环节的岗位或班长受理。")
            )


# ---- inside --------------------------------------------------------------------------------------


def _same_names(wanted: list[Wanted]) -> list[InputFault]:
    """Items, and what comes with them in a bundle, are told apart by their ids."""
    taken = {want.asked.item_id for want in wanted}
    faults = []
    for position, want in enumerate(wanted):
        parts = want.offering.parts if want.offering is not None else []
        names = {bundles.item_id(want.asked.item_id, part["key"]) for part in parts}
        for name in sorted(names & taken):
            what = _("这一项随套餐办理的业务编号是 %s，订单里已有同样编号的项。") % name
            faults.append(InputFault(f"items[{position}].item_id", what, _("请换一个项编号。")))
        taken |= names
    return faults


def _platforms(actor: Actor, wanted: list[Wanted], request: SubmitOrder) -> list[InputFault]:
    """A bundle is taken in only where every part has an element to live at. What becomes a mere
    demand is kept: by the time it is built the platform may be there."""
    if request.demand_only or any(
        want.verdict and want.verdict.verdict in REFUSED_AT_INTAKE for want in wanted
    ):
        return []
    offered = [want.offering for want in wanted if want.offering is not None]
    missing = bundles.platforms_missing(offered, actor.branch_id)
    return [
        InputFault(f"items[{position}].offering", *bundles.without_platforms(missing[plan.pk]))
        for position, want in enumerate(wanted)
        if (plan := want.offering) is not None and plan.pk in missing
    ]


_PROCEDURE = """playbook = %s and specification = %s and action = %s
 and counter = '{}'::jsonb and retired_at is null limit 1"""


def _want(actor: Actor, item: SubmitItem, place: str) -> Wanted:
    offering = _offering(item, place)
    playbook, _dot, key = item.specification.rpartition(".")
    if offering is not None and not key:
        playbook, key = offering.playbook, (offering.services or [""])[0]
    try:
        specification = catalog.service_specification(key, playbook=playbook)
    except KaitongError as error:
        raise BadOrder(
            [InputFault(f"{place}.specification", str(error.what), str(error.remedy))]
        ) from None
    # those with a `counter` are changes, asked for by `life.request_change`
    asked = [specification.playbook, specification.key, item.action]
    known = plain.kept(Procedure, _PROCEDURE, asked)
    procedure = known[0] if known else None
    if procedure is None:
        possible = wording.several(
            f"{p.title}（{p.action}）"
            for p in Procedure.objects.filter(
                playbook=specification.playbook,
                specification=specification.key,
                counter={},
                retired_at=None,
            )
        )
        raise BadOrder(
            [
                InputFault(
                    f"{place}.action",
                    _("%(service)s不能办理 %(action)s。")
                    % {"service": specification.title, "action": item.action},
                    _("可以办理：%s。") % possible if possible else "",
                )
            ]
        )
    address_id = _address(actor, item.address, place) if item.action == "add" else None
    verdict = inventory.coverage_verdict(address_id) if address_id else None
    case = _case(item, offering, place)
    number = _bound_number(item, case, place)
    if item.telephone and (offering is None or range_of(offering, procedure.parameters) is None):
        what = _("这个套餐没有可选的电话号码。")
        raise BadOrder([InputFault(f"{place}.telephone", what, _("请删去号码，或另选套餐。"))])
    return Wanted(item, procedure, specification, offering, address_id, verdict, case, number)


def _offering(item: SubmitItem, place: str) -> Offering | None:
    if not item.offering:
        if not item.specification:
            raise BadOrder(
                [
                    InputFault(
                        f"{place}.specification", _("没有说明要办什么业务。"), _("请给出套餐。")
                    )
                ]
            )
        return None
    try:
        found = catalog.offering(item.offering)
    except KaitongError as error:
        raise BadOrder(
            [InputFault(f"{place}.offering", str(error.what), str(error.remedy))]
        ) from None
    if found.kind == OfferingKind.CASE:
        raise BadOrder(
            [
                InputFault(
                    f"{place}.offering",
                    _("“%s”是营销案，不是套餐。") % found.title,
                    _("请选套餐，营销案另选。"),
                )
            ]
        )
    return found


def _case(item: SubmitItem, offering: Offering | None, place: str) -> Offering | None:
    """The marketing case asked for, as it may be had with this plan today (BB-15)."""
    if not item.case:
        return None
    try:
        return catalog.case(
            item.case,
            plan=offering.key if offering is not None else "",
            on=timezone.localdate(now()),
        )
    except KaitongError as error:
        raise BadOrder([InputFault(f"{place}.case", str(error.what), str(error.remedy))]) from None


def _bound_number(item: SubmitItem, case: Offering | None, place: str) -> PhoneNumber | None:
    """The number that the case is bound to: needed by cases that say so, unknown to others."""
    where, text = f"{place}.bound_number", item.bound_number.strip()
    needed = case is not None and case.bound_number
    if not needed:
        if not text:
            return None
        raise BadOrder(
            [InputFault(where, _("所选营销案不绑定号码。"), _("请删去绑定号码，或另选营销案。"))]
        )
    number = bindings.mobile(text)
    if number is None:
        what = _("绑定号码不是手机号码。") if text else _("没有填绑定号码。")
        raise BadOrder([InputFault(where, what, _("请填 11 位手机号码。"))])
    if bindings.taken(number):
        raise BadOrder(
            [
                InputFault(
                    where,
                    _("这个号码已绑定在另一项业务上。"),
                    _("请换一个号码，或先办理原来那条的营销案变更。"),
                )
            ]
        )
    return number


def _address(actor: Actor, asked: AddressRef | None, place: str) -> UUID:
    where = f"{place}.address"
    if asked is None:
        raise BadOrder([InputFault(where, _("没有装机地址。"), _("请给出标准地址。"))])
    if asked.address_id is not None:
        try:
            return places.address(actor, asked.address_id).id
        except NotFound as error:
            raise BadOrder([InputFault(where, str(error.what), str(error.remedy))]) from None
    if asked.any_covered:
        assert actor.branch_id is not None
        found = inventory.free_address(actor)
        if found is None:
            raise BadOrder(
                [InputFault(where, _("本分公司没有可开通的空闲地址。"), _("请先扩容或导入地址。"))]
            )
        return found
    match = places.match(actor, asked.text) if asked.text.strip() else None
    if match is None:
        raise BadOrder(
            [
                InputFault(
                    where,
                    _("标准地址库里没有“%s”。") % asked.text[:60],
                    _("请按标准地址填写到房号。"),
                )
            ]
        )
    return match.id

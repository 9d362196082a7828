"""From the body of a TMF641 request to what `ordering` takes."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from kaitong.core.crypto import blind_index
from kaitong.core.errors import BadInput, InputFault
from kaitong.core.masking import mask_phone
from kaitong.ordering.requests import AddressRef, SubmitItem, SubmitOrder
from kaitong.tmf.contract.common import ADDRESS_REQUEST, RELATED_PARTY
from kaitong.tmf.contract.schemas import parse_date
from kaitong.tmf.contract.service_order import TMF641
from kaitong.tmf.contract.vocabulary import Contract, Enumeration, Kind, Structure
from kaitong.tmf.errors import missing
from kaitong.tmf.mapping.persons import masked, read_customer
from kaitong.tmf.mapping.terms import date_faults, priority_faults

#: Where the kept document and the digest of the request stand in an order's `ext`.
DOCUMENT, FINGERPRINT = "tmf641", "fingerprint"
#: The characteristic that names the offering (套餐) of an item; the rest go to the service.
OFFERING = "offering"
#: The characteristics that name the marketing case (营销案) and the number bound to it (BB-15).
CASE, BOUND_NUMBER = "marketingCase", "boundNumber"
#: The fixed number that the customer picked (选号); without it the next of the range is given.
TELEPHONE = "telephoneNumber"
INSTALLATION = "installation address"
NAMED = {
    OFFERING: "offering",
    CASE: "case",
    BOUND_NUMBER: "bound_number",
    TELEPHONE: "telephone",
}
_UUID_HINT = gettext_noop("请用开通给的编号。")

Document = Mapping[str, Any]


def _mask_numbers(kept: dict[str, Any]) -> None:
    """The document that is kept shows bound numbers masked."""
    for item in kept.get("serviceOrderItem", []):
        for one in (item.get("service") or {}).get("serviceCharacteristic", []):
            if one.get("name") == BOUND_NUMBER:
                one["value"] = mask_phone(str(one.get("value", "")))


class Reading:
    """One request, read: the order to submit, and where each of its fields stood."""

    def __init__(self, body: Document, *, key: str = "") -> None:
        self._faults: list[InputFault] = []
        self._places: dict[str, str] = {"items": "serviceOrderItem", "customer": "relatedParty"}
        document = tidy(TMF641, TMF641.resource, body)
        items = tuple(
            self._item(number, item) for number, item in enumerate(document["serviceOrderItem"])
        )
        self._refuse_doubled(items)
        self._learn_bare_names(len(items))
        start = _moment(document.get("requestedStartDate"))
        completion = _moment(document.get("requestedCompletionDate"))
        self._faults += priority_faults(document.get("priority", "4"))
        self._faults += date_faults(start, completion)
        customer = read_customer(
            document.get("relatedParty", []), self._faults, self._places
        )  # fmt: skip
        if self._faults:
            raise BadInput(self._faults)
        for attribute, field in {
            "externalId": "external_id",
            "requestedStartDate": "requested_start",
            "requestedCompletionDate": "requested_completion",
        }.items():
            self._places[field] = attribute
        kept = tidy(TMF641, TMF641.resource, body, mask=True)
        kept.setdefault("@type", TMF641.resource.name)
        _mask_numbers(kept)
        self.fingerprint = fingerprint(body)
        self.order = SubmitOrder(
            items=items,
            customer=customer,
            external_id=document.get("externalId", ""),
            idempotency_key=key,
            category=document.get("category", ""),
            description=document.get("description", ""),
            priority=document.get("priority", "4"),
            requested_start=start,
            requested_completion=completion,
            channel="api",
            raw={DOCUMENT: kept, FINGERPRINT: self.fingerprint},
        )

    def place(self, field: str) -> str:
        """Where a field of the domain stood in the document; the longest known beginning counts."""
        parts = field.split(".")
        for length in range(len(parts), 0, -1):
            known = self._places.get(".".join(parts[:length]))
            if known is not None:
                return ".".join([known, *parts[length:]])
        return field

    def translated(self, error: BadInput) -> BadInput:
        """The domain's faults with the attributes of the document."""
        return BadInput(
            InputFault(self.place(fault.field), fault.what, fault.remedy) for fault in error.faults
        )

    def _learn_bare_names(self, count: int) -> None:
        """Other packages name a field in their own words, some without the item it belongs to."""
        for name, field in {
            "service": "specification",
            "address_id": "address",
            "offering": "offering",
            "service_id": "service_id",
        }.items():
            for number in range(count):
                known = self._places[f"items[{number}].{field}"]
                self._places.setdefault(f"items[{number}].{name}", known)
            bare = self._places[f"items[0].{field}"] if count == 1 else "serviceOrderItem"
            self._places.setdefault(name, bare)

    def _refuse_doubled(self, items: tuple[SubmitItem, ...]) -> None:
        seen: set[str] = set()
        for number, item in enumerate(items):
            if item.item_id in seen:
                self._fault(f"serviceOrderItem[{number}].id", _("不止一个"))
            seen.add(item.item_id)

    def _fault(self, place: str, what: str, remedy: str = "") -> None:
        self._faults.append(InputFault(place, what, remedy))

    def _item(self, number: int, item: Document) -> SubmitItem:
        place, field = f"serviceOrderItem[{number}]", f"items[{number}]"
        service = item["service"]
        if item.get("serviceOrderItem"):
            self._fault(f"{place}.serviceOrderItem", _("这里不支持"), _("各项请并列提交。"))
        if item.get("quantity", 1) != 1:
            self._fault(f"{place}.quantity", _("应是 1"), _("每项业务各写一项。"))
        characteristics, named = self._characteristics(service, place, field)
        specification = service.get("serviceSpecification") or {}
        service_id = None
        if item["action"] in ("modify", "delete"):
            service_id = self._service_id(service.get("id"), f"{place}.service.id")
        elif item["action"] == "add" and not specification:
            self._fault(f"{place}.service.serviceSpecification", missing())
        self._places |= {
            field: place,
            f"{field}.item_id": f"{place}.id",
            f"{field}.action": f"{place}.action",
            f"{field}.specification": f"{place}.service.serviceSpecification.id",
            f"{field}.service_id": f"{place}.service.id",
            f"{field}.characteristics": f"{place}.service.serviceCharacteristic",
        }
        for name in NAMED.values():
            self._places.setdefault(f"{field}.{name}", f"{place}.service.serviceCharacteristic")
        return SubmitItem(
            item_id=item["id"],
            action=item["action"],
            specification=str(specification.get("id", "")),
            offering=named[OFFERING],
            case=named[CASE],
            bound_number=named[BOUND_NUMBER],
            telephone=named[TELEPHONE],
            service_id=service_id,
            address=self._address(service.get("place", []), place, field),
            characteristics=characteristics,
        )

    def _characteristics(
        self, service: Document, place: str, field: str
    ) -> tuple[dict[str, Any], dict[str, str]]:
        values: dict[str, Any] = {}
        for number, item in enumerate(service.get("serviceCharacteristic", [])):
            where = f"{place}.service.serviceCharacteristic[{number}]"
            if item["name"] in values:
                self._fault(f"{where}.name", _("不止一个"))
            values[item["name"]] = item["value"]
            self._places[f"{field}.characteristics.{item['name']}"] = f"{where}.value"
            if item["name"] in NAMED:
                self._places[f"{field}.{NAMED[item['name']]}"] = f"{where}.value"
                if not isinstance(item["value"], str):
                    what = _("它是套餐、营销案或号码。")
                    self._fault(f"{where}.value", _("应是文字"), what)
        return values, {name: str(values.pop(name, "")) for name in NAMED}

    def _service_id(self, value: Any, place: str) -> UUID | None:
        if not value:
            self._fault(place, missing(), _("它指出要变更的业务。"))
            return None
        try:
            return UUID(str(value))
        except ValueError:
            self._fault(place, _("不是这里的业务"), _(_UUID_HINT))
            return None

    def _address(self, places: list[Document], item_place: str, field: str) -> AddressRef | None:
        """The installation address: a standard one, a text to look up, or a request for any."""
        found = [
            (n, p)
            for n, p in enumerate(places)
            if str(p.get("role", "")).strip().lower() == INSTALLATION
        ]
        base = f"{item_place}.service.place"
        self._places[f"{field}.address"] = f"{base}[{found[0][0]}]" if found else base
        if not found:
            return None
        for number, _place in found[1:]:
            self._fault(f"{base}[{number}].role", _("不止一个"))
        number, place = found[0]
        where = f"{base}[{number}]"
        self._places |= {
            f"{field}.address.address_id": f"{where}.id",
            f"{field}.address.text": f"{where}.name",
        }
        if place.get("@type") == ADDRESS_REQUEST:
            if "select" not in place:
                self._fault(f"{where}.select", missing())
            return AddressRef(any_covered=True)
        if place.get("id"):
            try:
                return AddressRef(address_id=UUID(str(place["id"])))
            except ValueError:
                self._fault(f"{where}.id", _("不是这里的地址"), _(_UUID_HINT))
                return None
        if str(place.get("name", "")).strip():
            return AddressRef(text=place["name"].strip())
        self._fault(f"{where}.id", missing(), _("地点要有 id 或 name。"))
        return None


def tidy(
    contract: Contract, structure: Structure, body: Document, *, mask: bool = False
) -> dict[str, Any]:
    """The body without nulls (null means absent) and without what only the server gives.

    Extension attributes and values of any type stay exactly as they are. With `mask`, people
    given by value are masked wherever the contract has them: that is the copy to keep.
    """
    if mask and structure is RELATED_PARTY:
        return masked(tidy(contract, structure, body))
    kept: dict[str, Any] = {}
    for name, value in body.items():
        item = structure.get(name)
        if value is None or (item is not None and item.by_server):
            continue
        if item is None or isinstance(item.type, Kind | Enumeration):
            kept[name] = value
            continue
        inner = contract.structure(item.type)
        if item.many:
            kept[name] = [tidy(contract, inner, part, mask=mask) for part in value]
        else:
            kept[name] = tidy(contract, inner, value, mask=mask)
    return kept


def fingerprint(body: Document) -> str:
    """A keyed digest of a request, so that one key cannot stand for two different requests."""
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return blind_index("tmf.request", hashlib.sha256(canonical.encode()).hexdigest()).hex()


def _moment(text: str | None) -> datetime | None:
    return parse_date(text) if text else None

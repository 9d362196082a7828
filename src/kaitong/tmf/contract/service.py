"""TMF638 Service Inventory v4: what a service in operation (在用业务) is made of. Read only."""

from kaitong.tmf.contract.common import (
    CHARACTERISTIC,
    CHARACTERISTIC_RELATIONSHIP,
    CONSTRAINT_REF,
    CONTACT_MEDIUM,
    ERROR_PARTS,
    FEATURE,
    FEATURE_RELATIONSHIP,
    IDENTIFICATION,
    MEDIUM_CHARACTERISTIC,
    NOTE,
    RELATED_ENTITY,
    RELATED_ORDER_ITEM,
    RELATED_PARTY,
    RELATED_PLACE,
    RESOURCE_REF,
    SERVICE_BODY,
    SERVICE_REF_OR_VALUE,
    SERVICE_RELATIONSHIP,
    SPECIFICATION_REF,
    TIME_PERIOD,
)
from kaitong.tmf.contract.events import SUBSCRIPTION, SUBSCRIPTION_INPUT
from kaitong.tmf.contract.vocabulary import TYPED, Contract, Structure, structures, text

SERVICE = Structure(
    "Service",
    "a service in operation, or on its way there",
    (text("id", by_server=True), text("href", by_server=True), *SERVICE_BODY, *TYPED),
)

TMF638 = Contract(
    number="TMF638",
    version="4.0.0",
    title="Service Inventory",
    base_path="serviceInventory/v4",
    resource=SERVICE.answering("id", "href"),
    creation=None,
    structures=structures(
        NOTE,
        MEDIUM_CHARACTERISTIC,
        CONTACT_MEDIUM,
        IDENTIFICATION,
        RELATED_PARTY.answering("id", "@referredType"),
        RELATED_PLACE,
        RELATED_ENTITY.answering("id", "@referredType"),
        CHARACTERISTIC,
        CHARACTERISTIC_RELATIONSHIP,
        TIME_PERIOD,
        CONSTRAINT_REF,
        FEATURE.answering("id"),
        FEATURE_RELATIONSHIP,
        RESOURCE_REF,
        SPECIFICATION_REF,
        RELATED_ORDER_ITEM.answering("itemId", "serviceOrderId"),
        SERVICE_RELATIONSHIP.answering("service"),
        SERVICE_REF_OR_VALUE.answering("id"),
        *ERROR_PARTS,
        SUBSCRIPTION,
        SUBSCRIPTION_INPUT,
    ),
)

"""TMF641 Service Ordering v4.1: what a service order (业务订单) is made of."""

from kaitong.tmf.contract.cancellation import (
    CANCELLATION_ANSWER,
    CANCELLATION_CREATE,
    ORDER_REF,
)
from kaitong.tmf.contract.common import ACTIONS, ERROR_PARTS, NAME, SERVICE_PARTS, reference
from kaitong.tmf.contract.events import SUBSCRIPTION, SUBSCRIPTION_INPUT
from kaitong.tmf.contract.vocabulary import (
    REFERRED,
    TYPED,
    Contract,
    Enumeration,
    Kind,
    Structure,
    choice,
    date,
    link,
    many,
    one,
    structures,
    text,
    whole,
)

_STATES = (
    "acknowledged",
    "rejected",
    "pending",
    "held",
    "inProgress",
    "cancelled",
    "completed",
    "failed",
    "partial",
    "assessingCancellation",
    "pendingCancellation",
)
ORDER_STATES = Enumeration("ServiceOrderStateType", _STATES)
ITEM_STATES = Enumeration("ServiceOrderItemStateType", _STATES)

_ITEM_REF = Structure(
    "ServiceOrderItemRef",
    "another item of this or another order",
    (
        text("itemId", "the item's number within its order"),
        link("serviceOrderHref"),
        text("serviceOrderId"),
        *REFERRED,
    ),
)
_ITEM_RELATIONSHIP = Structure(
    "ServiceOrderItemRelationship",
    "how one item depends on another",
    (text("relationshipType"), one("orderItem", "ServiceOrderItemRef"), *TYPED),
)
_APPOINTMENT = reference("AppointmentRef", "the visit agreed", text("description"), href=Kind.TEXT)
_ITEM = Structure(
    "ServiceOrderItem",
    "one service to add, change or end (订单项)",
    (
        text("id", "the item's number within the order", longest=60, mandatory=True),
        whole("quantity"),
        choice("action", ACTIONS, "what to do with the service", mandatory=True),
        one("appointment", "AppointmentRef"),
        one("service", "ServiceRefOrValue", "the service concerned", mandatory=True),
        many("serviceOrderItem", "ServiceOrderItem", "items within this one"),
        many("serviceOrderItemRelationship", "ServiceOrderItemRelationship"),
        choice("state", ITEM_STATES),
        *TYPED,
    ),
)
_EXTERNAL_REFERENCE = Structure(
    "ExternalReference",
    "the order's number in another system",
    (
        text("id"),
        link("href"),
        text("externalReferenceType"),
        text("name", mandatory=True),
        *TYPED,
    ),
)
_ORDER_RELATIONSHIP = Structure(
    "ServiceOrderRelationship",
    "how one order depends on another",
    (
        text("id", mandatory=True),
        text("href"),
        text("relationshipType", mandatory=True),
        *REFERRED,
    ),
)
_JEOPARDY = Structure(
    "ServiceOrderJeopardyAlert",
    "a warning that the order may not be done in time",
    (
        text("id"),
        date("alertDate", "when the warning was given"),
        text("exception", "what went wrong"),
        text("jeopardyType"),
        text("message"),
        NAME,
        many("serviceOrderItem", "ServiceOrderItem", "the items in danger"),
        *TYPED,
    ),
)
_MILESTONE = Structure(
    "ServiceOrderMilestone",
    "a point of the way that has been reached or will be",
    (
        text("id"),
        text("description"),
        text("message"),
        date("milestoneDate"),
        NAME,
        text("status"),
        many("serviceOrderItem", "ServiceOrderItem", "the items it concerns"),
        *TYPED,
    ),
)
_ERROR_MESSAGE = Structure(
    "ServiceOrderErrorMessage",
    "why the order failed or was rejected",
    (
        whole("code"),
        text("message"),
        text("reason"),
        link("referenceError"),
        many("serviceOrderItem", "ServiceOrderItem", "the items it concerns"),
        *TYPED,
    ),
)

SERVICE_ORDER = Structure(
    "ServiceOrder",
    "a request to add, change or end services",
    (
        text("id", "given by Kaitong", by_server=True),
        text("href", "where the order can be read", by_server=True),
        date("cancellationDate", "when it was cancelled"),
        text("cancellationReason"),
        text("category", "used to group orders", longest=120),
        date("completionDate", "when it was done", by_server=True),
        text("description", longest=500),
        date("expectedCompletionDate", "when it will be done", by_server=True),
        text("externalId", "the requester's own number, for the requester's searches", longest=120),
        text("notificationContact", "who is told of progress"),
        date("orderDate", "when it was accepted", by_server=True),
        text("priority", "0 (highest) to 4, as the requester sees it", longest=20),
        date("requestedCompletionDate", "when the requester wants it done"),
        date("requestedStartDate", "when the requester wants it begun"),
        date("startDate", "when work began", by_server=True),
        one("errorMessage", "ServiceOrderErrorMessage", by_server=True),
        many("externalReference", "ExternalReference"),
        many("jeopardyAlert", "ServiceOrderJeopardyAlert", by_server=True),
        many("milestone", "ServiceOrderMilestone", by_server=True),
        many("note", "Note"),
        many("orderRelationship", "ServiceOrderRelationship"),
        many("relatedParty", "RelatedParty"),
        many("serviceOrderItem", "ServiceOrderItem", "what is asked for"),
        choice("state", ORDER_STATES, by_server=True),
        *TYPED,
    ),
)

#: What a requester may say anew while the order goes on (PATCH). An order's work is not among it.
PATCHED = (
    "category",
    "description",
    "externalId",
    "priority",
    "requestedStartDate",
    "requestedCompletionDate",
    "notificationContact",
    "externalReference",
    "note",
    "orderRelationship",
)
_NEVER_PATCHED = ("id", "href", "orderDate", "jeopardyAlert", "errorMessage", "milestone")
_UPDATE = Structure(
    "ServiceOrder_Update",
    "what is changed of an order (as a request)",
    tuple(
        item
        for item in SERVICE_ORDER
        if item.name
        not in ("id", "href", "orderDate", "jeopardyAlert", "errorMessage", "milestone")
    ),
)

TMF641 = Contract(
    number="TMF641",
    version="4.1.0",
    title="Service Ordering",
    base_path="serviceOrdering/v4",
    # `fields` may leave out all but these two.
    resource=SERVICE_ORDER.answering("id", "href"),
    creation=SERVICE_ORDER.for_creation("serviceOrderItem", at_least={"serviceOrderItem": 1}),
    structures=structures(
        *SERVICE_PARTS,
        *ERROR_PARTS,
        _ITEM_REF,
        _ITEM_RELATIONSHIP,
        _APPOINTMENT,
        _ITEM,
        _EXTERNAL_REFERENCE,
        _ORDER_RELATIONSHIP,
        _JEOPARDY,
        _MILESTONE,
        _ERROR_MESSAGE,
        ORDER_REF,
        CANCELLATION_ANSWER,
        CANCELLATION_CREATE,
        _UPDATE,
        SUBSCRIPTION,
        SUBSCRIPTION_INPUT,
    ),
)

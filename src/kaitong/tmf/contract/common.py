"""Structures that several TM Forum interfaces share (v4), in our words."""

from kaitong.tmf.contract.vocabulary import (
    REFERRED,
    TYPED,
    Attribute,
    Enumeration,
    Kind,
    Structure,
    choice,
    date,
    flag,
    link,
    many,
    one,
    text,
)

ACTIONS = Enumeration("OrderItemActionType", ("add", "modify", "delete", "noChange"))
SERVICE_STATES = Enumeration(
    "ServiceStateType",
    ("feasibilityChecked", "designed", "reserved", "inactive", "active", "terminated"),
)


def reference(name: str, meaning: str, *more: Attribute, href: Kind = Kind.LINK) -> Structure:
    """A reference to something kept elsewhere: id mandatory, then href, name and what is added."""
    return Structure(
        name,
        meaning,
        (
            text("id", "the number of what is referred to", mandatory=True),
            Attribute("href", href, "where it can be read"),
            *more,
            *REFERRED,
        ),
    )


NAME = text("name", "the name people know it by")

NOTE = Structure(
    "Note",
    "a remark somebody wrote",
    (
        text("id"),
        link("href"),
        text("author", "who wrote it"),
        date("date", "when"),
        text("text", "what it says", mandatory=True),
        *TYPED,
    ),
)
# By value, a party carries what TMF632 calls its contacts and identifications.
MEDIUM_CHARACTERISTIC = Structure(
    "MediumCharacteristic",
    "how to reach somebody",
    (text("phoneNumber"), text("emailAddress")),
)
CONTACT_MEDIUM = Structure(
    "ContactMedium",
    "one way to reach somebody (TMF632)",
    (
        text("mediumType", "mobile, telephone, email ..."),
        flag("preferred"),
        one("characteristic", "MediumCharacteristic"),
    ),
)
IDENTIFICATION = Structure(
    "Identification",
    "an identity document (证件) of a person or organisation (TMF632)",
    (
        text("identificationType", "resident-id, passport, business-licence ...", mandatory=True),
        text("identificationId", "the document's number; answers show it masked", mandatory=True),
        text("issuingAuthority"),
        one("validFor", "TimePeriod", "its validity; without an end it is valid for good (长期)"),
        flag("readerUsed", "read from the card by a reader (VER-05)"),
    ),
)
RELATED_PARTY = Structure(
    "RelatedParty",
    "a person or organisation and the part played, by reference or by value",
    (
        text("id"),
        link("href"),
        NAME,
        text("role", "customer, agent, requester ..."),
        many("contactMedium", "ContactMedium"),
        many("individualIdentification", "Identification"),
        many("organizationIdentification", "Identification"),
        flag("introductionLetter", "an organisation's letter of introduction was seen (VER-04)"),
        *REFERRED,
    ),
)
#: `@type` of a place that leaves the choice of address to Kaitong.
ADDRESS_REQUEST = "AddressRequest"
SELECTIONS = Enumeration("AddressSelection", ("any-covered",))
RELATED_PLACE = Structure(
    "RelatedPlaceRefOrValue",
    "a place and the part it plays, by reference or by value",
    (
        text("id"),
        text("href"),
        NAME,
        text("role", "installation address ...", mandatory=True),
        choice("select", SELECTIONS, "for @type AddressRequest: which address Kaitong is to take"),
        *REFERRED,
    ),
)
RELATED_ENTITY = Structure(
    "RelatedEntityRefOrValue",
    "anything else the service concerns, by reference or by value",
    (text("id"), text("href"), NAME, text("role", mandatory=True), *REFERRED),
)
CHARACTERISTIC_RELATIONSHIP = Structure(
    "CharacteristicRelationship",
    "how one characteristic depends on another",
    (text("id"), link("href"), text("relationshipType"), *TYPED),
)
CHARACTERISTIC = Structure(
    "Characteristic",
    "a named value of a service",
    (
        text("id"),
        text("name", "which characteristic", mandatory=True),
        text("valueType", "string, number, object ..."),
        many("characteristicRelationship", "CharacteristicRelationship"),
        Attribute("value", Kind.ANY, "the value, of any type", mandatory=True),
        *TYPED,
    ),
)
TIME_PERIOD = Structure(
    "TimePeriod",
    "from when till when",
    (date("endDateTime"), date("startDateTime")),
)
CONSTRAINT_REF = reference(
    "ConstraintRef", "a rule that a feature obeys", NAME, text("version", "of the rule")
)
FEATURE_RELATIONSHIP = Structure(
    "FeatureRelationship",
    "how one feature depends on another",
    (
        text("id"),
        text("name", mandatory=True),
        text("relationshipType", mandatory=True),
        one("validFor", "TimePeriod"),
    ),
)
FEATURE = Structure(
    "Feature",
    "something a service can do that may be on or off",
    (
        text("id"),
        flag("isBundle", "made of other features"),
        flag("isEnabled", "switched on"),
        text("name", mandatory=True),
        many("constraint", "ConstraintRef"),
        many("featureCharacteristic", "Characteristic"),
        many("featureRelationship", "FeatureRelationship"),
    ),
)
RESOURCE_REF = reference("ResourceRef", "a resource the service stands on", NAME)
SPECIFICATION_REF = reference(
    "ServiceSpecificationRef",
    "which kind of service",
    NAME,
    text("version", "of the specification"),
)
RELATED_ORDER_ITEM = Structure(
    "RelatedServiceOrderItem",
    "the order item that changed the service",
    (
        text("id"),
        link("href"),
        text("itemId", "the item's number within its order"),
        text("role"),
        text("serviceOrderHref"),
        text("serviceOrderId"),
        choice("itemAction", ACTIONS),
        *REFERRED,
    ),
)
SERVICE_RELATIONSHIP = Structure(
    "ServiceRelationship",
    "how one service depends on another",
    (
        text("id"),
        link("href"),
        text("relationshipType", mandatory=True),
        one("service", "ServiceRefOrValue"),
        many("serviceRelationshipCharacteristic", "Characteristic"),
        *TYPED,
    ),
)

#: What a service is, without the closing type attributes: TMF638's Service and the service of a
#: TMF641 order item say the same of it.
SERVICE_BODY = (
    text("category", "CFS (seen by the customer) or RFS (seen by the network)"),
    text("description"),
    date("endDate", "when it ended"),
    flag("hasStarted", "has begun to work"),
    flag("isBundle", "made of other services"),
    flag("isServiceEnabled", "may be used"),
    flag("isStateful", "can be changed after it was created"),
    NAME,
    text("serviceDate", "when it was first recorded"),
    text("serviceType", "the trade's word for it"),
    date("startDate", "when it began"),
    text("startMode", "how it begins"),
    many("feature", "Feature"),
    many("note", "Note"),
    many("place", "RelatedPlaceRefOrValue"),
    many("relatedEntity", "RelatedEntityRefOrValue"),
    many("relatedParty", "RelatedParty"),
    many("serviceCharacteristic", "Characteristic"),
    many("serviceOrderItem", "RelatedServiceOrderItem"),
    many("serviceRelationship", "ServiceRelationship"),
    one("serviceSpecification", "ServiceSpecificationRef"),
    choice("state", SERVICE_STATES, "where it stands in its life"),
    many("supportingResource", "ResourceRef"),
    many("supportingService", "ServiceRefOrValue"),
)
SERVICE_REF_OR_VALUE = Structure(
    "ServiceRefOrValue",
    "a service, by reference or by value",
    (text("id"), text("href"), *SERVICE_BODY, *REFERRED),
)

SERVICE_PARTS = (
    NOTE,
    MEDIUM_CHARACTERISTIC,
    CONTACT_MEDIUM,
    IDENTIFICATION,
    RELATED_PARTY,
    RELATED_PLACE,
    RELATED_ENTITY,
    CHARACTERISTIC,
    CHARACTERISTIC_RELATIONSHIP,
    TIME_PERIOD,
    CONSTRAINT_REF,
    FEATURE,
    FEATURE_RELATIONSHIP,
    RESOURCE_REF,
    SPECIFICATION_REF,
    RELATED_ORDER_ITEM,
    SERVICE_RELATIONSHIP,
    SERVICE_REF_OR_VALUE,
)

_FAULT = Structure(
    "Fault",
    "one attribute at fault",
    (
        text("attribute", "its place, such as serviceOrderItem[0].action"),
        text("reason"),
        text("message", "what to do"),
    ),
)
ERROR = Structure(
    "Error",
    "why a call was not served",
    (
        text("code", "a stable word for programs", mandatory=True),
        text("reason", "what was wrong, for people", mandatory=True),
        text("message", "what to do"),
        text("status", "the HTTP status"),
        link("referenceError"),
        many("fault", "Fault", "every attribute at fault"),
        *TYPED,
    ),
)
ERROR_PARTS = (ERROR, _FAULT)

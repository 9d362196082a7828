"""Every deliberate difference between what we publish and what TM Forum published, with its reason.

A test reduces both documents to facts (see `facts.py`) and demands that the facts only one of
them states are exactly those listed here: a difference that is not listed fails, and so does a
line here that no longer matches anything. Facts are matched by shell patterns.
"""

from dataclasses import dataclass
from typing import Final, Literal

OURS: Final = "ours"
THEIRS: Final = "theirs"


@dataclass(frozen=True, slots=True)
class Difference:
    """Facts that only one side states, and why."""

    only: Literal["ours", "theirs"]
    facts: tuple[str, ...]
    why: str


_EVENTS = (
    Difference(
        OURS,
        ("attribute EventSubscription.secret string",),
        "extension: every notification is signed; the answer to a registration tells the key once",
    ),
    Difference(
        THEIRS,
        ("status post /hub 404", "status post /hub 409"),
        "a listener is made anew each time, and depends on nothing that could be missing",
    ),
)
_READ_ONLY_STATUSES = "reading one or many conflicts with nothing"
_COMMON = (
    Difference(
        THEIRS,
        ("operation post /listener/*",),
        "the listener addresses are the client's, not ours",
    ),
    Difference(OURS, ("status * 503",), "a database out of reach has a status of its own"),
    Difference(
        OURS,
        ("status get /[!/]* 206", "answer get /[!/]* 206 *", "header get /[!/]* 206 *"),
        "206 tells a client that asked for a limit that there is more (TMF630); the published "
        "file leaves it out",
    ),
    Difference(THEIRS, ("status get * 409",), _READ_ONLY_STATUSES),
    Difference(
        THEIRS,
        ("attribute * uri",),
        "a reference may be relative: systems behind one gateway send such, and the published "
        "sample itself holds references without a scheme",
    ),
    Difference(OURS, ("attribute * uri-reference",), "as above"),
    Difference(
        THEIRS,
        ("mandatory Feature.featureCharacteristic", "fewest Feature.featureCharacteristic 1"),
        "the published sample misspells this attribute and so lacks it",
    ),
    Difference(
        OURS,
        (
            "attribute RelatedParty.contactMedium [[]ContactMedium]",
            "attribute RelatedParty.individualIdentification [[]Identification]",
            "attribute RelatedParty.organizationIdentification [[]Identification]",
            "attribute RelatedParty.introductionLetter boolean",
            "* ContactMedium.*",
            "* MediumCharacteristic.*",
            "* Identification.*",
        ),
        "extension: what registers a new customer (VER-01..05), in the words of TMF632",
    ),
    Difference(
        OURS,
        (
            "attribute RelatedPlaceRefOrValue.select AddressSelection",
            "word AddressSelection any-covered",
        ),
        "extension: @type AddressRequest leaves the choice of address to Kaitong",
    ),
    Difference(
        OURS,
        ("attribute Error.fault [[]Fault]", "attribute Fault.* string"),
        "extension: every attribute at fault, so that a client can mark its fields",
    ),
)

TMF641_DIFFERENCES = (
    *_COMMON,
    Difference(
        OURS,
        ("status * 422", "status * 413", "status * 415"),
        "a rule of the business and a body too large or of another type each have a status of "
        "their own, with the same body",
    ),
    Difference(
        THEIRS,
        ("mandatory RelatedParty.*",),
        "a customer who is not yet known has no id and is given by value; the published sample "
        "leaves out @type",
    ),
    Difference(
        THEIRS,
        ("operation delete /serviceOrder/{id}",),
        "an order is taken back by cancelServiceOrder and kept; it is never deleted",
    ),
    Difference(
        OURS,
        (
            "mandatory ServiceOrder.id",
            "mandatory ServiceOrder.href",
            "mandatory CancelServiceOrder.id",
            "mandatory CancelServiceOrder.href",
        ),
        "these two stand in every answer, whatever `fields` selects",
    ),
    Difference(
        THEIRS,
        ("mandatory ServiceOrderItemRef.id",),
        "the published structure has no attribute id",
    ),
    Difference(
        OURS,
        ("longest *",),
        "Kaitong keeps these in columns that can be searched, and refuses rather than cuts",
    ),
    Difference(
        OURS,
        ("parameter post /* header Idempotency-Key string",),
        "safe repetition: the same key never makes two orders",
    ),
    Difference(
        OURS,
        ("header post /* 201 Location string",),
        "the design guidelines demand it; the published file leaves it out",
    ),
    Difference(
        OURS,
        ("parameter get /serviceOrder query *",),
        "filters by attribute, which the published file describes in words only",
    ),
    *_EVENTS,
    Difference(
        THEIRS,
        ("status get /serviceOrder 404", "status get /cancelServiceOrder 404"),
        "an empty list is a list",
    ),
)

TMF638_DIFFERENCES = (
    *_COMMON,
    *_EVENTS,
    Difference(
        OURS,
        ("status post /hub 413", "status post /hub 415", "header post /hub 201 Location string"),
        "a body too large or of another type each have a status of their own; what was made says "
        "where it is",
    ),
    Difference(
        OURS, ("longest EventSubscriptionInput.*",), "an address and a query have a bound here"
    ),
    Difference(
        THEIRS,
        ("operation post /service", "operation patch /service/{id}", "operation delete /service/*"),
        "services are made, changed and ended by orders only",
    ),
    Difference(
        OURS,
        ("mandatory Service.id", "mandatory Service.href"),
        "these two stand in every answer, whatever `fields` selects",
    ),
    Difference(THEIRS, ("status get /service 404",), "an empty list is a list"),
)

TMF621_DIFFERENCES = (
    *_EVENTS,
    *(
        one
        for one in _COMMON
        if "Feature.featureCharacteristic" not in one.facts[0]
        and not any("contactMedium" in fact or "AddressSelection" in fact for fact in one.facts)
    ),
    Difference(
        OURS,
        ("status * 422", "status * 413", "status * 415"),
        "a rule of the business and a body too large or of another type each have a status of "
        "their own, with the same body",
    ),
    Difference(
        THEIRS,
        ("operation delete /troubleTicket/{id}",),
        "a ticket is taken back with a reason and kept; it is never deleted",
    ),
    Difference(
        THEIRS,
        (
            "attribute TroubleTicket*.attachment *",
            "attribute AttachmentRefOrValue.*",
            "attribute Quantity.*",
            "attribute TimePeriod.*",
        ),
        "pictures come with the work that takes them, not with the report",
    ),
    Difference(
        THEIRS,
        (
            "attribute TroubleTicket_Create.creationDate *",
            "attribute TroubleTicket_Create.expectedResolutionDate *",
            "attribute TroubleTicket_Create.lastUpdate *",
            "attribute TroubleTicket_Create.resolutionDate *",
            "attribute TroubleTicket_Create.status *",
            "attribute TroubleTicket_Create.statusChange *",
            "attribute TroubleTicket_Create.statusChangeDate *",
            "attribute TroubleTicket_Create.troubleTicketRelationship *",
        ),
        "the server owns these: they follow from the ticket's process and clock",
    ),
    Difference(
        THEIRS,
        (
            "attribute TroubleTicket_Update.channel *",
            "attribute TroubleTicket_Update.description *",
            "attribute TroubleTicket_Update.expectedResolutionDate *",
            "attribute TroubleTicket_Update.externalId *",
            "attribute TroubleTicket_Update.name *",
            "attribute TroubleTicket_Update.note *",
            "attribute TroubleTicket_Update.priority *",
            "attribute TroubleTicket_Update.related*",
            "attribute TroubleTicket_Update.requestedResolutionDate *",
            "attribute TroubleTicket_Update.resolutionDate *",
            "attribute TroubleTicket_Update.severity *",
            "attribute TroubleTicket_Update.ticketType *",
            "attribute TroubleTicket_Update.troubleTicketRelationship *",
        ),
        "what was reported stays as it was reported; only the customer's word on it is taken",
    ),
    Difference(
        THEIRS,
        ("mandatory RelatedParty.*",),
        "a caller who is not a customer of ours has no id",
    ),
    Difference(
        OURS,
        ("mandatory TroubleTicket.id", "mandatory TroubleTicket.href"),
        "these two stand in every answer, whatever `fields` selects",
    ),
    Difference(
        OURS,
        ("longest *",),
        "Kaitong keeps these in columns that can be searched, and refuses rather than cuts",
    ),
    Difference(
        OURS,
        ("parameter post /* header Idempotency-Key string",),
        "safe repetition: the same key never makes two tickets",
    ),
    Difference(
        OURS,
        ("header post /* 201 Location string",),
        "the design guidelines demand it; the published file leaves it out",
    ),
    Difference(THEIRS, ("status get /troubleTicket 404",), "an empty list is a list"),
)

"""TMF621 Trouble Ticket v4: what a fault or a complaint (故障单、投诉) is made of."""

from kaitong.tmf.contract.common import ERROR_PARTS, NAME, reference
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
    many,
    one,
    structures,
    text,
)

TICKET_STATES = Enumeration(
    "TroubleTicketStatusType",
    (
        "acknowledged",
        "rejected",
        "pending",
        "held",
        "inProgress",
        "cancelled",
        "closed",
        "resolved",
    ),
)
_NOTE = Structure(
    "Note",
    "a remark somebody wrote",
    (text("id"), text("author", "who wrote it"), date("date", "when"), text("text"), *TYPED),
)
_STATUS_CHANGE = Structure(
    "StatusChange",
    "when the ticket came to a state, and why",
    (date("changeDate"), text("changeReason"), text("status"), *TYPED),
)
_RELATIONSHIP = Structure(
    "TroubleTicketRelationship",
    "another ticket this one depends on: the fault it repeats",
    (text("id"), text("href"), NAME, text("relationshipType"), *TYPED),
)
_ENTITY = Structure(
    "RelatedEntity",
    "what the ticket is about: the service, the common cause",
    (
        text("id", mandatory=True),
        text("href"),
        NAME,
        text("role", mandatory=True),
        *TYPED,
        text("@referredType", "the class of what is referred to", mandatory=True),
    ),
)
_PARTY = Structure(
    "RelatedParty",
    "a person or organisation and the part played",
    (text("id"), text("href"), NAME, text("role"), *REFERRED),
)
_OPEN = (
    text("description", "what the customer says", longest=500),
    date("expectedResolutionDate", "when it is due", by_server=True),
    text("externalId", "the requester's own number", longest=120),
    text("name", "the symptom: its key in the playbook, or its title", longest=60),
    text("priority"),
    date("requestedResolutionDate"),
    date("resolutionDate", "when it was mended", by_server=True),
    text("severity", "critical, major, minor; other words are kept and not understood", longest=40),
    text("statusChangeReason", "why it came to this state"),
    text("ticketType", "fault or complaint; other words are complaints", longest=40),
    one("channel", "ChannelRef"),
    many("note", "Note"),
    many("relatedEntity", "RelatedEntity"),
    many("relatedParty", "RelatedParty"),
    many("troubleTicketRelationship", "TroubleTicketRelationship", by_server=True),
)
TROUBLE_TICKET = Structure(
    "TroubleTicket",
    "something that does not work, or that somebody is not content with",
    (
        text("id", "given by Kaitong", by_server=True),
        text("href", "where it can be read", by_server=True),
        date("creationDate", "when it was taken in", by_server=True),
        date("lastUpdate", by_server=True),
        date("statusChangeDate", by_server=True),
        many("statusChange", "StatusChange", by_server=True),
        choice("status", TICKET_STATES, "follows from its process", by_server=True),
        *_OPEN,
        *TYPED,
    ),
)
UPDATE = Structure(
    "TroubleTicket_Update",
    "what of a ticket may be changed: cancelled by the customer, or not mended after all",
    (choice("status", TICKET_STATES), text("statusChangeReason", longest=200), *TYPED),
)

TMF621 = Contract(
    number="TMF621",
    version="4.0.0",
    title="Trouble Ticket",
    base_path="troubleTicket/v4",
    resource=TROUBLE_TICKET.answering("id", "href"),
    creation=TROUBLE_TICKET.for_creation("description", "severity", "ticketType"),
    structures=structures(
        _NOTE,
        _STATUS_CHANGE,
        _RELATIONSHIP,
        _ENTITY,
        _PARTY,
        reference(
            "ChannelRef", "how the ticket came: a channel of the playbook", NAME, href=Kind.TEXT
        ),
        UPDATE,
        *ERROR_PARTS,
        SUBSCRIPTION,
        SUBSCRIPTION_INPUT,
    ),
)

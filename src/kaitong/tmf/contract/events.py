"""Events of TM Forum: who listens (hub), and what a notification is made of."""

from kaitong.tmf.contract.vocabulary import Structure, text

SUBSCRIPTION = Structure(
    "EventSubscription",
    "somebody who is told what happens",
    (
        text("id", "given by Kaitong", mandatory=True),
        text("callback", "where notifications are sent", mandatory=True),
        text("query", "which events are wanted"),
        text("secret", "signs every notification; told once, when the listener is registered"),
    ),
)
SUBSCRIPTION_INPUT = Structure(
    "EventSubscriptionInput",
    "a wish to be told what happens (as a request)",
    (
        text("callback", "an http or https address; /listener/EVENT is added", 500, mandatory=True),
        text("query", "eventType=A,B and state=C,D (status of a ticket); all without one", 500),
    ),
)

#: What happened -> the name of its event. Of the published ones those are left out that nothing of
#: ours causes (docs/tmf.md).
ORDER_EVENTS = {
    "created": "ServiceOrderCreateEvent",
    "state": "ServiceOrderStateChangeEvent",
    "described": "ServiceOrderAttributeValueChangeEvent",
    "information": "ServiceOrderInformationRequiredEvent",
    "jeopardy": "ServiceOrderJeopardyAlertEvent",
}
CANCELLATION_EVENTS = {
    "created": "CancelServiceOrderCreateEvent",
    "state": "CancelServiceOrderStateChangeEvent",
}
SERVICE_EVENTS = {
    "created": "ServiceCreateEvent",
    "state": "ServiceStateChangeEvent",
    "described": "ServiceAttributeValueChangeEvent",
}
TICKET_EVENTS = {
    "created": "TroubleTicketCreateEvent",
    "state": "TroubleTicketStatusChangeEvent",
    "described": "TroubleTicketAttributeValueChangeEvent",
    "resolved": "TroubleTicketResolvedEvent",
    "information": "TroubleTicketInformationRequiredEvent",
}
#: Published, and never sent: nothing of ours causes them.
CAUSELESS = {
    "TMF641": (
        "ServiceOrderDeleteEvent",  # an order is taken back and kept
        "ServiceOrderMilestoneStateChangeEvent",  # milestones are clocks, read as they stand
        "CancelServiceOrderInformationRequiredEvent",  # a withdrawal asks its requester nothing
    ),
    "TMF638": ("ServiceDeleteEvent",),  # a service ends, and is kept
    "TMF621": ("TroubleTicketDeleteEvent",),  # a ticket is taken back with a reason, and kept
}

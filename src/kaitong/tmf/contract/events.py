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

#: What happened -> the name of its event.
ORDER_EVENTS = {
    "created": "ServiceOrderCreateEvent",
    "state": "ServiceOrderStateChangeEvent",
    "described": "ServiceOrderAttributeValueChangeEvent",
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
}

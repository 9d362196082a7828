"""TMF641's task CancelServiceOrder: the customer takes an order back (撤单)."""

from kaitong.tmf.contract.common import NAME, reference
from kaitong.tmf.contract.vocabulary import (
    TYPED,
    Contract,
    Enumeration,
    Structure,
    choice,
    date,
    link,
    one,
    structures,
    text,
)

TASK_STATES = Enumeration(
    "TaskStateType", ("accepted", "terminatedWithError", "inProgress", "done")
)
ORDER_REF = reference("ServiceOrderRef", "the order that is taken back", NAME)
CANCELLATION = Structure(
    "CancelServiceOrder",
    "a request to take back a service order that is under way",
    (
        text("id", "given by Kaitong", by_server=True),
        link("href", "where the request can be read", by_server=True),
        text("cancellationReason", "a reason of the procedure: GROUP.REASON", longest=130),
        date("effectiveCancellationDate", "when everything was undone", by_server=True),
        date("requestedCancellationDate", "kept; withdrawing begins at once"),
        one("serviceOrder", "ServiceOrderRef"),
        choice("state", TASK_STATES, "inProgress until everything is undone", by_server=True),
        *TYPED,
    ),
)
CANCELLATION_CREATE = CANCELLATION.for_creation("serviceOrder")
CANCELLATION_ANSWER = CANCELLATION.answering("id", "href")

#: What filters and selections of these tasks may name.
TMF641_CANCELLATION = Contract(
    number="TMF641",
    version="4.1.0",
    title="Service Ordering",
    base_path="serviceOrdering/v4",
    resource=CANCELLATION_ANSWER,
    creation=CANCELLATION_CREATE,
    structures=structures(ORDER_REF),
)

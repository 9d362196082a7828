"""The exception family of ordering."""

from kaitong.core.errors import BadInput, Conflict, Forbidden, KaitongError, NotFound, Refused


class OrderError(KaitongError):
    """Something about an order cannot be done."""

    default_code = "order"


class OrderNotFound(OrderError, NotFound):
    """No such order, or it is another branch's."""


class OrderForbidden(OrderError, Forbidden):
    """The actor's posts do not allow this."""


class OrderRefused(OrderError, Refused):
    """A rule of ordering says no."""


class WrongOrderState(OrderError, Conflict):
    """The order is no longer in a state that allows this."""


class PlanChanged(OrderError, Conflict):
    """What was shown before somebody agreed is no longer so."""


class DraftGone(OrderError, Conflict):
    """The draft has become an order, or was given up."""


class BadOrder(OrderError, BadInput):
    """The request has faults; nothing was written."""

"""The exception family of charging."""

from kaitong.core.errors import BadInput, Conflict, Forbidden, KaitongError, NotFound, Refused


class ChargingRefused(Refused):
    """A rule about money says no."""


class ChargingConflict(Conflict, ChargingRefused):
    """Somebody else took or gave back this money first."""


class ChargingNotFound(NotFound):
    """No such payment among those the actor may see."""


class ChargingForbidden(Forbidden):
    """The actor's posts do not allow this."""


class BadInvoice(BadInput):
    """The buyer's data have faults; nothing was asked for."""


class ChannelAway(KaitongError):
    """An online channel does not answer, or not so that it can be believed: worth another try."""

    default_code = "channel-away"

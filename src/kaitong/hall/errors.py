"""What can be wrong with queue numbers and counters."""

from kaitong.core.errors import BadInput, Conflict, Forbidden, KaitongError, NotFound, Refused


class HallError(KaitongError):
    """Root of this package's errors."""

    default_code = "hall"


class NoSuchTicket(HallError, NotFound):
    """There is no such queue number or counter, or it is another branch's."""


class HallRefused(HallError, Refused):
    """A rule of the hall says no."""


class WrongTicketState(HallError, Conflict):
    """The number is no longer in the state that was assumed."""

    default_code = "wrong-state"


class NotAllowed(HallError, Forbidden):
    """Only certain posts may do this."""


class BadHall(HallError, BadInput):
    """Input with faults: every one is named, nothing was written."""

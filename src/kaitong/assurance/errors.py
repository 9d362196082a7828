"""What can be wrong with faults, complaints, common causes and hand-overs."""

from kaitong.core.errors import BadInput, Conflict, Forbidden, KaitongError, NotFound, Refused


class AssuranceError(KaitongError):
    """Root of this package's errors."""

    default_code = "assurance"


class NoSuchFault(AssuranceError, NotFound):
    """There is no such fault, common cause or hand-over, or it is another branch's."""


class FaultRefused(AssuranceError, Refused):
    """A rule of the fault desk says no."""


class WrongFaultState(AssuranceError, Conflict):
    """The fault is no longer in the state that was assumed."""

    default_code = "wrong-state"


class NotAllowed(AssuranceError, Forbidden):
    """Only certain posts may do this."""


class BadFault(AssuranceError, BadInput):
    """A report with faults: every one is named, nothing was written."""

"""The exception family of the process runtime."""

from kaitong.core.errors import Conflict, Forbidden, KaitongError, NotFound, Refused


class ProcessError(KaitongError):
    """Something about a process cannot be done."""


class ProcessNotFound(ProcessError, NotFound):
    """No such definition, instance, work item or incident, or it is not this actor's to see."""


class ProcessRefused(ProcessError, Refused):
    """A rule of the runtime says no."""


class ProcessForbidden(ProcessError, Forbidden):
    """The actor sees the work but does not hold its post."""


class ProcessConflict(ProcessError, Conflict):
    """Somebody was faster, or the work is no longer in the state the request assumed."""

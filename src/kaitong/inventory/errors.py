"""What can be wrong with resources and services."""

from kaitong.core.errors import Conflict, Forbidden, KaitongError, NotFound, Refused


class InventoryError(KaitongError):
    """Root of the errors about resources and services."""

    default_code = "inventory"


class WrongState(InventoryError, Refused):
    """A resource or service cannot go from its state to the one asked for."""

    default_code = "wrong-state"


class NotProven(InventoryError, Refused):
    """A service may not become active: a proof its specification demands is missing."""

    default_code = "not-proven"


class ReservationGone(InventoryError, Conflict):
    """The pre-empted port is no longer held: the countdown ran out, or it was released."""

    default_code = "reservation-gone"


class PortTakenElsewhere(InventoryError, Conflict):
    """The named port belongs to somebody else, or is not free."""

    default_code = "port-taken"


class NumberGone(InventoryError, Conflict):
    """The number that was picked is somebody else's by now, or none of the range."""

    default_code = "number-gone"


class TooManyHeld(NumberGone):
    """This clerk, or this customer, holds as many numbers as the playbook allows."""

    default_code = "too-many-held"


class TerminalRefused(InventoryError, Refused):
    """A terminal is unknown, or not in the state the act needs."""

    default_code = "terminal-refused"


class BadPattern(InventoryError):
    """A numbering pattern cannot be read, or a value it needs is missing."""

    default_code = "bad-pattern"


class NoSuchResource(InventoryError, NotFound):
    """There is no such resource or service, or it is another branch's."""

    default_code = "not-found"


class NotKeeper(InventoryError, Forbidden):
    """Only who keeps the network's records changes them by hand."""

    default_code = "not-keeper"


class StateMoved(InventoryError, Conflict):
    """The piece is no longer in the state that was shown."""

    default_code = "state-moved"

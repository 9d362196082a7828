"""The exception family of customers."""

from kaitong.core.errors import BadInput, Conflict, NotFound, Refused


class PartyRefused(Refused):
    """A rule about customers or identity documents says no."""


class PartyConflict(Conflict, PartyRefused):
    """The customer was changed by somebody else, or is registered differently."""


class PartyNotFound(NotFound):
    """No such customer among those the actor may see."""


class PartyInput(BadInput):
    """Faults in a customer's data, all of them."""

"""The exception family of charging."""

from kaitong.core.errors import Conflict, NotFound, Refused


class ChargingRefused(Refused):
    """A rule about money says no."""


class ChargingConflict(Conflict, ChargingRefused):
    """Somebody else took or gave back this money first."""


class ChargingNotFound(NotFound):
    """No such payment among those the actor may see."""

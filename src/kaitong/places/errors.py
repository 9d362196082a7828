"""What can be wrong with places."""

from kaitong.core.errors import KaitongError


class PlacesError(KaitongError):
    """Root of the errors about regions and addresses."""

    default_code = "places"


class UnknownRegion(PlacesError):
    """A region is named that nobody has added."""

    default_code = "unknown-region"

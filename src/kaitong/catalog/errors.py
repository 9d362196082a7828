"""What can be wrong with the catalogue."""

from kaitong.core.errors import KaitongError


class CatalogError(KaitongError):
    """Root of the errors about offerings and specifications."""

    default_code = "catalog"


class NotOffered(CatalogError):
    """An offering or specification is not, or no longer, to be had."""

    default_code = "not-offered"


class KeyTaken(CatalogError):
    """Two playbooks want the same key."""

    default_code = "key-taken"

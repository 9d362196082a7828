"""What can go wrong between Kaitong and the network."""

from __future__ import annotations

from kaitong.core.errors import KaitongError


class ActivationError(KaitongError):
    """Root of this package's errors."""

    default_code = "activation"


class BadPattern(ActivationError):
    """A NAS-Port-Id pattern that cannot be used."""

    default_code = "nas-port-pattern"


class BadLine(ActivationError):
    """A line that cannot be named to the network."""

    default_code = "line"


class ElementProblem(ActivationError):
    """A network element's record is missing or incomplete: people must correct it (cause: data)."""

    default_code = "element"


class Unreachable(ActivationError):
    """The element did not answer in time: try again later (cause: network)."""

    default_code = "unreachable"


class RefusedByElement(ActivationError):
    """The element answered and said no to the change itself (cause: data)."""

    default_code = "refused-by-element"

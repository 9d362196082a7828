"""What can be wrong with figures that are asked for."""

from __future__ import annotations

from kaitong.core.errors import KaitongError, NotFound


class ReportingError(KaitongError):
    """Root of this package's errors."""

    default_code = "reporting"


class FiguresNotFound(ReportingError, NotFound):
    """Figures of a branch the reader does not see, or there is none."""

    default_code = "figures-not-found"

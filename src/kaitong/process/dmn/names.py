"""Names with blanks: `Monthly Salary` is read as `Monthly_Salary`.

DMN allows blanks and signs in names; Kaitong's FEEL does not. The names a file declares are known
before its expressions are compiled, so each occurrence outside of strings is rewritten.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_SIGN = re.compile(r"\W")
_BLANK = re.compile(r"\s+")


def alias(name: str) -> str:
    """The name as an expression of Kaitong writes it.

    >>> alias("Monthly Salary")
    'Monthly_Salary'
    """
    return _SIGN.sub("_", _BLANK.sub(" ", name.strip()))


class Names:
    """The names of a file that need rewriting, and the rewriting."""

    def __init__(self, names: Iterable[str]) -> None:
        special = {_BLANK.sub(" ", name.strip()) for name in names if _SIGN.search(name.strip())}
        longest = sorted(special, key=lambda name: (-len(name), name))
        parts = [re.escape(name).replace(r"\ ", r"\s+") for name in longest]
        self._pattern = (
            re.compile(rf'"(?:\\.|[^"\\])*"|(?<!\w)({"|".join(parts)})(?!\w)') if parts else None
        )

    def plain(self, text: str) -> str:
        """The text with every known name rewritten."""
        if self._pattern is None:
            return text
        return self._pattern.sub(lambda found: alias(found[1]) if found[1] else found[0], text)

    def keys(self, value: Any) -> Any:
        """A value whose contexts are keyed by rewritten names."""
        if self._pattern is None:
            return value
        if isinstance(value, Mapping):
            return {alias(str(key)): self.keys(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.keys(item) for item in value]
        return value

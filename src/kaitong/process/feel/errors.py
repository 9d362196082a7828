"""What can be wrong with an expression, and the bounds every expression lives in."""

from __future__ import annotations

from kaitong.process.errors import ProcessError

MAX_LENGTH = 4_000  # characters of an expression
MAX_DEPTH = 64  # nesting of its parts
MAX_ITEMS = 10_000  # items of a list or context an expression makes or walks
MAX_STRING = 100_000  # characters of a string an expression makes
MAX_STEPS = 200_000  # of one evaluation: parts evaluated, items walked, texts handled (budget.py)
MAX_DECISION_STEPS = 1_000_000  # of one decision with everything it requires
CHARACTERS_A_STEP = 64  # of text read or made
MAX_VALUE_DEPTH = 64  # nesting of a value an expression gives


class FeelError(ProcessError):
    """An expression that cannot be compiled, or whose evaluation has no meaning.

    `text` is the expression, `where` names what holds it (a file, an element), `line` and `column`
    count from 1 inside the expression.
    """

    def __init__(
        self, what: str, *, text: str = "", where: str = "", line: int = 1, column: int = 1
    ):
        super().__init__(what, code="feel")
        self.text = text
        self.where = where
        self.line = line
        self.column = column

    def __str__(self) -> str:
        holder = f"{self.where}: " if self.where else ""
        place = f"line {self.line}, column {self.column}"
        return f"{holder}`{shorten(self.text)}`, {place}: {self.what}"


class Problem(Exception):
    """Raised inside an evaluation; the compiler adds the place and makes a FeelError of it."""

    def __init__(self, what: str):
        super().__init__(what)
        self.what = what
        self.place: tuple[int, int] | None = None


def shorten(text: str, size: int = 120) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= size else flat[: size - 1] + "…"

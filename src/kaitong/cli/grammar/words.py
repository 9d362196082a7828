"""How a command is declared: its verb, its arguments, and the function that does it."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

Argument = tuple[str, dict[str, Any]]  # names, as `add_argument` takes them

AS_JSON: Argument = ("--json", {"action": "store_true"})
AS_USER: Argument = ("--as", {"dest": "user", "required": True, "metavar": "USER"})
BY: Argument = ("--as", {"dest": "user", "default": "", "metavar": "USER"})
REASON: Argument = ("--reason", {"default": "", "metavar": "TEXT"})


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """An argument that is a whole number between two bounds."""

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = lowest - 1
        if not lowest <= number <= highest:
            raise argparse.ArgumentTypeError(f"must be a whole number, {lowest} to {highest}")
        return number

    return read


LIMIT: Argument = ("--limit", {"type": whole(1, 100_000), "default": 200})


class Group:
    """Verbs behind one word, such as `order submit` and `order show`."""

    def __init__(self, verbs: Any) -> None:
        self._verbs = verbs

    def leaf(self, name: str, handler: str, *arguments: Argument) -> None:
        """A command; `handler` names module and function in `kaitong.cli`."""
        made: argparse.ArgumentParser = self._verbs.add_parser(name)
        for names, options in arguments:
            made.add_argument(*names.split(), **options)
        made.set_defaults(handler=handler)


class Grammar(Group):
    """The whole command line."""

    def __init__(self, root: argparse.ArgumentParser) -> None:
        super().__init__(root.add_subparsers(dest="verb", required=True, metavar="VERB"))

    def group(self, name: str) -> Group:
        verbs = self._verbs.add_parser(name)
        return Group(verbs.add_subparsers(dest="what", required=True, metavar="WHAT"))

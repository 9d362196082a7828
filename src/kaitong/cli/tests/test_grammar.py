"""Every command of the grammar leads to a function, and stands in the help."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib import import_module

from kaitong.cli import grammar


def leaves(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, str]]:
    """(words, handler) of every command below."""
    if handler := parser.get_default("handler"):
        yield name, handler
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, below in action.choices.items():
                yield from leaves(below, f"{name} {word}".strip())


def test_every_command_leads_to_a_function_of_its_room():
    found = dict(leaves(grammar.parser()))
    assert {"order submit", "work return", "lab", "money close"} - set(found) == {"lab"}
    for words, handler in found.items():
        module, _, name = handler.rpartition(".")
        assert callable(getattr(import_module(f"kaitong.cli.{module}"), name)), words


def test_every_command_stands_in_the_help():
    text = grammar.__doc__ or ""
    missing = [words for words, _ in leaves(grammar.parser()) if words.split()[0] not in text]
    assert missing == []
    for words in ("order withdraw", "work list", "figures check", "billing arrears", "money card"):
        assert words in text

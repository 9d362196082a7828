"""`./run lab up|down|status|session|line|stb|phone|trap`: the lab's command line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from kaitong.core.errors import KaitongError
from kaitong.lab import aaa, access, alarms, platforms, telephony, television
from kaitong.lab.errors import LabError
from kaitong.lab.line import LineLab


class Element(Protocol):
    """What stands for one element: its commands, and how it is."""

    def up(self, as_json: bool) -> None: ...
    def down(self, as_json: bool) -> None: ...
    def status(self) -> tuple[str, dict[str, Any]] | None: ...


ELEMENTS: dict[str, Element] = {
    "tax": platforms.TAX,
    "pay": platforms.PAY,
    "snmp": alarms,
    "iptv": television,
    "voice": telephony,
    "broadband": access,
    "radius": aaa,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; 0 done, 1 failed, 2 wrong arguments, 3 programs are missing."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return error.exit_code
    except KaitongError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./run lab", description="Real network elements on this machine."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)

    up = verbs.add_parser("up", help="start elements and wait until they answer")
    up.add_argument("element", nargs="*", default=["radius"], metavar="ELEMENT")
    up.set_defaults(run=_up)

    down = verbs.add_parser("down", help="end what `up` started")
    down.add_argument("element", nargs="*", default=["radius"], metavar="ELEMENT")
    down.set_defaults(run=_down)

    status = verbs.add_parser("status", help="host, port and shared secret of each element")
    status.set_defaults(run=_status)

    session, line = aaa.add_parser(verbs), access.add_parser(verbs)
    alarms.add_parser(verbs)
    stb, phone = television.add_parser(verbs), telephony.add_parser(verbs)
    for verb in (up, down, status, session, line, stb, phone):
        verb.add_argument("--json", action="store_true", help="one JSON object")
    return parser


def _named(names: Sequence[str]) -> dict[str, Element]:
    """The elements asked for, in the order in which they start."""
    for name in names:
        if name not in ELEMENTS:
            raise LabError(f"The lab has no element {name!r}.", f"It has: {', '.join(ELEMENTS)}.")
    return {name: element for name, element in ELEMENTS.items() if name in names}


def _up(arguments: argparse.Namespace) -> int:
    asked = _named(arguments.element)
    for name, element in asked.items():
        if name == "radius" and "broadband" in asked:
            continue  # it came up with the line
        element.up(arguments.json)
    return 0


def _down(arguments: argparse.Namespace) -> int:
    asked = _named(arguments.element)
    for name, element in asked.items():
        if name == "radius" and "broadband" not in asked:
            LineLab().down()  # there is no line without its AAA server
        element.down(arguments.json)
    return 0


def _status(arguments: argparse.Namespace) -> int:
    found = {name: element.status() for name, element in ELEMENTS.items()}
    if arguments.json:
        print(json.dumps({"elements": [told[1] for told in found.values() if told]}))
        return 0
    for name, told in found.items():
        if told is not None:
            print(told[0])
        elif name == "radius":
            print("radius: never started here. Start it: ./run lab up radius")
    return 0

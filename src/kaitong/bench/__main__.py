"""`./run bench [NAME] [--json]`: the figures of docs/benchmarks.md, all from one run."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from importlib import import_module

from kaitong.bench.figures import Figure, keyed, machine, say, table
from kaitong.bench.place import Place, own_place
from kaitong.core.errors import KaitongError

BENCHES = {
    "process": "steps of the process runtime beside a bare table, the commit limit, SpiffWorkflow",
    "process-scale": "steps, lists and timers with a million waiting instances",
    "orders": "whole orders a second beside the machine's commit limit",
    "pages": "p95 of workbench, order page and TMF641 list with 100,000 orders",
    "broadband": "changes of 100,000 lines in use, their pages, accounts a second at FreeRADIUS",
    "ports": "32 clients taking 10,000 ports, none twice",
    "papers": "papers a second",
    "billing": "the bills of a month for 100,000 services",
    "figures": "figures of a million orders: the page, and folding what changes",
    "import": "100,000 addresses and a network of as many rows from file to tables",
}
_MODULES = {"import": "imports", "process-scale": "process_scale", "figures": "reporting"}
# these take minutes to a quarter of an hour, and up to some ten GB
_ONLY_ASKED = ("process-scale", "billing", "figures")


def take(place: Place, name: str, *, small: bool) -> list[Figure]:
    """Run one benchmark."""
    module = import_module(f"kaitong.bench.{_MODULES.get(name, name)}")
    run: Callable[..., list[Figure]] = module.run
    return run(place, module.SMALL if small else module.Size())


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="./run bench",
        description="Benchmarks, on a PostgreSQL of their own.",
        epilog="\n".join(f"{name:8} {text}" for name, text in BENCHES.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHES))
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    parser.add_argument("--small", action="store_true", help="a few seconds each, to try them")
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in BENCHES]
    if unknown:
        parser.error(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    names = asked.names or [name for name in BENCHES if name not in _ONLY_ASKED]
    facts = machine()
    figures: dict[str, list[Figure]] = {}
    try:
        with own_place() as place:
            facts |= {"postgresql": place.version, **place.settings()}
            for name in names:
                print(f"{name}: {BENCHES[name]}", flush=True)
                begun = time.monotonic()
                figures[name] = take(place, name, small=asked.small)
                print(table(figures[name]), flush=True)
                say(f"{name} took {time.monotonic() - begun:.0f} s")
    except KaitongError as error:
        print(f"kaitong: {error}", file=sys.stderr)
        return 1
    missed = [f.name for found in figures.values() for f in found if f.mark == "miss"]
    judged = sum(f.mark != "" for found in figures.values() for f in found)
    print(
        f"{judged - len(missed)} of {judged} limits kept"
        + "".join(f"\n  missed: {m}" for m in missed)
    )
    if asked.json:
        document = {
            "machine": facts,
            "small": asked.small,
            "figures": {name: [f.as_dict() for f in found] for name, found in figures.items()},
            "missed": missed,
            **keyed(figure for found in figures.values() for figure in found),
        }
        print(json.dumps(document, ensure_ascii=False), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

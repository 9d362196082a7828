"""How a command tells of an element that comes and goes: a line for people, or a JSON object."""

from __future__ import annotations

import json
from typing import Any


def came(as_json: bool, facts: dict[str, Any], line: str) -> None:
    print(json.dumps(facts) if as_json else line)


def went(as_json: bool, element: str, ended: bool) -> None:
    if as_json:
        print(json.dumps({"element": element, "running": False, "ended": ended}))
    else:
        print(f"{element}: down" if ended else f"{element}: was not running")

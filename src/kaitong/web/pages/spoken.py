"""Stored sentences made of words of a playbook, in the reader's language."""

from __future__ import annotations

import re
from collections.abc import Callable

from kaitong.core import wording
from kaitong.web import format as fmt

_LEVELS = re.compile("：|: ")
_QUOTED = re.compile("“([^”]+)”")


def reason(text: str, say: Callable[[str], str]) -> str:
    """A reason with both its levels: what the program says of it, and the playbook's own words."""
    told = wording.read(text)
    parts = _LEVELS.split(told)
    said = [say(part) for part in parts]
    return told if said == parts else fmt.mark("：").join(said)


def steps(text: str, say: Callable[[str], str]) -> str:
    """A refusal that names steps of a process between quotation marks, in the playbook's words."""
    return _QUOTED.sub(lambda found: f"“{say(found[1])}”", text)

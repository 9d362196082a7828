"""The engine's own bounds, against processes that do not end and orders beyond all measure.

They are no business of a playbook: an installation sets them by its environment, for every process
of it alike (README, docs/process-runtime.md). Read once, when the process starts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping


def number(name: str, default: int, most: int, given: Mapping[str, str] = os.environ) -> int:
    """A whole number from 1 to `most`; refused with a sentence that says so."""
    text = given.get(name, "").strip()
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise ValueError(f"{name}={text!r}: give a whole number from 1 to {most}.")
    return int(text)


# transactional actions in one step; more is a loop without a wait
STEP_ACTIONS = number("KAITONG_STEP_ACTIONS", 200, 10_000)
# instances of one repeated activity, tokens of one process instance
INSTANCES = number("KAITONG_MOST_INSTANCES", 500, 10_000)
TOKENS = number("KAITONG_MOST_TOKENS", 1_000, 50_000)
# seconds a click on "retry the group" may take; what is left is said, and the next click goes on
GROUP_RETRY_SECONDS = number("KAITONG_GROUP_RETRY_SECONDS", 12, 300)
